//! Settings of single routes at a running edge: prefixes, redirects, passwords, headers and access from other origins.

use std::path::Path;

use crate::attacks::edge::running::{Answer, Request, RunningEdge, STRANGER, generated};
use crate::attacks::edge::tools;
use crate::up::apart;

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
"#;

#[test]
fn routes_have_their_settings() {
    if tools() {
        apart("edge::routes::routes_have_their_settings", ask_each_route);
    }
}

fn start(environment: &Path, change: impl Fn(&str) -> String) -> RunningEdge {
    // The test's nginx has no mounted secrets: its users are in a file beside its configuration.
    std::fs::write(environment.join("nginx/users"), "reader:{PLAIN}tulip\n").unwrap();
    RunningEdge::start_with(environment, move |text| change(&text.replace("/run/secrets/users", "/etc/nself/users")))
}

fn header(answer: &Answer, name: &str) -> Vec<String> {
    let lines = answer.headers.iter().filter_map(|line| line.split_once(':'));
    let values = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

fn ask_each_route() {
    let project = generated(ROUTES);
    let environment = project.path().join("deploy/prod");
    let get = |label: &str, path: &str, headers: &str| {
        Request::get(STRANGER, &format!("{label}.shop.example.com"), path, headers)
    };
    {
        let edge = start(&environment, str::to_owned);
        let ask = |request: Request| edge.ask(&[request]).remove(0);
        prefixes(&ask, &get);
        headers(&ask, &get);
        origins(&ask, &get);
        let moved = ask(get("old", "/a%20b?x=1", ""));
        assert_eq!(
            (moved.status, header(&moved, "location")),
            (307, vec!["https://new.example.com/shop/a%20b?x=1".into()])
        );
        let wiki = |headers: &str| ask(get("wiki", "/", headers));
        assert_eq!(wiki("").status, 401);
        assert_eq!(wiki("Authorization: Basic cmVhZGVyOnJvc2U=\r\n").status, 401, "reader:rose");
        let inside = wiki("Authorization: Basic cmVhZGVyOnR1bGlw\r\n");
        assert_eq!((inside.status, &inside.received["headers"]["authorization"]), (200, &serde_json::Value::Null));
    }
    // Known-bad control: without the setting, a stranger enters.
    let edge = start(&environment, |text| text.replace("auth_basic \"restricted\";", ""));
    assert_eq!(edge.ask(&[get("wiki", "/", "")])[0].status, 200);
}

fn prefixes(ask: &dyn Fn(Request) -> Answer, get: &dyn Fn(&str, &str, &str) -> Request) {
    for (path, received, query) in [
        ("/api/v1.0", "/", ""),
        ("/api/v1.0/", "/", ""),
        ("/api/v1.0/a%20b/c/%7e?x=%2F&y", "/a%20b/c/%7e", "x=%2F&y"),
        ("/api/v1.0?q", "/", "q"),
        ("/other/api/v1.0/x", "/other/api/v1.0/x", ""),
    ] {
        let answer = ask(get("plain", path, ""));
        assert_eq!(answer.received["path"], received, "{path}: {answer:?}");
        assert_eq!(answer.received["query"], query, "{path}");
    }
    let received = ask(get("plain", "/api/v1.0/x", "X-Forwarded-Prefix: /evil\r\nX-Real-IP: 192.0.2.1\r\n")).received;
    let headers = &received["headers"];
    assert_eq!(headers["x-forwarded-prefix"], "/api/v1.0");
    assert_eq!((&headers["x-real-ip"], &headers["x-team"]), (&STRANGER.into(), &"shop; a=b".into()));
    // What nginx takes for the prefix, and the client wrote in a different way, cannot be removed without a guess.
    assert_eq!(ask(get("plain", "/%61pi/v1.0/x", "")).status, 400);
    assert_eq!(ask(get("plain", "/api/v1x0/y", "")).received["path"], "/api/v1x0/y");
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
        let answer = ask(get("plain", path, ""));
        assert_eq!((answer.status, header(&answer, "x-route").concat().as_str()), (200, route), "{path}");
    }
    // A path that the service guards stays closed behind the prefix.
    for path in ["/admin/x", "/api/v1.0/admin", "/api/v1.0/ADMIN/x", "/api/v1.0/%61dmin", "/api/v1.0/a/../admin"] {
        assert!([403, 400].contains(&ask(get("plain", path, "")).status), "{path}");
    }
}

fn headers(ask: &dyn Fn(Request) -> Answer, get: &dyn Fn(&str, &str, &str) -> Request) {
    let answer = ask(get("plain", "/teapot", ""));
    assert_eq!(answer.status, 418);
    assert_eq!(header(&answer, "x-robots-tag"), ["noindex, nofollow"]);
    assert_eq!(header(&answer, "x-frame-options"), ["DENY"]);
    assert_eq!(header(&answer, "x-content-type-options"), ["nosniff"], "those of every answer stay");
    assert_eq!(header(&answer, "x-odd"), ["1"], "those of the service stay");
}

fn origins(ask: &dyn Fn(Request) -> Answer, get: &dyn Fn(&str, &str, &str) -> Request) {
    let allowed = |origin: &str| {
        let answer = ask(get("cors", "/", &format!("Origin: {origin}\r\n")));
        assert_eq!(answer.status, 200);
        header(&answer, "access-control-allow-origin")
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
        ask(request)
    };
    let answer = preflight("https://app.example.org");
    assert_eq!(answer.status, 204);
    assert_eq!(header(&answer, "access-control-allow-methods"), ["GET, HEAD, POST, PUT"]);
    assert_eq!(header(&answer, "access-control-allow-credentials"), ["true"]);
    assert!(header(&answer, "vary").contains(&"Origin".to_owned()));
    let stranger = preflight("https://evil.example");
    assert_eq!(
        (stranger.status, header(&stranger, "access-control-allow-origin")),
        (200, vec![]),
        "the service answers"
    );
}
