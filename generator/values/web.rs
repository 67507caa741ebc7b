//! Values of the web: hosts, addresses, paths, headers, and names of GraphQL.

use std::fmt;

use serde::{Serialize, Serializer};

use super::address_range::AddressRange;
use super::checked::{Checked, checked};
use super::text::{absolute_path_refusal, alphabet_refusal, is_lower_or_digit};
use crate::codes::Code;

/// Returns why a host name is refused. Clients read a host whose last label is a number as an IPv4 address, and a
/// number that begins with `0` as octal: `012` is 10.
pub(super) fn host_refusal(text: &str) -> Option<String> {
    let ends_with_number = || text.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    labels_refusal(text).or_else(|| {
        (ends_with_number() && text.parse::<std::net::Ipv4Addr>().is_err())
            .then(|| "it ends with a number, so it is read as an IPv4 address, but it is not one".to_owned())
    })
}

/// Returns why labels of DNS with dots between them are refused.
pub(super) fn labels_refusal(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some(format!("it has {} characters, but a DNS name has at most 253", text.len()));
    }
    if text.split('.').any(str::is_empty) {
        let reason = match text {
            "" => "it is empty",
            _ if text.starts_with('.') => "it begins with a dot",
            _ if text.ends_with('.') => "it ends with a dot",
            _ => "it has two dots in a row",
        };
        return Some(reason.into());
    }
    // All labels are checked at once, so that a message has the position of a character in the whole name.
    let alphabet = "a-z, 0-9, and between them `-` and `.`";
    let refusal =
        alphabet_refusal(text, 253, alphabet, is_lower_or_digit, |c| is_lower_or_digit(c) || "-.".contains(c));
    refusal.or_else(|| text.split('.').find_map(label_refusal))
}

/// Returns why a label of DNS with allowed characters is refused.
fn label_refusal(label: &str) -> Option<String> {
    let reason = match label {
        _ if label.len() > 63 => format!("has {} characters, but at most 63 are allowed", label.len()),
        _ if label.starts_with('-') => "begins with `-`".to_owned(),
        _ if label.ends_with('-') => "ends with `-`".to_owned(),
        _ => return None,
    };
    Some(format!("the label `{label}` {reason}"))
}

/// Returns why a name of GraphQL is refused.
fn graphql_name_refusal(text: &str) -> Option<String> {
    let alphabet = "letters, digits and `_`, and do not begin with a digit";
    alphabet_refusal(
        text,
        63,
        alphabet,
        |c| c.is_ascii_alphabetic() || c == '_',
        |c| c.is_ascii_alphanumeric() || c == '_',
    )
    .or_else(|| text.starts_with("__").then(|| "GraphQL reserves names that start with `__`".into()))
}

/// Returns whether a header value may contain a character.
fn is_header_character(c: char) -> bool {
    c.is_ascii_graphic() && !['"', '\\', '$'].contains(&c)
}

