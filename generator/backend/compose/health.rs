//! Health checks in exec form: no shell reads anything.

use super::model::{Healthcheck, Scalar};
use crate::plan::{Check, Health};
use crate::stack::UrlPath;
use crate::stack::health::HttpTool;

pub fn healthcheck(health: &Health) -> Healthcheck {
    let test = match &health.check {
        // The image's own check would decide otherwise.
        Check::None => return Healthcheck { disable: Some(true), ..Healthcheck::default() },
        Check::Exec(command) => command.iter().map(ToString::to_string).collect(),
        Check::Http { port, path, tool } => http(*port, path, *tool),
        Check::Tcp { port } => words(&["nc", "-z", "127.0.0.1", &port.to_string()]),
        Check::Grpc { port } => words(&["grpc_health_probe", &format!("-addr=127.0.0.1:{port}")]),
    };
    Healthcheck {
        disable: None,
        test: std::iter::once("CMD".to_owned()).chain(test).map(Scalar::Text).collect(),
        interval: Some(health.interval.to_string()),
        timeout: Some(health.timeout.to_string()),
        retries: Some(health.retries),
        start_period: Some(health.start_period.to_string()),
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
