//! The options for connections to registries: mirrors, and hosts without TLS.

use std::collections::{BTreeMap, BTreeSet};

/// Options for connections to registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// The mirrors of each host, as `host[/prefix]`. They are tried before the host, in this order.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts to contact by plain HTTP.
    pub plain_http: BTreeSet<String>,
}

impl HostSettings {
    /// Collects the arguments of a command line: pairs of host and mirror, and hosts without TLS.
    pub fn new(mirrors: &[(String, String)], plain_http: &[String]) -> Self {
        let mut settings = HostSettings { plain_http: plain_http.iter().cloned().collect(), ..Self::default() };
        for (host, mirror) in mirrors {
            settings.mirrors.entry(host.clone()).or_default().push(mirror.clone());
        }
        settings
    }

    /// Parses `HOST=MIRROR[/PREFIX]` into the host and the mirror: `docker.io=mirror:5000/hub` into `docker.io` and
    /// `mirror:5000/hub`.
    ///
    /// # Errors
    /// The text has a different form.
    pub fn parse_mirror(text: &str) -> Result<(String, String), String> {
        let (host, mirror) = text.split_once('=').ok_or("expected HOST=MIRROR")?;
        let is_address =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/[]".contains(c));
        if is_address(host) && is_address(mirror) && !mirror.contains("//") {
            Ok((host.to_owned(), mirror.trim_end_matches('/').to_owned()))
        } else {
            Err("expected HOST=MIRROR, without https:// and spaces".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_hosts_with_a_prefix() {
        let parse = |text: &str| HostSettings::parse_mirror(text);
        assert_eq!(parse("docker.io=mirror:5000/hub/"), Ok(("docker.io".to_owned(), "mirror:5000/hub".to_owned())));
        for malformed in ["docker.io", "docker.io=https://mirror", "=mirror", "docker.io=", "docker.io=a b"] {
            assert!(parse(malformed).is_err(), "{malformed}");
        }
        let mirrors = ["docker.io=a", "docker.io=b"].map(|text| parse(text).unwrap());
        let settings = HostSettings::new(&mirrors, &["localhost:5000".to_owned()]);
        assert_eq!(settings.mirrors["docker.io"], ["a", "b"]);
        assert!(settings.plain_http.contains("localhost:5000"));
    }
}
