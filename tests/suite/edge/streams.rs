//! Many requests of one client at once: over HTTP/2, each counts as a connection of the client.

use std::process::Command;

use super::{PLAIN, environment};
use crate::attacks::edge::running::{RunningEdge, SERVER};
use crate::attacks::edge::tools_are_installed;
use crate::support::{run, tool};
use crate::up::in_own_namespaces;

#[test]
fn a_page_with_many_requests_stays_within_the_limit_of_connections() {
    if tools_are_installed() && tool("stamps/calls").is_some() {
        in_own_namespaces(
            "edge::streams::a_page_with_many_requests_stays_within_the_limit_of_connections",
            send_many_requests,
        );
    }
}

/// Sends 128 requests that take half a second in one connection, and returns the line with the number of each status.
fn statuses() -> String {
    let mut client = Command::new("h2load");
    client.args(["-c1", "-m128", "-n128", &format!("--connect-to={SERVER}:8443")]);
    let output = run(client.arg(format!("https://{PLAIN}:8443/silent?0.5")));
    let line = output.stdout.lines().find(|line| line.starts_with("status codes: "));
    line.unwrap_or_else(|| panic!("{}{}", output.stdout, output.stderr)).to_owned()
}

fn send_many_requests() {
    let (_project, environment) = environment();
    // [`RunningEdge`] removes the limit if its line has the usual form.
    let keep_limit = |text: &str| {
        assert!(!text.contains("events {") || text.contains("limit_conn clients 100;"), "{text}");
        text.replace("limit_conn clients ", "limit_conn  clients ")
    };
    {
        let _edge = RunningEdge::start_with(&environment, keep_limit);
        assert!(statuses().contains(" 128 2xx"), "{}", statuses());
    }
    // Known-bad control: with the default of nginx, the client sends more requests at once than it may.
    let default_streams = |text: &str| keep_limit(text).replace("http2_max_concurrent_streams", "#");
    let _edge = RunningEdge::start_with(&environment, default_streams);
    assert!(statuses().contains(" 28 5xx"), "{}", statuses());
}
