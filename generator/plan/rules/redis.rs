//! Rules of services that connect to a Redis with Sentinel.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::roster::{PlannedService, Roster};
use crate::stack::{EnvReference, EnvValue, Profile};
use crate::values::{ServiceName, url_host};

/// The catalogue entry of Sentinels.
const SENTINEL: &str = "redis-sentinel";
/// The catalogue entry of the nodes, which have fixed addresses, and of a single Redis, which has none.
const NODE: &str = "redis";
/// The catalogue entry of the exporter, which reads the metrics of each node.
const EXPORTER: &str = "redis-exporter";

/// Refuses variables with the address of one node, whose role changes when Sentinel selects a different master.
pub fn check(profile: Profile, roster: &Roster) -> Vec<Diagnostic> {
    let is_sentinel = |member: &&PlannedService| member.service.has_catalogue_entry(SENTINEL);
    if roster.values().find(is_sentinel).is_none() {
        return Vec::new();
    }
    let is_node = |member: &PlannedService| member.service.has_catalogue_entry(NODE) && member.service.fixed_address;
    let nodes: BTreeSet<&ServiceName> =
        roster.iter().filter(|(_, member)| is_node(member)).map(|(name, _)| name).collect();
    // Processes inherit the variables of their service.
    let may_address_nodes = |name: &ServiceName, member: &PlannedService| {
        let owner = roster.get(member.main_service(name)).unwrap_or(member);
        is_node(owner) || owner.service.has_catalogue_entry(SENTINEL) || owner.service.has_catalogue_entry(EXPORTER)
    };
    let clients = roster.iter().filter(|(name, member)| !may_address_nodes(name, member));
    let mut findings = Vec::new();
    for (_, member) in clients {
        for (field, variables) in member.service.variables() {
            let variables_with_node =
                variables.iter().filter_map(|(name, value)| Some((name, node_in(value, profile, &nodes)?)));
            findings.extend(variables_with_node.map(|(variable, node)| {
                Diagnostic::error(Code::RedisMaster, member.path.key(field).key(variable.as_str()))
                    .message(format!("the variable has the address of `{node}`, which is the master only until Sentinel selects a different one"))
                    .expected("the addresses of the Sentinels and the name of the master")
                    .hint("add `sentinel.client` to the service, with `let sentinel = nself.redis_sentinel {} in`, and use its variables REDIS_SENTINELS, REDIS_MASTER_NAME and REDIS_PASSWORD")
            }));
        }
    }
    findings
}

/// Returns the node whose address a value contains in a profile.
fn node_in<'a>(value: &EnvValue, profile: Profile, nodes: &BTreeSet<&'a ServiceName>) -> Option<&'a ServiceName> {
    let mut node = None;
    let mut visit = |reference: &EnvReference| {
        if let EnvReference::Url(address) = reference {
            node = node.or_else(|| nodes.get(&address.service).copied());
        }
    };
    value.for_each_reference(&[profile], &mut visit);
    let EnvValue::Text(text) = value else { return node };
    nodes.iter().copied().find(|node| names_host(text.as_str(), node.as_str()))
}

/// Returns whether a text has this name as its host. The text is a URL, such as `redis://user:pass@HOST:6379/0`, or
/// `HOST`, or `HOST:PORT`.
fn names_host(text: &str, name: &str) -> bool {
    let address = url_host::split_scheme(text).map_or(text, |(_, address)| address);
    url_host::host_and_port(address).0 == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_in_urls_and_alone() {
        for text in
            ["redis://redis-1:6379/0", "rediss://user:pass@redis-1", "redis-1", "redis-1:6379", "redis://redis-1#0"]
        {
            assert!(names_host(text, "redis-1"), "{text}");
        }
        for text in [
            "redis://redis-10:6379/0",
            "redis-1-cache:6379",
            "redis",
            "http://cache/redis-1",
            "redis://cache?a=@redis-1",
            "redis://cache#@redis-1",
            "",
        ] {
            assert!(!names_host(text, "redis-1"), "{text}");
        }
    }
}
