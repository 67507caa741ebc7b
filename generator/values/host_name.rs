//! Host names: those below a domain, and those that exist only on one machine or network.

use std::net::IpAddr;

/// Last labels of names that exist only on one machine or network (RFC 2606, 6761, 6762, 8375, 9476).
const PRIVATE_SUFFIXES: [&str; 11] = [
    "localhost",
    "local",
    "test",
    "internal",
    "invalid",
    "home.arpa",
    "lan",
    "localdomain",
    "onion",
    "local.nself.org",
    "alt",
];

/// Returns the labels of a host name before a domain: empty for the domain itself, `None` for a name that is not below
/// it.
pub fn labels_below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let labels = host.strip_suffix(domain)?;
    if labels.is_empty() { Some(labels) } else { labels.strip_suffix('.') }
}

/// Returns whether a host name is valid only on one machine or network.
pub fn is_private_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || PRIVATE_SUFFIXES.iter().any(|suffix| labels_below(host, suffix).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_end_at_a_dot() {
        for (host, labels) in [
            ("shop.example.com", Some("")),
            ("api.shop.example.com", Some("api")),
            ("a.b.shop.example.com", Some("a.b")),
            ("workshop.example.com", None),
            ("example.com", None),
        ] {
            assert_eq!(labels_below(host, "shop.example.com"), labels, "{host}");
        }
    }

    #[test]
    fn private_hosts_are_addresses_single_labels_and_names_below_reserved_ones() {
        for host in ["localhost", "orders", "10.0.0.1", "::1", "shop.test", "a.shop.local", "shop.home.arpa"] {
            assert!(is_private_host(host), "{host}");
        }
        for host in ["shop.example.com", "contest.example.com", "nself.org", "arpa.example.com"] {
            assert!(!is_private_host(host), "{host}");
        }
    }
}
