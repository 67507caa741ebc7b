//! The certificates of the sites: their recipes, and what a certificate authority needs to issue them.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::addresses::{Address, Addresses};
use crate::plan::model::IngressPlan;
use crate::plan::roster::Roster;
use crate::plan::rules::domains::cannot_have_subdomains;
use crate::plan::secret_list::{CERTIFICATE, CERTIFICATE_KEY, Recipe, Recipes};
use crate::stack::{Stack, TlsMode};
use crate::values::{Checked, SecretName, Text, is_private_host};

/// Descriptions of the files that an operator has to supply for these secrets.
const CERTIFICATE_FILE: &str = "certificate chain of all sites, PEM";
const CERTIFICATE_KEY_FILE: &str = "key of the certificate, PEM";

/// Returns the recipes of the proxy's certificate and key: files of the operator, or issued by the local authority.
pub fn recipes(ingress: &IngressPlan, addresses: &Addresses) -> Recipes {
    let (certificate, key) = (SecretName::wrap(CERTIFICATE.into()), SecretName::wrap(CERTIFICATE_KEY.into()));
    let recipes = if ingress.tls == TlsMode::Files {
        [CERTIFICATE_FILE, CERTIFICATE_KEY_FILE].map(|what| Recipe::External { what: Text::wrap(what.to_owned()) })
    } else {
        let domains = addresses.domains().map(str::to_owned).collect();
        let hosts = ingress.sites.values().flat_map(|site| site.hosts.clone()).collect();
        [Recipe::LocalCertificate { hosts, domains }, Recipe::LocalKey { certificate: certificate.clone() }]
    };
    [certificate, key].into_iter().zip(recipes).collect()
}

/// Refuses an HTTP port to which Let's Encrypt does not send its challenge.
pub fn check_challenge_port(roster: &Roster, ingress: &IngressPlan) -> Option<Diagnostic> {
    let proxy = roster.get(&ingress.service).filter(|_| ingress.tls == TlsMode::Acme)?;
    let (name, http) = proxy.service.publish.iter().find(|(name, _)| name.as_str() == "http")?;
    (http.port != 80).then(|| {
        Diagnostic::error(Code::PublicPort, proxy.path.key("publish").key(name.as_str()).key("port"))
            .message(format!(
                "nginx publishes port {}, but Let's Encrypt sends its challenge to port 80",
                http.port
            ))
            .expected("80, or a different source of certificates")
            .hint("publish port 80, or set `tls.mode` to `'files` for your own certificates, or to `'proxy` for a proxy in front of nginx")
    })
}

/// Returns findings for host names that cannot get a certificate: with the HTTP challenge, a certificate authority
/// issues certificates only for public names without wildcards.
pub fn check_hosts(stack: &Stack, address: &Address) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if address.route.subdomain.as_ref().is_some_and(|subdomain| subdomain.as_str() == "*") {
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, address.path.key("subdomain"))
                .message("Let's Encrypt issues no wildcard certificates with the HTTP challenge")
                .expected("a named subdomain in this environment")
                .hint("set a named subdomain in this environment, or provide a certificate with `tls.mode = 'files`"),
        );
    }
    if is_private_host(&address.hosts[0]) && !cannot_have_subdomains(stack.domain.as_str()) {
        let (path, name, change) = match &address.route.host {
            Some(host) => (address.path.key("host"), host.as_str(), "choose a public host name"),
            None => (path!("domain"), stack.domain.as_str(), "set `environments.<name>.domain`"),
        };
        findings.push(
            Diagnostic::error(Code::DomainNotPublic, path)
                .message(format!("no certificate can be issued for `{name}`, which is not a public name"))
                .expected("a public domain such as example.com")
                .hint(format!("{change}, or provide a certificate with `tls.mode = 'files`")),
        );
    }
    findings
}
