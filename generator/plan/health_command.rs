//! A health check as a command in exec form, for every target that runs one inside the container: no shell reads
//! anything.

use super::Check;
use crate::stack::health::HttpTool;
use crate::values::UrlPath;

impl Check {
    /// The command and its arguments; nothing where there is no check.
    pub fn command(&self) -> Option<Vec<String>> {
        Some(match self {
            Check::None => return None,
            Check::Exec(command) => command.iter().map(ToString::to_string).collect(),
            Check::Http { port, path, tool } => http(*port, path, *tool),
            Check::Tcp { port } => words(&["nc", "-z", "127.0.0.1", &port.to_string()]),
            Check::Grpc { port } => words(&["grpc_health_probe", &format!("-addr=127.0.0.1:{port}")]),
        })
    }
}

fn http(port: u16, path: &UrlPath, tool: HttpTool) -> Vec<String> {
    let url = format!("http://127.0.0.1:{port}{path}");
    match tool {
        HttpTool::Wget => words(&["wget", "-q", "-O", "/dev/null", &url]),
        HttpTool::Curl => words(&["curl", "-fsS", "-o", "/dev/null", &url]),
        // The path's alphabet holds no quote, so it cannot leave the string.
        HttpTool::Node => {
            words(&["node", "-e", &format!("fetch('{url}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))")])
        }
        HttpTool::Python => {
            words(&["python3", "-c", &format!("import urllib.request as u;u.urlopen('{url}',timeout=3)")])
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
