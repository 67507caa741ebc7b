//! Settings of single routes at a running edge: prefixes, redirects, passwords, headers and access from other origins.

use std::path::Path;

use crate::attacks::edge::running::{Request, Response, RunningEdge, STRANGER, generated_project};
use crate::attacks::edge::tools_are_installed;
use crate::up::in_own_namespaces;

const ROUTES: &str = r#"
  tls.mode = 'files,
  secrets.users = nself.external "users",
  services.orders = {
    image = "a/orders:1",
    port = 8001,
    guard.internal_paths = ["/admin"],
    routes = {
      plain = { subdomain = "plain", response_headers = { X-Robots-Tag = "noindex, nofollow", X-Frame-Options = "DENY" } },
      whole = { subdomain = "plain", path = "/api", response_headers.X-Route = "whole" },
      files = { subdomain = "plain", path = "/api/files/", response_headers.X-Route = "files" },
      api = { subdomain = "plain", path = "/api/v1.0", response_headers.X-Route = "api", strip_prefix = true, request_headers.X-Team = "shop; a=b" },
      cors = {
        subdomain = "cors",
        cors = { origins = ["https://app.example.org", "https://*.partner.example.org"], methods = ["PUT"], credentials = true },
      },
      old = { subdomain = "old", redirect = { to = "https://new.example.com/shop", keep_path = true } },
      wiki = { subdomain = "wiki", basic_auth = "users" },
    },
  },
  services.pages = {
    image = "a/pages:1",
    port = 8002,
    routes = { open.subdomain = "open", members = { subdomain = "open", path = "/members", basic_auth = "users" } },
  },
"#;

#[test]
fn routes_have_their_settings() {
    if tools_are_installed() {
        in_own_namespaces("edge::routes::routes_have_their_settings", check_each_route);
    }
}

fn start(environment: &Path, change: impl Fn(&str) -> String) -> RunningEdge {
    // The test's nginx has no mounted secrets: its users are in a file next to its configuration.
    std::fs::write(environment.join("nginx/users"), "reader:{PLAIN}tulip\n").unwrap();
    RunningEdge::start_with(environment, move |text| change(&text.replace("/run/secrets/users", "/etc/nself/users")))
}

