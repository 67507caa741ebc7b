//! The rule of access to the internet: a service whose variable has the address of a server on the internet needs `egress`.

use super::written_texts::{Place, WrittenText};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::inputs::Inputs;
use crate::plan::model::{Plan, Service};
use crate::plan::roster::PlannedService;
use crate::values::{ServiceName, is_private_host, labels_below, url_host};

/// Parts of the names of variables whose value is an address for browsers, or a name that only looks like an address.
const OTHER_ADDRESSES: [&str; 26] = [
    "APP_URL",
    "AUDIENCE",
    "CALLBACK",
    "CLAIMS",
    "CLIENT",
    "CORS",
    "DOCS",
    "ENTITY_ID",
    "FRONTEND",
    "HOME",
    "ISSUER",
    "LICENSE",
    "LOGO",
    "NAMESPACE",
    "ORIGIN",
    "PRIVACY",
    "PUBLIC",
    "REACT_APP",
    "REDIRECT",
    "REFERER",
    "ROOT_URL",
    "SCHEMA",
    "SITE_URL",
    "TERMS",
    "VITE_",
    "WEB_URL",
];

/// Last labels of names that no service connects to on the internet, besides those of private hosts.
const OTHER_DOMAINS: [&str; 4] = ["arpa", "example", "home", "svc"];

/// Raw Compose keys that decide which networks a container joins.
const NETWORK_KEYS: [&str; 2] = ["networks", "network_mode"];

/// Returns NS527 if a variable of a service without access to the internet has the address of a server there.
pub fn check(
    inputs: Inputs,
    plan: &Plan,
    (name, service): (&ServiceName, &Service),
    member: &PlannedService,
    WrittenText { path, text, place }: &WrittenText,
) -> Option<Diagnostic> {
    let access_is_decided = service.reaches_outside()
        || member.service.egress.is_some()
        || !service.external_networks.is_empty()
        || chooses_networks(service);
    if *place != Place::Variable || access_is_decided {
        return None;
    }
    let variable = path.last_key().to_ascii_uppercase();
    if OTHER_ADDRESSES.iter().any(|part| variable.contains(part)) {
        return None;
    }
    let host = url_host::host_of_url(text.trim())?;
    let hosts_of_frontends = inputs.stack.frontends.values().filter_map(|frontend| frontend.route.host.as_ref());
    let is_own = labels_below(host, inputs.stack.domain.as_str()).is_some()
        || labels_below(host, plan.domain.as_str()).is_some()
        || hosts_of_frontends.map(|own| own.as_str()).any(|own| own == host)
        || plan.ingress.sites.keys().any(|site| site.as_str() == host)
        || member.service.extra_hosts.keys().any(|known| known.as_str() == host);
    (is_on_the_internet(host) && !is_own).then(|| {
        Diagnostic::warning(Code::NoInternet, path.clone())
            .message(format!("the variable has the address of `{host}`, and `{name}` has no access to the internet"))
            .expected("`egress = true`, since services connect only to other services")
            .hint(format!(
                "set `{}` to true, or to false if the program does not connect to this address",
                member.path.key("egress")
            ))
    })
}

/// Returns whether raw keys decide which networks the container of a service joins.
pub fn chooses_networks(service: &Service) -> bool {
    NETWORK_KEYS.iter().any(|key| service.compose.contains_key(*key))
}

/// Returns whether a host is a name of the public DNS.
fn is_on_the_internet(host: &str) -> bool {
    let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    let last_label = host.rsplit('.').next().unwrap_or_default();
    let is_public = last_label.len() > 1 && last_label.chars().all(|c| c.is_ascii_alphabetic());
    is_name && is_public && !is_private_host(host) && !OTHER_DOMAINS.contains(&last_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_public_dns_are_on_the_internet() {
        for host in ["api.stripe.com", "s3.eu-central-1.amazonaws.com", "xn--bcher-kva.example.com"] {
            assert!(is_on_the_internet(host), "{host}");
        }
        for host in
            ["redis", "10.0.0.1", "::1", "db.internal", "a.b.svc.cluster.local", "x.localhost", "${HOST}.com", "a.1"]
        {
            assert!(!is_on_the_internet(host), "{host}");
        }
    }
}
