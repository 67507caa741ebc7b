//! Connections to the database server: how many it accepts, how many of them the pooler may open, and whether all services
//! together may open more.

use super::endpoint::DatabaseEndpoint;
use super::server_settings::max_connections;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{DATABASE, POOLER, service_name};
use crate::plan::wiring::SecretUsers;
use crate::stack::Stack;
use crate::words;

/// Connections that PostgreSQL keeps for superusers (`superuser_reserved_connections`).
const RESERVED: u64 = 3;
/// Maximum number of clients of one container of the pooler, as its file sets it (`max_client_conn`).
const POOLER_CLIENTS: u64 = 1000;
/// Maximum number of connections of all containers of the pooler, if the server's own limit is not known.
const POOL_CONNECTIONS: u64 = 100;
/// Maximum number of the pooler's connections to the server for one pair of role and database.
const LARGEST_POOL: u64 = 20;

/// Connections that containers of a service open.
struct Demand {
    /// The field that decides the number.
    path: FieldPath,
    connections: u64,
    /// How the number is composed, in words.
    explanation: String,
}

/// Returns the size of a pool. A container of the pooler has one pool for each pair of role and database. All of them
/// together take half of the server's connections.
pub fn pool_size(stack: &Stack, roster: &Roster, role_database_pairs: u64) -> u16 {
    let container_count = roster.get(&service_name(POOLER)).map_or(1, max_containers);
    let share = max_connections(stack, roster).map_or(POOL_CONNECTIONS, |limit| limit / 2);
    let size = (share / container_count / role_database_pairs.max(1)).clamp(1, LARGEST_POOL);
    u16::try_from(size).unwrap_or(u16::MAX)
}

/// Warns if services may open more connections than the server or the pooler accepts. Only services that declare
/// `connections` count, and the pooler with `pools` pools of `pool_size` connections.
pub fn check(stack: &Stack, roster: &Roster, users: &SecretUsers, pools: u64, pool_size: u16) -> Vec<Diagnostic> {
    let direct_demands = demands(roster, users, DatabaseEndpoint::Server);
    let pooled_demands = demands(roster, users, DatabaseEndpoint::Pooler);
    let mut findings = Vec::new();
    let pooler = roster.get(&service_name(POOLER));
    if let Some(limit) = max_connections(stack, roster) {
        let pooler_demand = pooler.map(|pooler| {
            let container_count = max_containers(pooler);
            let connections = pools * u64::from(pool_size) * container_count;
            let explanation = format!(
                "the pooler: {pools} pools of {pool_size} connections in {}",
                words::count(container_count, "container")
            );
            Demand { path: pooler.path.clone(), connections, explanation }
        });
        let path = match stack.database_server.settings.keys().find(|name| name.as_str() == "max_connections") {
            Some(name) => path!("database_server", "settings", name),
            None => path!("services", DATABASE),
        };
        let demands = direct_demands.into_iter().chain(pooler_demand).collect();
        let hint = "raise `database_server.settings.max_connections` and the memory limit of the server, lower `connections`, or use the pooler: \
                    `nself.pooled_url \"main\"`";
        findings.extend(excess(path, "the database server", limit.saturating_sub(RESERVED), demands, hint));
    }
    if let Some(pooler) = pooler {
        let limit = POOLER_CLIENTS * max_containers(pooler);
        let hint = "lower `connections` of the services, or raise `services.pgbouncer.replicas`";
        findings.extend(excess(pooler.path.clone(), "the pooler", limit, pooled_demands, hint));
    }
    findings
}

/// Returns the finding for demands that together exceed a server's limit; `None` if they do not.
fn excess(path: FieldPath, server: &str, limit: u64, mut demands: Vec<Demand>, hint: &str) -> Option<Diagnostic> {
    let total: u64 = demands.iter().map(|demand| demand.connections).sum();
    if total <= limit {
        return None;
    }
    demands.sort_by_key(|demand| std::cmp::Reverse(demand.connections));
    let finding = Diagnostic::warning(Code::Connections, path)
        .message(format!("services may open {total} connections, but {server} accepts {limit} of them"))
        .expected(format!("at most {limit} connections of all services together"))
        .hint(hint);
    let largest = demands.into_iter().filter(|demand| demand.connections > 0).take(3);
    Some(largest.fold(finding, |finding, demand| finding.related(demand.path, demand.explanation)))
}

/// Returns the connections that services may open to an endpoint: for each entry of `databases` that declares a number, one
/// demand of each service that uses its URL.
fn demands(roster: &Roster, users: &SecretUsers, endpoint: DatabaseEndpoint) -> Vec<Demand> {
    let mut demands = Vec::new();
    for (name, member) in roster {
        for (entry, declared) in &member.service.databases {
            let Some(connections) = declared.connections else { continue };
            let secret = endpoint.url_secret(name, entry);
            for user in users.of_secret(&secret).filter_map(|user| roster.get(user)) {
                let container_count = max_containers(user);
                demands.push(Demand {
                    path: member.path.key("databases").key(entry.as_str()).key("connections"),
                    connections: u64::from(connections) * container_count,
                    explanation: format!(
                        "{} in {}",
                        words::count(connections, "connection"),
                        words::count(container_count, "container")
                    ),
                });
            }
        }
    }
    demands
}

/// Returns the largest number of containers of a service.
fn max_containers(member: &PlannedService) -> u64 {
    let service = &member.service;
    let autoscale_max = service.autoscale.as_ref().map_or(0, |autoscale| autoscale.max);
    u64::from(service.replicas.unwrap_or(1).max(autoscale_max).max(1))
}
