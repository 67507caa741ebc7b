//! Checked text types of a stack: names, hosts, paths and images, each with its alphabet.

use std::fmt;

use serde::{Serialize, Serializer};

use super::address_range::AddressRange;
use super::checked::{Checked, checked};
use crate::codes::Code;
use crate::words;

/// Returns a refusal unless the length is from 1 to `max`, `first` accepts the first character and `rest` every other one.
pub(crate) fn only(
    text: &str,
    max: usize,
    alphabet: &str,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".into());
    }
    if text.len() > max {
        return Some(format!("it has {} bytes, at most {max} are allowed", text.len()));
    }
    for (i, c) in text.chars().enumerate() {
        let is_allowed = if i == 0 { first(c) } else { rest(c) };
        if !is_allowed {
            return Some(format!("{} at character {} is not among {alphabet}", show(c), i + 1));
        }
    }
    None
}

/// Formats a character for a message, other than visible ASCII by number, so that it cannot change the output.
pub(crate) fn show(c: char) -> String {
    if c.is_ascii_graphic() { format!("`{c}`") } else { format!("U+{:04X}", c as u32) }
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

fn lower_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn dashed(text: &str, max: usize) -> Option<String> {
    let form = "a-z, 0-9 and `-`, starting with a letter";
    only(text, max, form, lower, |c| lower_digit(c) || c == '-').or_else(|| {
        if text.ends_with('-') {
            Some("it ends with `-`".into())
        } else if text.contains("--") {
            Some("it has two consecutive hyphens".into())
        } else if text.len() < 2 {
            Some("it has one character, but names of containers need two".into())
        } else {
            None
        }
    })
}

fn host(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some(format!("it has {} characters, a DNS name at most 253", text.len()));
    }
    for label in text.split('.') {
        if label.is_empty() {
            return Some("it has an empty label".into());
        }
        let form = "a-z, 0-9 and inner `-`";
        let refused = only(label, 63, form, lower_digit, |c| lower_digit(c) || c == '-');
        if refused.is_some() {
            return refused;
        }
        if label.ends_with('-') {
            return Some(format!("the label `{label}` ends with `-`"));
        }
    }
    None
}

pub(crate) fn free(text: &str, max: usize) -> Option<String> {
    if text.len() > max {
        return Some(format!("it has {} bytes, at most {max} are allowed", text.len()));
    }
    text.chars()
        .find(|&c| (c.is_control() && c != '\n' && c != '\t') || words::is_mark(c))
        .map(|c| format!("it contains the invisible character {}", show(c)))
}