fn header(response: &Response, name: &str) -> Vec<String> {
    let lines = response.headers.iter().filter_map(|line| line.split_once(':'));
    let values = lines.filter(|(line_name, _)| line_name.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

fn check_each_route() {
    let project = generated_project(ROUTES);
    let environment = project.path().join("deploy/prod");
    let get = |label: &str, path: &str, headers: &str| {
        Request::get(STRANGER, &format!("{label}.shop.example.com"), path, headers)
    };
    {
        let edge = start(&environment, str::to_owned);
        let send = |request: Request| edge.send(&[request]).remove(0);
        check_prefixes(&send, &get);
        check_headers(&send, &get);
        check_origins(&send, &get);
        let redirect = send(get("old", "/a%20b?x=1", ""));
        assert_eq!(
            (redirect.status, header(&redirect, "location")),
            (307, vec!["https://new.example.com/shop/a%20b?x=1".into()])
        );
        let open_wiki = |headers: &str| send(get("wiki", "/", headers));
        assert_eq!(open_wiki("").status, 401);
        assert_eq!(open_wiki("Authorization: Basic cmVhZGVyOnJvc2U=\r\n").status, 401, "reader:rose");
        // reader:tulip
        let page = open_wiki("Authorization: Basic cmVhZGVyOnR1bGlw\r\n");
        assert_eq!((page.status, &page.received["headers"]["authorization"]), (200, &serde_json::Value::Null));
        check_password_of_a_path(&send, &get);
    }
    // Known-bad control: without the setting, a stranger enters.
    let edge = start(&environment, |text| text.replace("auth_basic \"restricted\";", ""));
    assert_eq!(edge.send(&[get("wiki", "/", "")])[0].status, 200);
}

fn check_prefixes(send: &dyn Fn(Request) -> Response, get: &dyn Fn(&str, &str, &str) -> Request) {
    for (path, received, query) in [
        ("/api/v1.0", "/", ""),
        ("/api/v1.0/", "/", ""),
        ("/api/v1.0/a%20b/c/%7e?x=%2F&y", "/a%20b/c/%7e", "x=%2F&y"),
        ("/api/v1.0?q", "/", "q"),
        ("/other/api/v1.0/x", "/other/api/v1.0/x", ""),
    ] {
        let response = send(get("plain", path, ""));
        assert_eq!(response.received["path"], received, "{path}: {response:?}");
        assert_eq!(response.received["query"], query, "{path}");
    }
    let received = send(get("plain", "/api/v1.0/x", "X-Forwarded-Prefix: /evil\r\nX-Real-IP: 192.0.2.1\r\n")).received;
    let headers = &received["headers"];
    assert_eq!(headers["x-forwarded-prefix"], "/api/v1.0");
    assert_eq!((&headers["x-real-ip"], &headers["x-team"]), (&STRANGER.into(), &"shop; a=b".into()));
    // nginx decodes `/%61pi` to the prefix, but the raw path does not begin with it, so nginx cannot remove it.
    assert_eq!(send(get("plain", "/%61pi/v1.0/x", "")).status, 400);
    assert_eq!(send(get("plain", "/api/v1x0/y", "")).received["path"], "/api/v1x0/y");
    // A path takes the paths below it, and the longest one wins.
    for (path, route) in [
        ("/api", "whole"),
        ("/api/", "whole"),
        ("/api/x", "whole"),
        ("/api;a=b/x", "whole"),
        ("/%61pi?x", "whole"),
        ("/api/files", "whole"),
        ("/api/v1.0beta", "whole"),
        ("/api/files/", "files"),
        ("/api/files/v1.0", "files"),
        ("/api/v1.0/files/", "api"),
        ("/api-docs", ""),
        ("/apis/x", ""),
        ("/x/api", ""),
    ] {
        let answer = send(get("plain", path, ""));
        assert_eq!((answer.status, header(&answer, "x-route").concat().as_str()), (200, route), "{path}");
    }
    // A path that the service guards is also closed below the prefix.
    for path in ["/admin/x", "/api/v1.0/admin", "/api/v1.0/ADMIN/x", "/api/v1.0/%61dmin", "/api/v1.0/a/../admin"] {
        assert!([403, 400].contains(&send(get("plain", path, "")).status), "{path}");
    }
}

/// A path with a password beside an open one: no spelling that a service may read as that path passes without it.
fn check_password_of_a_path(send: &dyn Fn(Request) -> Response, get: &dyn Fn(&str, &str, &str) -> Request) {
    for path in ["/members", "/MEMBERS/x", "/%6dembers", "/a/../members", "/a/..;/members", "/;x/members", "//members"]
        .into_iter()
        .chain(["/%5cmembers", "/%256dembers", "/a%2f..%2fmembers", "/members;x", "/members%00"])
    {
        assert!([400, 401].contains(&send(get("open", path, "")).status), "{path}");
    }
    for path in ["/", "/membership", "/x/members", "/a%20b;c=1"] {
        assert_eq!(send(get("open", path, "")).status, 200, "{path}");
    }
}

fn check_headers(send: &dyn Fn(Request) -> Response, get: &dyn Fn(&str, &str, &str) -> Request) {
    let response = send(get("plain", "/teapot", ""));
    assert_eq!(response.status, 418);
    assert_eq!(header(&response, "x-robots-tag"), ["noindex, nofollow"]);
    assert_eq!(header(&response, "x-frame-options"), ["DENY"]);
    assert_eq!(header(&response, "x-content-type-options"), ["nosniff"], "the edge still sends its own headers");
    assert_eq!(header(&response, "x-odd"), ["1"], "the edge still sends the headers of the service");
}

fn check_origins(send: &dyn Fn(Request) -> Response, get: &dyn Fn(&str, &str, &str) -> Request) {
    let allowed = |origin: &str| {
        let response = send(get("cors", "/", &format!("Origin: {origin}\r\n")));
        assert_eq!(response.status, 200);
        header(&response, "access-control-allow-origin")
    };
    for origin in ["https://app.example.org", "https://a.partner.example.org", "https://a.b.partner.example.org"] {
        assert_eq!(allowed(origin), [origin]);
    }
    for origin in [
        "http://app.example.org",
        "https://app.example.org.evil.example",
        "https://partner.example.org",
        "https://evilpartner.example.org",
        "https://a.partnerxexample.org",
        "null",
    ] {
        assert_eq!(allowed(origin), [""; 0], "{origin}");
    }
    let preflight = |origin: &str| {
        let mut request = get("cors", "/", "");
        request.raw = format!(
            "OPTIONS / HTTP/1.1\r\nHost: cors.shop.example.com\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n\
             Connection: close\r\n\r\n"
        );
        send(request)
    };
    let response = preflight("https://app.example.org");
    assert_eq!(response.status, 204);
    assert_eq!(header(&response, "access-control-allow-methods"), ["GET, HEAD, POST, PUT"]);
    assert_eq!(header(&response, "access-control-allow-credentials"), ["true"]);
    assert!(header(&response, "vary").contains(&"Origin".to_owned()));
    let stranger = preflight("https://evil.example");
    assert_eq!(
        (stranger.status, header(&stranger, "access-control-allow-origin")),
        (200, vec![]),
        "the edge forwards the preflight request of an unknown origin to the service"
    );
}
