//! Callers whose address decides which routes they may use.

use super::running::{GATEWAY, LAN, NEIGHBOUR, OFFICE, RunningEdge, STRANGER, generated_project};
use super::{environment, host, project_with_all_routes, tools_are_installed};
use crate::up::in_own_namespaces;

/// Attack: callers from private networks, other containers and the bridge request internal routes.
/// Expectation: outside local, only listed addresses are internal, and the bridge's address never is.
#[test]
fn only_listed_addresses_are_internal() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::callers::only_listed_addresses_are_internal", check_listed_addresses);
    }
}

fn check_listed_addresses() {
    let project = project_with_all_routes();
    let internal = [
        ("tracking", "/"),
        ("mlflow", "/api/2.0/mlflow/experiments/list"),
        ("console", "/"),
        ("parts", "/admin"),
        ("api", "/console"),
        ("app1", "/v1/metadata"),
        ("storage", "/minio/admin/v3/info"),
        ("search", "/keys"),
        ("rpc", "/admin.Keys/List"),
    ];
    let paths = internal.map(|(subdomain, path)| (host(subdomain), path));
    for profile in ["staging", "prod"] {
        let edge = RunningEdge::start(&environment(&project, profile));
        let callers = [STRANGER, LAN, NEIGHBOUR, GATEWAY];
        for (from, statuses) in callers.iter().zip(edge.statuses(&callers, &paths)) {
            assert_eq!(statuses, [403; 9], "{profile} from {from}: {paths:?}");
        }
        // The last path is a gRPC call, which succeeds only over HTTP/2.
        assert_eq!(edge.statuses(&[OFFICE], &paths[..8]), [[200; 8]], "{profile}: {paths:?}");
        assert_eq!(edge.send_over_http2(STRANGER, &host("rpc"), "/admin.Keys/List", &[]).status, 403);
        assert_eq!(edge.send_over_http2(OFFICE, &host("rpc"), "/admin.Keys/List", &[]).status, 200);
        if profile == "staging" {
            assert_eq!((edge.status(LAN, &host("mail"), "/"), edge.status(OFFICE, &host("mail"), "/")), (403, 200));
        }
    }
    // A route that the stack opens is open to all callers; all others stay internal.
    let with_open_console =
        generated_project("tls.mode = 'files, services.hasura.guard.internal_paths = [\"/v1/metadata\"],");
    let edge = RunningEdge::start(&environment(&with_open_console, "staging"));
    let paths = ["/console", "/v1/metadata"].map(|path| (host("api"), path));
    assert_eq!(edge.statuses(&[STRANGER], &paths), [[200, 403]]);
    drop(edge);

    let with_wide_range = generated_project(
        "tls.mode = 'files, edge.internal_addresses = [\"172.30.0.0/16\"], services.inner = { image = \"a/b:1\", port = 8001, route = { subdomain = \"inner\", access = 'internal } },",
    );
    let edge = RunningEdge::start(&environment(&with_wide_range, "prod"));
    assert_eq!(edge.status(NEIGHBOUR, &host("inner"), "/"), 200, "the address is in a listed range");
    assert_eq!(edge.status(GATEWAY, &host("inner"), "/"), 403, "nginx may see any caller with the bridge's address");
}

/// Attack: a machine of the local network, or a different container, connects to the nginx of a developer.
/// Expectation: with ports on the loopback address only this machine is internal; with other ports only listed
/// addresses.
#[test]
fn in_local_only_this_machine_is_internal() {
    if tools_are_installed() {
        in_own_namespaces("attacks::edge::callers::in_local_only_this_machine_is_internal", check_local_callers);
    }
}

fn check_local_callers() {
    let internal = [("mail", "/"), ("api", "/console"), ("api", "/v1/metadata"), ("storage", "/minio/admin/v3/info")];
    let services = "services = { mail = nself.services.mail, minio = nself.services.minio, PUBLISH },";
    // Returns the Compose file, and for each caller the status that all internal paths have.
    let compose_and_statuses = |body: &str| {
        let project = generated_project(body);
        let local = environment(&project, "local");
        let compose = std::fs::read_to_string(local.join("compose.yaml")).unwrap();
        let edge = RunningEdge::start(&local);
        let paths = internal.map(|(subdomain, path)| (format!("{subdomain}.local.nself.org"), path));
        let statuses_of_callers = edge.statuses(&[GATEWAY, LAN, NEIGHBOUR, STRANGER, OFFICE], &paths);
        let common_status = |statuses: &Vec<u64>| {
            assert!(statuses.iter().all(|status| *status == statuses[0]), "{statuses:?}");
            statuses[0]
        };
        (compose, statuses_of_callers.iter().map(common_status).collect::<Vec<u64>>())
    };
    let (compose, statuses) = compose_and_statuses(&services.replace("PUBLISH", ""));
    assert!(compose.contains("host_ip: \"127.0.0.1\"") && !compose.contains("0.0.0.0"), "{compose}");
    assert_eq!(statuses, [200, 403, 403, 403, 403]);
    let open =
        services.replace("PUBLISH", "nginx.publish = { http.address = \"0.0.0.0\", https.address = \"0.0.0.0\" }");
    let (compose, statuses) = compose_and_statuses(&open);
    assert!(compose.contains("host_ip: \"0.0.0.0\""), "{compose}");
    assert_eq!(statuses, [403, 403, 403, 403, 403], "no address is listed");
    let (_, statuses) = compose_and_statuses(&format!("{open} edge.internal_addresses = [\"192.168.1.0/24\"],"));
    assert_eq!(statuses, [403, 200, 403, 403, 403]);
}
