//! Reads the host in the text of a URL, as RFC 3986 defines it. The text may be incomplete, such as a part of a composed
//! secret, so nothing is refused.

/// Splits a URL after its scheme: `redis://cache:6379/0` into `redis` and `cache:6379/0`. `None` for a text that does not
/// start with a scheme and `://`.
pub fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, after_scheme) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, after_scheme))
}

/// Returns the host of a URL, such as `cache` for `redis://user:password@cache:6379/0`; `None` for other texts.
pub fn host_of_url(text: &str) -> Option<&str> {
    split_scheme(text).map(|(_, after_scheme)| host_and_port(after_scheme).0)
}

/// Returns the host and the text of the port of a URL without its scheme: `user:password@cache:6379/0?a=b@c` has the host
/// `cache` and the port `6379`. The brackets of an IPv6 address are removed.
pub fn host_and_port(after_scheme: &str) -> (&str, Option<&str>) {
    // An `@` in the path, the query or the fragment belongs to no user.
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    if let Some((host, after_host)) = address.strip_prefix('[').and_then(|address| address.split_once(']')) {
        return (host, after_host.strip_prefix(':'));
    }
    address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_between_the_user_and_the_port() {
        for (text, host) in [
            ("redis://cache", Some("cache")),
            ("redis://cache:6379/0", Some("cache")),
            ("rediss://user:password@cache:6379", Some("cache")),
            ("redis://:p@ss@cache:6379", Some("cache")),
            ("postgres+psycopg://u@db?options=a@b:1", Some("db")),
            ("postgres://db/shop?user=me@work", Some("db")),
            ("https://files#a@b", Some("files")),
            ("https://api/@scope/package", Some("api")),
            ("https://me@[::1]:8080/x", Some("::1")),
            ("https://[::1", Some("[")),
            ("http://", Some("")),
            ("http:///path", Some("")),
            ("cache:6379", None),
            ("see redis://cache", None),
            ("1a://cache", None),
            ("://cache", None),
            ("", None),
        ] {
            assert_eq!(host_of_url(text), host, "{text}");
        }
    }

    #[test]
    fn a_port_follows_the_host() {
        for (text, expected) in [
            ("cache:6379/0", ("cache", Some("6379"))),
            ("user:1@cache:6379?a=b:2", ("cache", Some("6379"))),
            ("user:1@cache", ("cache", None)),
            ("[::1]:80", ("::1", Some("80"))),
            ("[::1]", ("::1", None)),
            ("a:1,b:2", ("a", Some("1,b:2"))),
        ] {
            assert_eq!(host_and_port(text), expected, "{text}");
        }
    }
}
