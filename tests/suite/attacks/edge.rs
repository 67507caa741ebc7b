//! Attacks through the edge: forged addresses, upgrades, header names, ambiguous paths. A real nginx with the generated
//! files forwards requests to a service that answers with the request that it received.

mod answers;
mod callers;
mod forwarded_addresses;
mod headers;
mod paths;
pub mod running;
mod upgrades;

use std::path::PathBuf;

use crate::support::tool;
use running::generated_project;

/// Fields of a stack with every kind of route, a second endpoint and access rules; the address of the office is
/// internal.
const ALL_ROUTES: &str = r#"
  edge.internal_addresses = ["198.51.100.0/24"],
  tls.mode = 'files,
  include_frontends = true,
  frontends = { web.port = 3000, web.route.subdomain = "web" },
  graphql_endpoints.app1.route.subdomain = "app1",
  services = {
    hasura.routes.second = { subdomain = "graph" },
    minio = nself.services.minio & { routes.console = { subdomain = "console", port = "console" } },
    mlflow = nself.services.mlflow & { routes.second.subdomain = "tracking" },
    mail = nself.services.mail,
    meilisearch = nself.services.meilisearch,
    plain = { image = "a/plain:1", port = 8001, route.subdomain = "plain" },
    rpc = { image = "a/rpc:1", port = 8002, route = { subdomain = "rpc", kind = 'grpc, internal_paths = ["/admin.Keys"] } },
    parts = {
      image = "a/parts:1",
      port = 8003,
      routes = { main.subdomain = "parts", admin = { subdomain = "parts", path = "/admin", access = 'internal } },
    },
  },
"#;

fn project_with_all_routes() -> tempfile::TempDir {
    generated_project(ALL_ROUTES)
}

fn environment(project: &tempfile::TempDir, name: &str) -> PathBuf {
    project.path().join("deploy").join(name)
}

/// Returns whether the tools for a running edge are installed; prints the missing ones.
pub fn tools_are_installed() -> bool {
    tool("forky").is_some() && tool("hypercorn/bin/hypercorn").is_some()
}

fn host(subdomain: &str) -> String {
    format!("{subdomain}.shop.example.com")
}
