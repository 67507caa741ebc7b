//! Host names below a domain.

/// Returns the labels of a host name before a domain: empty for the domain itself, `None` for a name that is not below
/// it.
pub fn labels_below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let labels = host.strip_suffix(domain)?;
    if labels.is_empty() { Some(labels) } else { labels.strip_suffix('.') }
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
}
