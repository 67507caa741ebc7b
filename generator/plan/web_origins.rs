//! Addresses of a stack's web pages in the browser: the allowed targets of redirects after sign-in, and the origins that may
//! call the API.

use std::collections::BTreeSet;

use super::addresses::Addresses;
use crate::values::labels_below;

impl Addresses {
    /// Returns the address of the first frontend: the frontend at the domain itself, else the first one by name; the
    /// domain itself for a stack without frontends.
    pub fn client_url(&self) -> String {
        let domain = self.domain().as_str();
        let frontend_at_domain = self.frontends().iter().find(|(hosts, _)| hosts.iter().any(|host| host == domain));
        match frontend_at_domain.or_else(|| self.frontends().first()) {
            Some((hosts, path)) => format!("{}{path}", self.origin(hosts[0].trim_start_matches("*."))),
            None => self.origin(domain),
        }
    }

    /// Returns the addresses of all frontends under all of their names; the domain itself for a stack without frontends.
    pub fn client_urls(&self) -> Vec<String> {
        let urls = self
            .frontends()
            .iter()
            .flat_map(|(hosts, path)| hosts.iter().map(move |host| format!("{}{path}", self.origin(host))));
        let urls: Vec<String> = urls.collect();
        if urls.is_empty() { vec![self.client_url()] } else { urls }
    }

    /// Returns the origins of the stack's own pages: each domain, its direct subdomains, and all other hosts of routes.
    pub fn origins(&self) -> Vec<String> {
        let domains = self.domains().flat_map(|domain| [self.origin(domain), self.origin(&format!("*.{domain}"))]);
        let route_hosts = self.routes().iter().flat_map(|address| &address.hosts);
        let other_hosts: BTreeSet<&String> = route_hosts
            .chain(self.frontends().iter().flat_map(|(hosts, _)| hosts))
            .filter(|host| !self.domains().any(|domain| is_direct_subdomain(host, domain)))
            .collect();
        domains.chain(other_hosts.into_iter().map(|host| self.origin(host))).collect()
    }
}

/// Returns whether a host is the domain or one label below it: `api.example.com` is, `a.api.example.com` is not. The
/// origins `example.com` and `*.example.com` already match such hosts.
fn is_direct_subdomain(host: &str, domain: &str) -> bool {
    labels_below(host, domain).is_some_and(|labels| !labels.contains('.'))
}