checked! {
    /// A DNS name (RFC 1123), lower case.
    Host, expected: "a host name of lower-case letters, digits, hyphens and dots", example: "api.example.com", refusal: |t| host_refusal(t)
}
checked! {
    /// Labels below the domain of the environment (`api`, `a.b`), `@` for the domain itself, `*` for every
    /// subdomain that no other route names.
    Subdomain, expected: "DNS labels, `@` or `*`", example: "api",
    refusal: |t| match t {
        "@" | "*" => None,
        _ => (t.len() > 100).then(|| "it is longer than 100 characters".to_owned()).or_else(|| labels_refusal(t)),
    }
}
checked! {
    /// The path of a URL, for nginx locations and health checks.
    UrlPath, expected: "a URL path that starts with `/`", example: "/healthz",
    refusal: |t| absolute_path_refusal(t)
}
checked! {
    /// The name of a request header. nginx drops headers with other characters in their names.
    HeaderName, expected: "a header name of letters, digits and `-`", example: "X-Admin-Secret",
    refusal: |t| alphabet_refusal(t, 64, "letters, digits and `-`, and begin with a letter", |c| c.is_ascii_alphabetic(), |c| c.is_ascii_alphanumeric() || c == '-')
}
checked! {
    /// The value of a header that the edge sets: visible ASCII with blanks between, without the characters that have a
    /// meaning in nginx.
    HeaderValue, expected: "a header value of visible ASCII without `\"`, `\\` and `$`", example: "noindex",
    refusal: |t| alphabet_refusal(t, 1024, "visible ASCII without `\"`, `\\` and `$`", is_header_character, |c| is_header_character(c) || c == ' ')
        .or_else(|| t.ends_with(' ').then(|| "it ends with a space".to_owned()))
}
checked! {
    /// An origin of web pages; `*.` in front of the host matches one label or more.
    Origin, expected: "an origin of web pages", example: "https://app.example.com",
    refusal: |text| {
        let Some(authority) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
            return Some("it does not start with `https://` or `http://`".into());
        };
        if authority.contains('/') {
            return Some("it has a path, but an origin ends with the host or its port".into());
        }
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
        match port.is_some_and(|port| !is_port(port)) {
            true => Some("the port is not a number from 1 to 65535".into()),
            false => host_refusal(host.strip_prefix("*.").unwrap_or(host)),
        }
    }
}
checked! {
    /// The target of a redirect: a full URL.
    WebAddress, expected: "a URL of http or https", example: "https://www.example.com/shop",
    refusal: |text| {
        let Some(address) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
            return Some("it does not start with `https://` or `http://`".into());
        };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._~/@+-:?=&%".contains(c);
        alphabet_refusal(address, 512, "letters, digits and `._~/@+-:?=&%`", |c| c.is_ascii_alphanumeric(), is_allowed)
    }
}
checked! {
    /// A name of GraphQL. Names that start with two underscores are reserved for introspection.
    GraphqlName, expected: "a GraphQL name of letters, digits and underscores", example: "checkout",
    refusal: |t| graphql_name_refusal(t), BadName
}
checked! {
    /// A type of GraphQL: a name, or a name in brackets for a list; `!` at the end means that it is never null.
    GraphqlType, expected: "a GraphQL type", example: "[OrderLine!]!",
    refusal: |text| {
        let nullable_type = text.strip_suffix('!').unwrap_or(text);
        // The inner `None` means that a list has no closing bracket.
        match nullable_type.strip_prefix('[').map(|item| item.strip_suffix(']')) {
            Some(None) => Some("it has no closing bracket".into()),
            Some(Some(item)) => graphql_name_refusal(item.strip_suffix('!').unwrap_or(item)),
            None => graphql_name_refusal(nullable_type),
        }
    }
}
impl GraphqlType {
    /// Returns the name of the type without brackets and `!`: `OrderLine` of `[OrderLine!]!`.
    pub fn base(&self) -> &str {
        self.as_str().trim_matches(['[', ']', '!'])
    }
}
impl Cidr {
    /// Returns the range with its number of bits: `10.0.0.1` as `10.0.0.1/32`.
    pub fn with_bits(&self) -> String {
        match self.as_str() {
            range if range.contains('/') => range.to_owned(),
            address => format!("{address}/{}", if address.contains(':') { 128 } else { 32 }),
        }
    }
}
checked! {
    /// An IPv4 network of 256 addresses.
    Subnet, expected: "an IPv4 network of 256 addresses", example: "198.18.7.0/24",
    refusal: |t| match t.strip_suffix(".0/24").map(|start| format!("{start}.0").parse::<std::net::Ipv4Addr>()) {
        Some(Ok(first)) if format!("{first}/24") == t => match first.octets()[0] {
            0 => Some("the addresses below 1.0.0.0 mean the machine itself".into()),
            127 => Some("it is a network of the loopback interface".into()),
            224.. => Some("the addresses from 224.0.0.0 on are for multicast or reserved".into()),
            _ => None,
        },
        _ => Some("it is not an IPv4 address that ends with `.0/24`".into()),
    }
}
impl Subnet {
    /// Returns the address of the network with this last number: `198.18.7.5` for 5.
    pub fn address(&self, last_number: u8) -> std::net::Ipv4Addr {
        let start = self.as_str().trim_end_matches("0/24");
        format!("{start}{last_number}").parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED)
    }

    /// Returns the adjacent network, which has the next third number: `198.18.8.0/24` for `198.18.7.0/24`. After 255,
    /// the number is 0.
    pub fn adjacent(&self) -> Subnet {
        let [a, b, c, _] = self.address(0).octets();
        Subnet(format!("{a}.{b}.{}.0/24", c.wrapping_add(1)))
    }
}
checked! {
    /// An address range in CIDR notation.
    Cidr, expected: "an address range", example: "10.0.0.0/8",
    refusal: |text| {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        match address.parse::<std::net::IpAddr>() {
            Err(_) => Some("it is not an IP address or a range such as `10.0.0.0/8`".into()),
            Ok(ip) => {
                let max_bits = if ip.is_ipv4() { 32 } else { 128 };
                match bits {
                    Some(bits) if !bits.parse::<u8>().is_ok_and(|number| number <= max_bits && number.to_string() == bits) =>
                        Some(format!("the number after `/` is not between 0 and {max_bits}")),
                    _ => AddressRange::read(text).and_then(|range| range.host_bits_refusal(text)),
                }
            }
        }
    }
}
checked! {
    /// An e-mail address, for the account at a certificate authority.
    Email, expected: "an e-mail address", example: "ops@example.com",
    refusal: |t| match t.split_once('@') {
        Some((user, domain)) if host_refusal(domain).is_none() && domain.contains('.') =>
            alphabet_refusal(user, 64, "letters, digits and `._+-`", |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._+-".contains(c)),
        _ => Some("it is not a user, `@` and a domain".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Checked;
    use super::*;

    #[test]
    fn a_host_that_ends_with_a_number_is_an_address() {
        for text in ["10.0.0.5", "012a", "2024.example.com", "example.com2", "1-2"] {
            assert!(Host::new(text).is_ok(), "{text}");
        }
        for text in ["012", "10", "10.0.0", "10.0.0.256", "10.0.0.05", "example.123"] {
            assert!(Host::new(text).is_err() && Origin::new(&format!("https://{text}")).is_err(), "{text}");
        }
        assert!(Subdomain::new("2024").is_ok(), "the domain follows");
    }

    #[test]
    fn a_subnet_is_a_network_in_which_services_can_have_addresses() {
        for text in ["198.18.7.0/24", "10.0.0.0/24", "1.2.3.0/24", "223.255.255.0/24"] {
            assert!(Subnet::new(text).is_ok(), "{text}");
        }
        for text in ["0.0.0.0/24", "127.0.0.0/24", "224.0.0.0/24", "255.255.255.0/24", "10.0.0.0/16", "10.0.0.1/24"] {
            assert!(Subnet::new(text).is_err(), "{text}");
        }
        let adjacent = ["198.18.7.0/24", "10.0.255.0/24"].map(|text| Subnet::new(text).unwrap().adjacent());
        assert_eq!(adjacent.map(|subnet| subnet.to_string()), ["198.18.8.0/24", "10.0.0.0/24"]);
    }
}
