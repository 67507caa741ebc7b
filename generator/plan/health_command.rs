//! Translates a health check to a command in exec form, for targets that run it inside the container. No shell is
//! involved, so nothing needs quoting.

use super::Check;
use crate::stack::health::HttpTool;
use crate::values::UrlPath;

impl Check {
    /// Returns the program and its arguments: `["nc", "-z", "127.0.0.1", "5432"]`; `None` if the service has no check.
    pub fn command(&self) -> Option<Vec<String>> {
        Some(match self {
            Check::None => return None,
            Check::Exec(command) => command.iter().map(ToString::to_string).collect(),
            Check::Http { port, path, tool } => http_command(*port, path, *tool),
            Check::Tcp { port } => command_line(&["nc", "-z", "127.0.0.1", &port.to_string()]),
            Check::Grpc { port } => command_line(&["grpc_health_probe", &format!("-addr=127.0.0.1:{port}")]),
        })
    }
}

/// Returns the command of a GET request to the container's port. The command fails unless the response reports success.
fn http_command(port: u16, path: &UrlPath, tool: HttpTool) -> Vec<String> {
    let url = format!("http://127.0.0.1:{port}{path}");
    match tool {
        HttpTool::Wget => command_line(&["wget", "-q", "-O", "/dev/null", &url]),
        HttpTool::Curl => command_line(&["curl", "-fsS", "-o", "/dev/null", &url]),
        // A URL path contains no quotes, so it cannot end the string.
        HttpTool::Node => command_line(&[
            "node",
            "-e",
            &format!("fetch('{url}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"),
        ]),
        HttpTool::Python => {
            command_line(&["python3", "-c", &format!("import urllib.request as u;u.urlopen('{url}',timeout=3)")])
        }
    }
}

/// Returns a program and its arguments as a command.
fn command_line(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
