//! Rules of host names: the domain can have subdomains, subdomains do not repeat it, and environments do not share it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::roster::Roster;
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
        let label = labels_before_domain(route, domain)?;
        let expected = if label.is_empty() { "@" } else { label };
        let finding = Diagnostic::error(Code::HostName, path.key("subdomain"))
            .message(format!(
                "the subdomain repeats the domain, so the host would be `{label}{}{domain}.{domain}`",
                if label.is_empty() { "" } else { "." }
            ))
            .expected("labels below the domain of the environment")
            .hint(match expected {
                "@" => "use `subdomain = \"@\"` for the domain itself".to_owned(),
                label => format!("use `subdomain = \"{label}\"`"),
            });
        Some(finding)
    });
    repetitions.chain(domain_without_subdomains(domain)).collect()
}

/// Returns the labels before the domain in a subdomain that ends with the domain; `None` for other subdomains.
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

/// Returns the proposal to give one of the environments a different domain: its name, a dot and the shared domain.
fn separate_domain(domain: &str, names: &[&EnvironmentName]) -> String {
    let is_prefix =
        |name: &EnvironmentName| domain.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'));
    let renamed = names.iter().rev().find(|name| !is_prefix(name) && name.as_str() != "prod");
    match renamed.or_else(|| names.iter().rev().find(|name| !is_prefix(name))) {
        Some(name) => format!("set `environments.{name}.domain = \"{name}.{domain}\"`"),
        None => "set `domain` of one of these environments".to_owned(),
    }
}

/// Warns of staging and production environments with the same domain, for which only one server can answer.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let mut by_domain: BTreeMap<&str, Vec<&EnvironmentName>> = BTreeMap::new();
    for (name, stack) in
        environments.filter(|(_, stack)| matches!(stack.profile, Some(Profile::Staging | Profile::Prod)))
    {
        by_domain.entry(stack.domain.as_str()).or_default().push(name);
    }
    // A value that is no domain already has a finding.
    let shared_domains =
        by_domain.into_iter().filter(|(domain, names)| names.len() > 1 && Host::refusal(domain).is_none());
    shared_domains
        .map(|(domain, names)| {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let mut finding = Diagnostic::warning(Code::SharedDomain, path!("domain"))
                .message(format!(
                    "{} have the same domain `{domain}`, but only one server can answer for a domain",
                    quoted.join(", ")
                ))
                .hint(format!(
                    "{}, or leave an environment out with `enabled = false`",
                    separate_domain(domain, &names)
                ));
            finding.environments = names.iter().map(ToString::to_string).collect();
            finding
        })
        .collect()
}
