//! Plans the access rules of the database server, from which its `pg_hba.conf` is generated: who may connect, from where
//! and how. The name server of a container engine resolves the address of a container to a host name that ends with the
//! name of its network, so a rule can name a network whose addresses are not known beforehand. On a cluster, network
//! policies limit which pods reach the server.

use std::collections::BTreeSet;

use super::encryption;
use super::server_files::{SERVERS, folder, script, setting_argument};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::backup_services::replication_clients;
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, Peers, ServerAccess};
use crate::plan::network::Network;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{DATABASE, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{Compat, EnvValue};
use crate::values::{Checked, ServiceName, SqlIdent, VariableName};

/// Longest label of a DNS name (RFC 1035).
const LONGEST_LABEL: usize = 63;

/// Plans the server's access rules, and wires them into the server and its replica. An environment without a server has
/// none.
pub fn plan(inputs: Inputs, roster: &Roster, jobs: &BTreeSet<ServiceName>) -> Planned<Option<ServerAccess>> {
    let mut planned = Planned { value: None, wirings: wire(roster), findings: Vec::new() };
    let Some(server) = roster.get(&service_name(DATABASE)) else { return planned };
    let copying_services = replication_clients(roster);
    // The jobs connect as the superuser.
    let (superuser_from, long_name) = peers(inputs, Network::Maintenance, jobs.iter().collect());
    let (replication_from, other_long_name) = peers(inputs, Network::Replication, copying_services.iter().collect());
    if let Some(name) = long_name.or(other_long_name) {
        planned.findings.push(
            Diagnostic::error(Code::LongContainerName, crate::path!("project"))
                .message(format!(
                    "the container engine cannot resolve the name `{name}`, which has {} characters",
                    name.len()
                ))
                .expected(format!("names of containers and networks of at most {LONGEST_LABEL} characters"))
                .hint("shorten the name of the project, the environment or the database"),
        );
    }
    let (superuser, finding) = superuser(server);
    planned.findings.extend(finding);
    let tls = encryption::is_on(inputs.stack);
    planned.value = Some(ServerAccess { superuser, superuser_from, replication_from, tls });
    planned
}

/// Returns the addresses from which `clients` connect, and the first name of a container (such as `shop-prod-hasura-1`) or
/// network that is too long for DNS.
fn peers(inputs: Inputs, network: Network, clients: BTreeSet<&ServiceName>) -> (Peers, Option<String>) {
    let Inputs { stack, environment, .. } = inputs;
    if clients.is_empty() {
        return (Peers::None, None);
    }
    // Podman's name server does not resolve an address to the name of its network.
    if stack.compose.compat == Some(Compat::Podman) {
        return (Peers::All, None);
    }
    let host = network.host(&stack.project, environment);
    let container_names = clients.iter().map(|name| format!("{}-{environment}-{name}-1", stack.project));
    let long_name = container_names.chain([host.to_string()]).find(|name| name.len() > LONGEST_LABEL);
    (Peers::Network(host), long_name)
}

/// Returns the superuser's name, which the image takes from a variable, and a finding if the name cannot be used.
fn superuser(server: &PlannedService) -> (SqlIdent, Option<Diagnostic>) {
    let variable = VariableName::wrap("POSTGRES_USER".into());
    let default = SqlIdent::wrap("postgres".into());
    match server.service.env.get(&variable) {
        None => (default, None),
        Some(EnvValue::Text(name)) if SqlIdent::refusal(name.as_str()).is_none() => {
            (SqlIdent::wrap(name.as_str().to_owned()), None)
        }
        Some(_) => {
            let finding = Diagnostic::error(Code::BadValue, server.path.key("env").key(variable.as_str()))
                .message("the name of the superuser is not a plain SQL name, so it cannot be used in the access rules of the server (pg_hba.conf)")
                .expected("an SQL name of lower-case letters, digits and underscores, as text")
                .hint("remove the variable; the superuser is then `postgres`");
            (default, Some(finding))
        }
    }
}

/// Returns the wirings of the server and its replica: the file with the rules, and the script of the first start.
fn wire(roster: &Roster) -> Vec<Wiring> {
    let servers = SERVERS.into_iter().filter_map(|(name, subfolder)| {
        let name = service_name(name);
        let member = roster.get(&name)?;
        // The setup job makes the running server load changed rules; nothing does so for the replica.
        let reloads = name.as_str() == DATABASE;
        let config = ConfigMount { source: format!("postgres/{subfolder}"), target: folder(subfolder), reloads };
        let rules_argument = setting_argument(&format!("hba_file={}/pg_hba.conf", folder(subfolder)));
        let start_script = (name.as_str() == DATABASE).then(|| script(subfolder, "start.sh"));
        let additions = [rules_argument, Addition::Config(config)].into_iter().chain(start_script);
        Some(additions.map(|addition| Wiring::new(&name, addition, &member.path)).collect::<Vec<_>>())
    });
    servers.flatten().collect()
}
