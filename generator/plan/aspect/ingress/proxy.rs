//! Wires the proxy and the certificate client: generated files, certificates, files with users of routes.

use super::{certificates, http3};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::secrets::{DeclaredSecrets, NeededValue};
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, IngressPlan};
use crate::plan::ports::https_container_port;
use crate::plan::roster::Roster;
use crate::plan::secret_list::{Recipe, Recipes};
use crate::plan::service_names::{ACME, PROXY_SERVICE, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{ClusterEdge, TlsMode};
use crate::values::{Checked, ContainerPath, Text};

/// Folder with the generated files, in the containers of the proxy and of the certificate client.
const FOLDER: &str = "/etc/nself";
/// The script with which the proxy starts.
const START: &str = "/etc/nself-start.sh";
/// The name of the proxy's port for requests without TLS.
const HTTP_PORT: &str = "http";

/// Returns the wirings of the proxy and the certificate client, and the secrets with the proxy's certificate.
pub fn wire(roster: &Roster, addresses: &Addresses, ingress: &IngressPlan) -> (Vec<Wiring>, Recipes) {
    let (proxy, acme) = (&ingress.service, service_name(ACME));
    let (edge_field, tls_field) = (path!("edge"), path!("tls"));
    // `reloads` says whether the running program loads changed files (see [`ConfigMount`]).
    let config = |source: &str, target: &str, reloads| {
        Addition::Config(ConfigMount { source: source.into(), target: ContainerPath::wrap(target.into()), reloads })
    };
    let mut wirings = Vec::new();
    let mut recipes = Recipes::new();
    if roster.contains_key(proxy) {
        wirings.push(Wiring::new(proxy, config("nginx", FOLDER, true), &edge_field));
        wirings.push(Wiring::new(proxy, config("nginx/start.sh", START, false), &edge_field));
        if ingress.reaches_host() {
            wirings.push(Wiring::new(proxy, Addition::ReachesHost, &path!("frontends")));
        }
        wirings.extend(http3::wiring(roster, ingress));
        if ingress.tls == TlsMode::Proxy {
            wirings.push(Wiring::new(
                proxy,
                Addition::Unpublish(https_container_port(&roster[proxy].service)),
                &tls_field,
            ));
        } else if ingress.tls != TlsMode::Acme {
            recipes = certificates::recipes(ingress, addresses);
            let files =
                recipes.keys().map(|secret| Wiring::new(proxy, Addition::SecretFile(secret.clone()), &tls_field));
            wirings.extend(files);
        }
    }
    if roster.contains_key(&acme) {
        let email = Text::wrap(ingress.email.as_ref().map_or(String::new(), ToString::to_string));
        let hosts = ingress.certificate_hosts().map(|host| Text::wrap(host.to_owned()));
        let arguments = std::iter::once(email).chain(hosts).collect();
        wirings.push(Wiring::new(&acme, config("acme", FOLDER, false), &tls_field));
        wirings.push(Wiring::new(&acme, Addition::Arguments { program: None, arguments }, &tls_field));
    }
    (wirings, recipes)
}

/// Refuses a proxy without the port `http` where a gateway or an Ingress forwards requests to this port.
pub fn check_http_port(inputs: Inputs, roster: &Roster) -> Option<Diagnostic> {
    let cluster = &inputs.stack.kubernetes;
    let has_controller = cluster.enabled && cluster.edge != ClusterEdge::NodePort;
    let proxy = roster.get(&service_name(PROXY_SERVICE)).filter(|_| has_controller)?;
    let ports = proxy.path.key("ports");
    (!proxy.service.all_ports().contains_key(HTTP_PORT)).then(|| {
        Diagnostic::error(Code::UnknownPort, ports.clone())
            .lacks(ports.key(HTTP_PORT))
            .message(format!("the gateway or Ingress of the cluster forwards requests to the port `{HTTP_PORT}` of {PROXY_SERVICE}, which has no such port"))
            .expected("the port at which nginx accepts requests without TLS")
            .hint(format!("add it: `services.{PROXY_SERVICE}.ports.{HTTP_PORT} = 8080`"))
    })
}

/// Mounts the secrets with the users and passwords of routes (`basic_auth`) into the proxy.
pub fn wire_route_users(roster: &Roster, addresses: &Addresses, secrets: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    let proxy = service_name(PROXY_SERVICE);
    if !roster.contains_key(&proxy) {
        return planned;
    }
    for address in addresses.routes() {
        let Some(secret) = &address.route.basic_auth else { continue };
        let cause = address.path.key("basic_auth");
        match secrets.require(secret, NeededValue::Htpasswd, &cause) {
            Ok(()) => planned.wirings.push(Wiring::new(&proxy, Addition::SecretFile(secret.clone()), &cause)),
            Err(finding) => planned.findings.push(finding),
        }
        if secrets.recipe(secret).is_some_and(|recipe| !may_name_users(secrets, recipe)) {
            planned.findings.push(
                Diagnostic::error(Code::BadValue, cause)
                    .message(format!("the secret `{secret}` has no line `user:password`, so no user can log in"))
                    .expected("a secret in the format of htpasswd")
                    .hint(format!(
                        "compose it from the random value: `secrets.{secret} = nself.template [{{ text = \"reader:{{PLAIN}}\" }}, \
                         {{ secret = \"{secret}_password\" }}]` with `secrets.{secret}_password = nself.random 43`"
                    )),
            );
        }
    }
    planned
}

/// Returns whether a value may have lines with the name of a user, `:` and a password. Random values have no `:`, and a
/// template has it in a text or in a value of the operator.
fn may_name_users(secrets: &DeclaredSecrets, recipe: &Recipe) -> bool {
    match recipe {
        Recipe::Template { parts } => parts.iter().any(|part| {
            let part_recipe = part.secret.as_ref().and_then(|name| secrets.recipe(name));
            part.text.as_ref().is_some_and(|text| text.as_str().contains(':'))
                || matches!(part_recipe, Some(Recipe::External { .. }))
        }),
        recipe => !recipe.is_random(),
    }
}
