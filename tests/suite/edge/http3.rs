//! HTTP/3 at a running edge: real requests over QUIC, and the header that tells clients to use it.

use std::process::Command;

use serde_json::Value;

use crate::attacks::edge::running::{Request, Response, RunningEdge, SERVER, STRANGER, generated_project};
use crate::attacks::edge::tools_are_installed;
use crate::support::{root, run, tool};
use crate::up::in_own_namespaces;

const STACK: &str = r#"
  tls.mode = 'files, edge.http3 = true,
  services.plain = {
    image = "a/plain:1",
    port = 8001,
    guard.internal_paths = ["/admin"],
    routes = {
      plain.subdomain = "plain",
      own = { subdomain = "own", response_headers.X-Robots-Tag = "noindex" },
      any.subdomain = "*",
    },
  },
"#;
const HOST: &str = "plain.shop.example.com";
const OFFER: &str = "h3=\":443\"; ma=86400";

#[test]
fn clients_reach_services_over_http3() {
    if tools_are_installed() && tool("http3/bin/python").is_some() {
        in_own_namespaces("edge::http3::clients_reach_services_over_http3", check_http3);
    }
}

/// Sends a request over HTTP/3 from the loopback address.
fn send_over_http3(host: &str, path: &str) -> Value {
    let mut client = Command::new(tool("http3/bin/python").expect("the tools are installed"));
    let output = run(client.arg(root().join("tests/edge/http3.py")).args([SERVER, "8443", host, path]));
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}{}", output.stdout, output.stderr))
}

fn http3_offers(response: &Response) -> Vec<String> {
    let headers = response.headers.iter().filter_map(|line| line.split_once(": "));
    headers.filter(|(name, _)| name.eq_ignore_ascii_case("alt-svc")).map(|(_, value)| value.to_owned()).collect()
}

fn check_http3() {
    let project = generated_project(STACK);
    let environment = project.path().join("deploy/prod");
    {
        let edge = RunningEdge::start(&environment);
        let response = send_over_http3(HOST, "/a%20b?x=1");
        let received: Value = serde_json::from_str(response["body"].as_str().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{response}"));
        assert_eq!((&response["status"], &received["path"]), (&200.into(), &"/a%20b".into()));
        let headers = &received["headers"];
        assert_eq!((&headers["x-own"], &headers["x-forwarded-proto"]), (&"1".into(), &"https".into()));
        assert_eq!((&headers["host"], &headers["x-forwarded-for"]), (&HOST.into(), &SERVER.into()));
        // The rules of the edge also apply to HTTP/3: internal paths, ambiguous paths, hosts without a site.
        assert_eq!(send_over_http3(HOST, "/admin/x")["status"], 403);
        assert_eq!(send_over_http3(HOST, "/a/..%2fadmin")["status"], 400);
        assert!(
            send_over_http3("shop.example.org", "/")["error"].is_string(),
            "a host without a site gets no handshake"
        );
        // Every site offers HTTP/3 over TLS, exactly once; the redirect from HTTP does not.
        for host in [HOST, "own.shop.example.com", "x.shop.example.com"] {
            let response = edge.send(&[Request::get(STRANGER, host, "/", "")]).remove(0);
            assert_eq!((response.status, http3_offers(&response)), (200, vec![OFFER.to_owned()]), "{host}");
        }
        let redirect = edge.send(&[Request { port: 8080, ..Request::get(STRANGER, HOST, "/", "") }]).remove(0);
        assert_eq!((redirect.status, http3_offers(&redirect)), (308, vec![]));
    }
    // Known-bad control: without the option, no client connects, and no header offers it.
    let project = generated_project(&STACK.replace("edge.http3 = true,", ""));
    let edge = RunningEdge::start(&project.path().join("deploy/prod"));
    assert!(send_over_http3(HOST, "/")["error"].is_string());
    assert_eq!(http3_offers(&edge.send(&[Request::get(STRANGER, HOST, "/", "")]).remove(0)), [""; 0]);
}
