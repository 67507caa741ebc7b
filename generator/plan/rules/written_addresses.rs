//! The rule of written addresses: a service whose variable, argument or file has the address of another service can
//! connect to it. Without a declared connection, the networks of a container engine and the policies of a cluster separate
//! the two.

use std::collections::BTreeMap;

use super::internet_access::{self, chooses_networks};
use super::written_texts::{self, Place, WrittenText};
use crate::diagnostic::{Code, Diagnostic, LayerHint};
use crate::plan::env_files::FileVariables;
use crate::plan::inputs::Inputs;
use crate::plan::model::{Plan, Service};
use crate::plan::roster::{Category, PlannedService, Roster};
use crate::plan::service_names::PROXY_SERVICE;
use crate::values::{ServiceName, url_host};

/// Returns NS326 for each text with the address of a service that its own service cannot reach, and NS527 for each with an
/// address on the internet.
pub fn check(inputs: Inputs, roster: &Roster, file_variables: &FileVariables, plan: &Plan) -> Vec<Diagnostic> {
    let hosts = hosts(roster);
    let mut findings = Vec::new();
    for (from, member) in roster {
        let Some(service) = plan.services.get(from) else { continue };
        // The container has a fixed address for these names.
        let is_fixed = |host: &str| member.service.extra_hosts.keys().any(|name| name.as_str() == host);
        let service_at = |host: &str| hosts.get(host).copied().filter(|_| !is_fixed(host));
        let mut needs_internet = false;
        for written in written_texts::texts(file_variables, plan, roster, (from, service)) {
            // One field gives access to all of its addresses.
            if !needs_internet
                && let Some(finding) = internet_access::check(inputs, plan, (from, service), member, &written)
            {
                needs_internet = true;
                findings.push(finding);
            }
            for to in targets(&written.text, service_at, roster) {
                let is_same_program = member.main_service(from) == roster[to].main_service(to);
                let is_separate = !is_same_program && !can_connect(inputs, plan, (from, service), to);
                findings.extend(is_separate.then(|| no_connection(roster, (from, member), to, &written)));
            }
        }
    }
    findings
}

/// Returns the services by their names and aliases, which are the host names inside the stack.
fn hosts(roster: &Roster) -> BTreeMap<&str, &ServiceName> {
    let names = roster.keys().map(|name| (name.as_str(), name));
    let aliases =
        roster.iter().flat_map(|(name, member)| member.service.aliases.iter().map(move |alias| (alias.as_str(), name)));
    aliases.chain(names).collect()
}

/// Returns the services whose addresses a text has: a URL, `HOST:PORT`, or several of them with commas in between.
/// `service_at` returns the service with a host name.
fn targets<'a>(
    text: &str,
    service_at: impl Fn(&str) -> Option<&'a ServiceName>,
    roster: &Roster,
) -> Vec<&'a ServiceName> {
    let mut targets = Vec::new();
    for (host, port) in addresses(text).filter_map(host_and_port) {
        let Some(target) = service_at(host) else { continue };
        // `redis:7` may be an image, so a host without a scheme needs a port of the service.
        let is_address = port.is_none_or(|port| roster[target].service.all_ports().values().any(|own| *own == port));
        if is_address && !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// Returns the parts of a list with commas in between that may be addresses. A comma in the options of a URL separates
/// options: `mongodb://a:27017,b:27017/?tags=x,y:1` has two parts, and `y:1` is none of them.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let mut is_in_options = false;
    text.split(',').filter(move |part| {
        let starts_url = url_host::split_scheme(part.trim()).is_some();
        let is_option = is_in_options && !starts_url;
        is_in_options = is_option || part.contains('?');
        !is_option
    })
}

/// Returns the host of a URL, or host and port of `HOST:PORT`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim();
    if let Some((_, after_scheme)) = url_host::split_scheme(text) {
        let (host, port) = url_host::host_and_port(after_scheme);
        // Without a number, the text before `:` is a user, and the URL continues after the text.
        return port.unwrap_or_default().chars().all(|c| c.is_ascii_digit()).then_some((host, None));
    }
    if text.contains("://") {
        return None;
    }
    let (host, port) = url_host::host_and_port(text);
    Some((host, Some(port?.parse().ok()?)))
}