fn graphql_name(text: &str) -> Option<String> {
    let form = "letters, digits and `_`, not starting with a digit";
    only(text, 63, form, |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_')
        .or_else(|| text.starts_with("__").then(|| "GraphQL reserves names that start with `__`".into()))
}

fn absolute(text: &str) -> Option<String> {
    if !text.starts_with('/') {
        return Some("it does not start with `/`".into());
    }
    let form = "letters, digits and `._~/@+-`";
    let rest = |c: char| c.is_ascii_alphanumeric() || "._~/@+-".contains(c);
    only(text, 512, form, |c| c == '/', rest).or_else(|| dotted(&text[1..]))
}

fn header_char(c: char) -> bool {
    c.is_ascii_graphic() && !['"', '\\', '$'].contains(&c)
}

fn dotted(text: &str) -> Option<String> {
    text.split('/')
        .any(|part| part == ".." || part == ".")
        .then(|| "it holds `.` or `..` as a step".into())
        .or_else(|| text.contains("//").then(|| "it holds `//`".into()))
}

checked! {
    /// The project: prefix of container, volume and network names. DNS label, 2 to 30 characters.
    ProjectName, "a project name of lower-case letters, digits and single hyphens", "shop", |t| dashed(t, 30), BadName
}
checked! {
    /// A service, frontend, endpoint or plugin: container and DNS name on every target (RFC 1123 label).
    ServiceName, "a name of lower-case letters, digits and single hyphens", "orders", |t| dashed(t, 40), BadName
}
checked! {
    /// An environment: folder name below the output folder.
    EnvironmentName, "an environment name of lower-case letters, digits and single hyphens", "staging", |t| dashed(t, 30), BadName
}
checked! {
    /// A named container port; at most 15 characters (Kubernetes port names).
    PortName, "a port name of lower-case letters, digits and single hyphens", "http", |t| dashed(t, 15), BadName
}
checked! {
    /// A data volume.
    VolumeName, "a volume name of lower-case letters, digits and single hyphens", "data", |t| dashed(t, 40), BadName
}
checked! {
    /// A secret: file name below `secrets/` and, upper-cased, the variable that carries it.
    SecretName, "a secret name of lower-case letters, digits and underscores", "postgres_password",
    |t| only(t, 60, "a-z, 0-9 and `_`, starting with a letter", lower, |c| lower_digit(c) || c == '_'), BadName
}
checked! {
    /// A PostgreSQL identifier that means the same with and without quotes. The prefix `pg_` is reserved by the server.
    SqlIdent, "an SQL name of lower-case letters, digits and underscores", "shop",
    |t| only(t, 63, "a-z, 0-9 and `_`, starting with a letter or `_`", |c| lower(c) || c == '_', |c| lower_digit(c) || c == '_')
        .or_else(|| t.starts_with("pg_").then(|| "names that start with `pg_` belong to PostgreSQL".into())), BadName
}
checked! {
    /// A PostgreSQL extension (`uuid-ossp` has a hyphen; always quoted).
    ExtensionName, "the name of a PostgreSQL extension", "pgcrypto",
    |t| only(t, 63, "a-z, 0-9, `_` and `-`, starting with a letter", lower, |c| lower_digit(c) || c == '_' || c == '-')
}
/// Settings of PostgreSQL that decide where the server finds its files and how clients reach it. The generated files
/// depend on their values.
const OWN_SETTINGS: [&str; 9] = [
    "config_file",
    "data_directory",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
];
checked! {
    /// A setting of PostgreSQL; settings of extensions have a dot.
    SettingName, "the name of a PostgreSQL setting", "work_mem",
    |t| only(t, 63, "a-z, 0-9, `_` and `.`, starting with a letter", lower, |c| lower_digit(c) || c == '_' || c == '.')
        .or_else(|| OWN_SETTINGS.contains(&t).then(|| "nself sets it, as other generated files depend on it".into()))
}
checked! {
    /// An environment variable: a POSIX name, or a name with dots, which some programs read.
    VariableName, "a variable name of letters, digits, underscores and dots", "LOG_LEVEL",
    |t| only(t, 128, "A-Z, a-z, 0-9, `_` and `.`, not starting with a digit",
        |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'), BadName
}
checked! {
    /// Text for a variable or an argument: visible characters, up to 32 KiB. Backends quote it for their format.
    Text, "text without control characters, at most 32768 bytes", "info", |t| free(t, 32_768)
}
checked! {
    /// A DNS name (RFC 1123), lower case.
    Host, "a host name of lower-case letters, digits, hyphens and dots", "api.example.com", |t| host(t)
}
checked! {
    /// Labels below the domain of the environment (`api`, `a.b`), `@` for the domain itself, `*` for every
    /// subdomain that no other route names.
    Subdomain, "DNS labels, `@` or `*`", "api",
    |t| match t {
        "@" | "*" => None,
        _ => (t.len() > 100).then(|| "it is longer than 100 characters".to_owned()).or_else(|| host(t)),
    }
}
checked! {
    /// A path inside a container.
    ContainerPath, "an absolute path", "/var/lib/data", |t| absolute(t)
}
checked! {
    /// The path part of a URL as nginx locations and health checks take it.
    UrlPath, "a URL path that starts with `/`", "/healthz",
    |t| absolute(t)
}
checked! {
    /// The name of a request header, as nginx takes it: others are dropped.
    HeaderName, "a header name of letters, digits and `-`", "X-Admin-Secret",
    |t| only(t, 64, "letters, digits and `-`, starting with a letter", |c| c.is_ascii_alphabetic(), |c| c.is_ascii_alphanumeric() || c == '-')
}
checked! {
    /// The value of a header that the edge sets: visible ASCII and inner blanks, without what nginx expands or ends.
    HeaderValue, "a header value of visible ASCII without `\"`, `\\` and `$`", "noindex",
    |t| only(t, 1024, "visible ASCII without `\"`, `\\` and `$`", header_char, |c| header_char(c) || c == ' ')
        .or_else(|| t.ends_with(' ').then(|| "it ends with a blank".to_owned()))
}
checked! {
    /// An origin of web pages; `*.` in front of the host matches one label or more.
    Origin, "an origin of web pages", "https://app.example.com",
    |t| {
        let Some(rest) = t.strip_prefix("https://").or_else(|| t.strip_prefix("http://")) else {
            return Some("it does not start with `https://` or `http://`".into());
        };
        let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
        match port.is_some_and(|port| !is_port(port)) {
            true => Some("the port is not a number from 1 to 65535".into()),
            false => host(name.strip_prefix("*.").unwrap_or(name)),
        }
    }
}
checked! {
    /// The target of a redirect: a full URL.
    WebAddress, "a URL of http or https", "https://www.example.com/shop",
    |t| {
        let Some(rest) = t.strip_prefix("https://").or_else(|| t.strip_prefix("http://")) else {
            return Some("it does not start with `https://` or `http://`".into());
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._~/@+-:?=&%".contains(c);
        only(rest, 512, "letters, digits and `._~/@+-:?=&%`", |c| c.is_ascii_alphanumeric(), allowed)
    }
}
checked! {
    /// A name of GraphQL. Names that start with two underscores are reserved for introspection.
    GraphqlName, "a GraphQL name of letters, digits and underscores", "checkout",
    |t| graphql_name(t), BadName
}
checked! {
    /// A type of GraphQL: a name, in brackets for a list, with `!` if it is never null.
    GraphqlType, "a GraphQL type", "[OrderLine!]!",
    |t| {
        let t = t.strip_suffix('!').unwrap_or(t);
        match t.strip_prefix('[').map(|item| item.strip_suffix(']')) {
            Some(None) => Some("it has no closing bracket".into()),
            Some(Some(item)) => graphql_name(item.strip_suffix('!').unwrap_or(item)),
            None => graphql_name(t),
        }
    }
}
impl GraphqlType {
    /// Returns the name without brackets and `!`.
    pub fn base(&self) -> &str {
        self.as_str().trim_matches(['[', ']', '!'])
    }
}
checked! {
    /// A path inside the project, with `/`, never leaving it.
    ProjectPath, "a relative path inside the project", "services/orders",
    |t| {
        let t = t.strip_prefix("./").unwrap_or(t);
        let rest = |c: char| c.is_ascii_alphanumeric() || "._/@+-".contains(c);
        only(t, 512, "letters, digits and `._/@+-`", |c| c.is_ascii_alphanumeric() || c == '_' || c == '.', rest).or_else(|| dotted(t))
    }
}
checked! {
    /// An image reference: `registry/name:tag` or with a digest; the tag `latest` and a missing tag are refused.
    ImageRef, "an image with a tag or digest", "ghcr.io/acme/orders:1.4.2", |t| image(t)
}
checked! {
    /// A registry with the folder in which images lie.
    Registry, "a registry with an optional folder", "ghcr.io/acme",
    |t| only(t, 200, "a-z, 0-9 and `._/:-`", lower_digit, |c| lower_digit(c) || "._/:-".contains(c)).or_else(|| dotted(t))
        .or_else(|| t.ends_with('/').then(|| "it ends with `/`".to_owned()))
}
checked! {
    /// The tag of an image.
    Tag, "the tag of an image", "1.4.2",
    |t| only(t, 128, "letters, digits and `._-`", |c| c.is_ascii_alphanumeric() || c == '_', |c| c.is_ascii_alphanumeric() || "._-".contains(c))
        .or_else(|| (t == "latest").then(|| "`latest` can name a different image every day".to_owned()))
}
checked! {
    /// A value that only the controller of one cluster can decrypt (base64).
    Sealed, "a value encrypted by `kubeseal --raw`", "AgBy3i4OJSWK",
    |t| only(t, 16_384, "base64 digits", |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "+/=".contains(c))
}
checked! {
    /// The name of an annotation, with an optional DNS prefix. Snippets are refused: they are code of the controller, which
    /// reads the secrets of all namespaces.
    AnnotationName, "the name of an annotation", "service.beta.kubernetes.io/aws-load-balancer-type",
    |t| {
        let (prefix, name) = t.rsplit_once('/').map_or((None, t), |(prefix, name)| (Some(prefix), name));
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        prefix.and_then(host)
            .or_else(|| only(name, 63, "letters, digits and inner `-_.`", |c| c.is_ascii_alphanumeric(), inner))
            .or_else(|| (!name.ends_with(|c: char| c.is_ascii_alphanumeric())).then(|| "it does not end with a letter or digit".to_owned()))
            .or_else(|| name.ends_with("-snippet").then(|| "snippets are code of the ingress controller".to_owned()))
    }
}
checked! {
    /// A commit of a repository.
    Commit, "a commit as 40 or 64 hexadecimal digits", "4f1c9ce6d6f0b3c5a1e2f60718293a4b5c6d7e8f",
    |t| (!matches!(t.len(), 40 | 64) || !t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| "it is not 40 or 64 lower-case hexadecimal digits".to_owned())
}
checked! {
    /// Minute, hour, day of month, month, day of week, in UTC, as cron takes them.
    Schedule, "a cron schedule of five fields", "15 3 * * *",
    |t| schedule(t)
}
checked! {
    /// An operating system and processor for which images are built.
    Platform, "a Linux platform", "linux/amd64",
    |t| match t.strip_prefix("linux/") {
        Some(rest) => only(rest, 40, "linux/, a processor and perhaps its variant", |c| c.is_ascii_lowercase(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '/'),
        None => Some("it does not start with linux/".into()),
    }
}
checked! {
    /// `uid:gid`, both numeric.
    UserId, "a numeric user and group", "10001:10001",
    |t| match t.split_once(':') {
        Some((u, g)) if u.parse::<u32>().is_ok_and(|n| n.to_string() == u) && g.parse::<u32>().is_ok_and(|n| n.to_string() == g) => None,
        _ => Some("it is not UID:GID, two numbers with a colon".into()),
    }
}
impl Cidr {
    /// Returns the range with its number of bits, which a single address omits.
    pub fn with_bits(&self) -> String {
        match self.as_str() {
            range if range.contains('/') => range.to_owned(),
            address => format!("{address}/{}", if address.contains(':') { 128 } else { 32 }),
        }
    }
}
impl UserId {
    /// Returns user and group.
    pub fn ids(&self) -> (u32, u32) {
        let (user, group) = self.as_str().split_once(':').unwrap_or_default();
        (user.parse().unwrap_or(u32::MAX), group.parse().unwrap_or(u32::MAX))
    }
}
checked! {
    /// An address range in CIDR form.
    Cidr, "an address range", "10.0.0.0/8",
    |t| {
        let (address, bits) = match t.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (t, None),
        };
        match address.parse::<std::net::IpAddr>() {
            Err(_) => Some("it is not an IP address with an optional /bits".into()),
            Ok(ip) => {
                let most = if ip.is_ipv4() { 32 } else { 128 };
                match bits {
                    Some(bits) if !bits.parse::<u8>().is_ok_and(|n| n <= most && n.to_string() == bits) =>
                        Some(format!("the number of bits is not between 0 and {most}")),
                    _ => AddressRange::read(t).and_then(|range| range.refuse_bits_after_prefix(t)),
                }
            }
        }
    }
}
checked! {
    /// An e-mail address as certificate authorities take it.
    Email, "an e-mail address", "ops@example.com",
    |t| match t.split_once('@') {
        Some((user, domain)) if host(domain).is_none() && domain.contains('.') =>
            only(user, 64, "letters, digits and `._+-`", |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "._+-".contains(c)),
        _ => Some("it is not user@domain".into()),
    }
}
checked! {
    /// A Linux capability without its prefix.
    Capability, "a Linux capability", "NET_BIND_SERVICE",
    |t| only(t, 40, "A-Z and `_`", |c| c.is_ascii_uppercase(), |c| c.is_ascii_uppercase() || c == '_')
}
checked! {
    /// A stop signal.
    Signal, "a signal name", "SIGTERM",
    |t| (!t.starts_with("SIG")).then(|| "it does not start with SIG".to_owned())
        .or_else(|| only(t, 16, "A-Z and digits", |c| c.is_ascii_uppercase(), |c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

/// Checks a cron schedule: each field is a list of `*`, numbers and ranges, with an optional step.
fn schedule(text: &str) -> Option<String> {
    const FIELDS: [(&str, u8, u8); 5] =
        [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6)];
    let fields: Vec<&str> = text.split(' ').collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("it has {} fields, five are needed", fields.len()));
    }
    for (field, (what, least, most)) in fields.iter().zip(FIELDS) {
        let number = |n: &str| n.parse::<u8>().ok().filter(|v| v.to_string() == n && (least..=most).contains(v));
        let range = |part: &str| match part.split_once('-') {
            Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
            None => part == "*" || number(part).is_some(),
        };
        let item = |item: &str| match item.split_once('/') {
            Some((part, step)) => range(part) && step.parse::<u8>().is_ok_and(|n| n > 0 && n.to_string() == step),
            None => range(item),
        };
        if !field.split(',').all(item) {
            return Some(format!(
                "the {what} `{field}` is not a list of numbers from {least} to {most}, ranges or `*`"
            ));
        }
    }
    None
}

fn image(text: &str) -> Option<String> {
    let rest = |c: char| c.is_ascii_alphanumeric() || "._/:@-".contains(c);
    let refused = only(text, 512, "letters, digits and `._/:@-`", |c| c.is_ascii_alphanumeric(), rest);
    if refused.is_some() {
        return refused;
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
            return Some("the digest is not sha256: and 64 hexadecimal digits".into());
        }
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    let repository = name.strip_suffix(last).unwrap_or_default().to_owned() + last.split(':').next().unwrap_or(last);
    if repository.split('/').any(str::is_empty) || repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Some("the name has an empty or upper-case part".into());
    }
    match last.split_once(':') {
        Some((_, "latest")) => Some("`latest` can name a different image every day".into()),
        Some((_, tag)) if tag.is_empty() || tag.contains(':') || tag.len() > 128 => Some("the tag is invalid".into()),
        None if digest.is_none() => Some("it has no tag; without one, every pull may get a different image".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::checked::{collect, refused};
    use super::*;

    #[test]
    fn every_example_is_accepted_and_hostile_text_is_not() {
        fn probe<T: Checked + fmt::Debug>() {
            assert!(T::new(T::EXAMPLE).is_ok(), "{}", T::EXAMPLE);
            for hostile in ["", "a\nb", "a;b", "$(id)", "${X}", "{{ x }}", "a\"b", "a'b", "../x", "a\u{0}", "\u{202E}a"]
            {
                assert!(T::new(hostile).is_err(), "{} accepts {hostile:?}", T::WHAT);
            }
        }
        probe::<ProjectName>();
        probe::<ServiceName>();
        probe::<SecretName>();
        probe::<SqlIdent>();
        probe::<VariableName>();
        probe::<Host>();
        probe::<Subdomain>();
        probe::<ContainerPath>();
        probe::<UrlPath>();
        probe::<HeaderName>();
        probe::<Origin>();
        probe::<WebAddress>();
        probe::<ProjectPath>();
        probe::<ImageRef>();
        probe::<Platform>();
        probe::<UserId>();
        probe::<Cidr>();
        probe::<Email>();
        probe::<Capability>();
        probe::<Signal>();
        probe::<Registry>();
        probe::<Tag>();
        probe::<Schedule>();
    }

    #[test]
    fn images_are_pinned_at_least_by_tag() {
        assert!(ImageRef::new("localhost:5000/a/b:1").is_ok());
        assert!(ImageRef::new("nginx").is_err());
        assert!(ImageRef::new("localhost:5000/nginx").is_err());
        assert!(ImageRef::new("nginx:latest").is_err());
        assert!(ImageRef::new("nginx@sha256:00").is_err());
    }

    #[test]
    fn refusals_are_collected_only_inside_collect() {
        let (value, refused) = collect(|| (serde_json::from_str::<Vec<Host>>(r#"["a b", "ok", "-"]"#), refused()));
        assert_eq!(value.unwrap().len(), 3);
        assert_eq!(refused.len(), 2);
        assert!(serde_json::from_str::<Host>(r#""a b""#).is_err());
    }
}
