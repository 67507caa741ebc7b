//! Properties of host names: whether one is below a domain, whether it exists only on one machine or network, and its
//! form as one label.

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

/// Returns the labels of a host name before a domain: `api` of `api.example.com` for `example.com`. They are empty for
/// the domain itself, and `None` for a name that is not below it.
pub fn labels_below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let labels = host.strip_suffix(domain)?;
    if labels.is_empty() { Some(labels) } else { labels.strip_suffix('.') }
}

/// Returns whether a host is an IP address, or a name that is valid only on one machine or network.
pub fn is_private_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || PRIVATE_SUFFIXES.iter().any(|suffix| labels_below(host, suffix).is_some())
}

/// The maximum length of a label of DNS.
const MAX_LABEL_LENGTH: usize = 63;

/// Returns a host name as one label, such as `api-example-com`. A label that would be too long ends with eight digits of its
/// digest instead.
pub fn host_as_label(host: &str) -> String {
    let label = host.replace('.', "-");
    if label.len() <= MAX_LABEL_LENGTH {
        return label;
    }
    // A hyphen and the digits of the digest have nine characters.
    let digest = blake3::hash(host.as_bytes()).to_hex();
    format!("{}-{}", label[..MAX_LABEL_LENGTH - 9].trim_end_matches('-'), &digest[..8])
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

    #[test]
    fn a_long_host_name_is_a_label_with_a_digest() {
        assert_eq!(host_as_label("api.example.com"), "api-example-com");
        let long = |end: &str| host_as_label(&format!("{}.{end}.example.com", "a".repeat(60)));
        assert!(long("b").len() == 63 && long("b").starts_with("aaa") && long("b") != long("c"));
    }
}
