//! Rules of host names: the domain can have subdomains, subdomains do not repeat it, and environments do not share it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::{Inputs, profile};
use crate::plan::roster::{Roster, roster};
use crate::stack::{Profile, Route, Stack};
use crate::values::{Checked, EnvironmentName, Host, labels_below};

/// Checks the domain of an environment and the subdomains below it.
pub fn check(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let domain = inputs.stack.domain.as_str();
    let services = roster.values().flat_map(|member| {
        let main = member.service.route.iter().map(|route| (member.path.key("route"), route));
        let routes =
            member.service.routes.iter().map(|(name, route)| (member.path.key("routes").key(name.as_str()), route));
        main.chain(routes)
    });
    let frontends =
        inputs.stack.frontends.iter().map(|(name, frontend)| (path!("frontends", name, "route"), &frontend.route));
    let repetitions = services.chain(frontends).filter_map(|(path, route)| {
        let labels = labels_before_domain(route, domain)?;
        let short_subdomain = if labels.is_empty() { "@" } else { labels };
        let finding = Diagnostic::error(Code::HostName, path.key("subdomain"))
            .message(format!(
                "the subdomain repeats the domain, so the host would be `{labels}{}{domain}.{domain}`",
                if labels.is_empty() { "" } else { "." }
            ))
            .expected("labels below the domain of the environment")
            .hint(match short_subdomain {
                "@" => "use `subdomain = \"@\"` for the domain itself".to_owned(),
                labels => format!("use `subdomain = \"{labels}\"`"),
            });
        Some(finding)
    });
    repetitions.chain(domain_without_subdomains(domain)).collect()
}

/// Returns the labels before the domain in a subdomain that ends with the domain; `None` for other subdomains. With the
/// domain `example.com`, `api.example.com` → `api`, and `example.com` → an empty text.
fn labels_before_domain<'a>(route: &'a Route, domain: &str) -> Option<&'a str> {
    labels_below(route.subdomain.as_ref()?.as_str(), domain)
}

/// Returns whether names below a domain cannot exist: the domain is an address, or a name without a dot.
pub fn cannot_have_subdomains(domain: &str) -> bool {
    domain.parse::<IpAddr>().is_ok() || (!domain.contains('.') && domain != "localhost")
}

/// Returns the finding for a domain that cannot have subdomains.
fn domain_without_subdomains(domain: &str) -> Option<Diagnostic> {
    let kind = if domain.parse::<IpAddr>().is_ok() { "an IP address" } else { "a name without a dot" };
    cannot_have_subdomains(domain).then(|| {
        Diagnostic::error(Code::HostName, path!("domain"))
            .message(format!("`{domain}` is {kind}, so names such as `api.{domain}` cannot exist"))
            .expected(
                "a domain such as example.com; a server without a domain can use a name such as `192-0-2-1.sslip.io`",
            )
    })
}

/// Returns the proposal to give one of the environments a different domain: its name, a dot and the shared domain. An
/// environment other than `prod` is preferred; one whose name the domain begins with already is never proposed.
fn separate_domain(domain: &str, names: &[&EnvironmentName]) -> String {
    let is_prefix =
        |name: &EnvironmentName| domain.strip_prefix(name.as_str()).is_some_and(|parent| parent.starts_with('.'));
    let environment = names.iter().rev().find(|name| !is_prefix(name) && name.as_str() != "prod");
    match environment.or_else(|| names.iter().rev().find(|name| !is_prefix(name))) {
        Some(name) => format!("set `environments.{name}.domain = \"{name}.{domain}\"`"),
        None => "set `domain` of one of these environments".to_owned(),
    }
}

/// Warns of staging and production environments with the same domain or with a route of the same host, for which only one
/// server can answer.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let mut by_domain: BTreeMap<&str, Vec<&EnvironmentName>> = BTreeMap::new();
    let mut by_host: BTreeMap<String, SharedHost> = BTreeMap::new();
    for (name, stack) in
        environments.filter(|(_, stack)| matches!(stack.profile, Some(Profile::Staging | Profile::Prod)))
    {
        by_domain.entry(stack.domain.as_str()).or_default().push(name);
        for (host, path) in declared_hosts(stack) {
            let shared = by_host.entry(host).or_insert_with(|| SharedHost { path, environments: Vec::new() });
            shared.environments.push((name, stack.domain.as_str()));
        }
    }
    let host_findings = by_host
        .into_iter()
        .filter(|(host, _)| Host::refusal(host).is_none())
        .filter_map(|(host, shared)| shared_host(&host, shared));
    // A value that is no domain already has a finding.
    let shared_domains =
        by_domain.into_iter().filter(|(domain, names)| names.len() > 1 && Host::refusal(domain).is_none());
    shared_domains
        .map(|(domain, names)| {
            let quoted_names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let mut finding = Diagnostic::warning(Code::SharedDomain, path!("domain"))
                .message(format!(
                    "{} have the same domain `{domain}`, but only one server can answer for a domain",
                    quoted_names.join(", ")
                ))
                .hint(format!(
                    "{}, or leave an environment out with `enabled = false`",
                    separate_domain(domain, &names)
                ));
            finding.environments = names.iter().map(ToString::to_string).collect();
            finding
        })
        .chain(host_findings)
        .collect()
}

/// A host that routes name, with the field of the first one.
struct SharedHost<'a> {
    path: FieldPath,
    /// The environments with such a route, each with its domain.
    environments: Vec<(&'a EnvironmentName, &'a str)>,
}

/// Returns the hosts that routes of services and frontends name.
fn declared_hosts(stack: &Stack) -> Vec<(String, FieldPath)> {
    let roster = roster(stack, profile(stack)).value;
    let mut hosts = BTreeMap::new();
    for member in roster.values() {
        let main = member.service.route.iter().map(|route| (member.path.key("route"), route));
        let others = member.service.routes.iter();
        let others = others.map(|(name, route)| (member.path.key("routes").key(name.as_str()), route));
        for (path, route) in main.chain(others) {
            if let Some(host) = &route.host {
                hosts.entry(host.to_string()).or_insert_with(|| path.key("host"));
            }
        }
    }
    hosts.into_iter().collect()
}

/// Returns the finding for a host that environments share. Environments with the same domain have a finding of the domain.
fn shared_host(host: &str, SharedHost { path, environments }: SharedHost) -> Option<Diagnostic> {
    let (first, domain) = environments.first()?;
    let others: Vec<_> = environments.iter().filter(|(_, other)| other != domain).collect();
    let (second, _) = others.first()?;
    let quoted: Vec<String> =
        std::iter::once(first).chain(others.iter().map(|(name, _)| name)).map(|name| format!("`{name}`")).collect();
    let mut finding = Diagnostic::warning(Code::SharedDomain, path.clone())
        .message(format!(
            "{} have a route of the same host `{host}`, but only one server can answer for a host",
            quoted.join(", ")
        ))
        .hint(format!(
            "set `environments.{second}.{path}` to a different host, or limit the service to one of them with `only`"
        ));
    finding.environments = environments.iter().map(|(name, _)| name.to_string()).collect();
    Some(finding)
}