/// Returns whether a service can open a connection to the service `to` in this environment.
fn can_connect(inputs: Inputs, plan: &Plan, (from, service): (&ServiceName, &Service), to: &ServiceName) -> bool {
    if plan.connections.iter().any(|connection| connection.from == *from && connection.to == *to) {
        return true;
    }
    let Some(target) = plan.services.get(to) else { return true };
    // nginx also has the addresses of the edge, which clusters reach in a different way.
    if inputs.stack.kubernetes.enabled || from.as_str() == PROXY_SERVICE {
        return from.as_str() == PROXY_SERVICE;
    }
    chooses_networks(service)
        || chooses_networks(target)
        || !service.networks.is_disjoint(&target.networks)
        || !service.external_networks.is_disjoint(&target.external_networks)
}

fn no_connection(
    roster: &Roster,
    (from, member): (&ServiceName, &PlannedService),
    to: &ServiceName,
    WrittenText { path, place, .. }: &WrittenText,
) -> Diagnostic {
    // A process has the connections of its service, and a copy those of the original.
    let owner_name = match &member.category {
        Category::Copy(original) => original,
        _ => member.main_service(from),
    };
    let owner = roster.get(owner_name).unwrap_or(member);
    let (finding, subject) = match place {
        Place::Variable => (Diagnostic::error(Code::NoConnection, path.clone()), "variable"),
        Place::Argument => (Diagnostic::error(Code::NoConnection, path.clone()), "argument"),
        // The program may not use each address in a file.
        Place::File => (Diagnostic::warning(Code::NoConnection, path.clone()), "file"),
    };
    finding
        .cause(format!("no connection to {to}"))
        .message(format!("the {subject} has the address of `{to}`, to which `{from}` has no connection"))
        .expected(format!("a connection to `{to}`: `connects_to`, `depends_on` or `nself.url`"))
        .hint(hint_to_connect(owner, to, &roster[to]))
        .layer_hint(layer_hint((owner_name, owner), to))
}

/// Returns the hint for the connection of the service `owner` to `to`. A connection leads to a port that `to` declares.
fn hint_to_connect(owner: &PlannedService, to: &ServiceName, target: &PlannedService) -> String {
    let PlannedService { service, path, .. } = owner;
    let field = path.key("connects_to");
    let connect = match service.connects_to.is_empty() {
        true => format!("add `{field} = [\"{to}\"]`"),
        false => format!("add `\"{to}\"` to `{field}`"),
    };
    let connect = format!("{connect}, or add `{to}` to `depends_on` if the service must start after it");
    if !target.service.all_ports().is_empty() {
        return connect;
    }
    let port = target.path.key("ports").key("http");
    let declare_port = format!("declare the port on which `{to}` listens, such as `{port} = 8080`");
    let is_declared = service.connects_to.contains(to) || service.depends_on.contains_key(to);
    if is_declared { declare_port } else { format!("{declare_port}, and {connect}") }
}

/// Returns the hint for a stack in which other environments do not have the service `to`. A layer replaces the whole list.
fn layer_hint((name, owner): (&ServiceName, &PlannedService), to: &ServiceName) -> LayerHint {
    let names = owner.service.connects_to.iter().chain([to]).map(|name| format!("\"{name}\""));
    LayerHint {
        owner: name.to_string(),
        service: to.to_string(),
        setting: format!("{} = [{}]", owner.path.key("connects_to"), names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{addresses, host_and_port};

    #[test]
    fn commas_in_the_options_of_a_url_separate_no_addresses() {
        let parts = |text| addresses(text).collect::<Vec<&str>>();
        assert_eq!(parts("a:1, b:2"), ["a:1", " b:2"]);
        assert_eq!(parts("mongodb://a:1,b:2/?tags=x,y:1"), ["mongodb://a:1", "b:2/?tags=x"]);
        assert_eq!(parts("http://a?x=1,y:2,http://b,c:3"), ["http://a?x=1", "http://b", "c:3"]);
    }

    #[test]
    fn hosts_are_found_in_urls_and_before_ports() {
        for (text, expected) in [
            ("redis://redis:6379/0", Some(("redis", None))),
            ("postgres+psycopg://user:pass@db?sslmode=disable", Some(("db", None))),
            ("http://api", Some(("api", None))),
            ("postgres://db/shop?user=me@cache", Some(("db", None))),
            ("postgres://me:x@db?options=a@cache:6379", Some(("db", None))),
            ("me@db:5432", Some(("db", Some(5432)))),
            (" kafka-1:9092", Some(("kafka-1", Some(9092)))),
            ("api:8001/path", Some(("api", Some(8001)))),
            ("https://api.example.com/redis:6379", Some(("api.example.com", None))),
            ("redis", None),
            ("redis:latest", None),
            ("postgres://postgres:x", None),
            ("see http://redis", None),
            ("redis:63790000", None),
            ("", None),
        ] {
            assert_eq!(host_and_port(text), expected, "{text}");
        }
    }
}
