//! Who may connect to the database server, from where and how: its `pg_hba.conf`, as decisions. Engines name the
//! addresses of their containers after the networks that they belong to, so a rule can name a network whose
//! addresses are not known beforehand. On a cluster policies decide which pods reach the server.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::roster::{DATABASE, PlannedService, REPLICA, Roster, service_name};
use super::{ConfigMount, Network, Replication, Service};
use crate::diagnostic::{Code, Diagnostic};
use crate::stack::{Compat, EnvValue, Stack};
use crate::values::{Checked, ContainerPath, EnvironmentName, Host, ServiceName, SqlIdent, Text, VariableName};

/// The rules of the database server beyond those of the roles, which follow from the databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerAccess {
    pub superuser: SqlIdent,
    /// Where the superuser's connections come from.
    pub superuser_from: Peers,
    /// Where the replica's connections come from.
    pub replication_from: Peers,
    /// Whether connections from other containers are encrypted.
    pub tls: bool,
}

/// The other end of a connection to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Peers {
    None,
    /// Containers of a network, by its name on the engine.
    Network(Host),
    /// Every container that reaches the server.
    All,
}

impl ServerAccess {
    /// The host by which the replica reaches the server: in a network of the two, so that it comes from there.
    pub fn primary(&self) -> String {
        match &self.replication_from {
            Peers::Network(network) => format!("{DATABASE}.{network}"),
            Peers::None | Peers::All => DATABASE.to_owned(),
        }
    }
}

/// Labels of a DNS name are no longer (RFC 1035).
const LABEL: usize = 63;

/// The server's rules; nothing in an environment without a server. `maintenance` are the jobs that work as its superuser.
pub fn plan(
    environment: &EnvironmentName,
    stack: &Stack,
    members: &Roster,
    maintenance: &BTreeSet<ServiceName>,
    replication: Option<&Replication>,
    findings: &mut Vec<Diagnostic>,
) -> Option<ServerAccess> {
    let server = members.get(&service_name(DATABASE))?;
    let from = |network: Network, clients: &mut dyn Iterator<Item = &ServiceName>| {
        let clients: Vec<&ServiceName> = clients.collect();
        match clients.as_slice() {
            [] => (Peers::None, None),
            // Its name server does not say to which network an address belongs.
            _ if stack.compose.compat == Some(Compat::Podman) => (Peers::All, None),
            clients => {
                let host = network.host(&stack.project, environment);
                let containers = clients.iter().map(|name| format!("{}-{environment}-{name}-1", stack.project));
                let long = containers.chain([host.to_string()]).find(|name| name.len() > LABEL);
                (Peers::Network(host), long)
            }
        }
    };
    let replica = service_name(REPLICA);
    let (superuser_from, long) = from(Network::Maintenance, &mut maintenance.iter());
    let (replication_from, also_long) = from(Network::Replication, &mut replication.map(|_| &replica).into_iter());
    if let Some(name) = long.or(also_long) {
        findings.push(
            Diagnostic::error(Code::LongContainerName, crate::path!("project"))
                .message(format!("the engine's name server cannot spell `{name}`, which has {} characters", name.len()))
                .expected(format!("a container's or network's name of at most {LABEL} characters"))
                .hint("shorten the name of the project, the environment or the database"),
        );
    }
    let tls = super::encryption::is_on(stack);
    Some(ServerAccess { superuser: superuser(server, findings), superuser_from, replication_from, tls })
}

/// The superuser's name, which the image takes from a variable.
fn superuser(server: &PlannedService, findings: &mut Vec<Diagnostic>) -> SqlIdent {
    let variable = VariableName::wrap("POSTGRES_USER".into());
    let usual = SqlIdent::wrap("postgres".into());
    match server.service.env.get(&variable) {
        None => usual,
        Some(EnvValue::Text(name)) if SqlIdent::refusal(name.as_str()).is_none() => {
            SqlIdent::wrap(name.as_str().to_owned())
        }
        Some(_) => {
            findings.push(
                Diagnostic::error(Code::BadValue, server.path.key("env").key(variable.as_str()))
                    .message("the superuser's name stands in the server's access rules, and this is not such a name")
                    .expected("an SQL name of lower-case letters, digits and underscores, as text")
                    .hint("leave the variable out: the superuser is `postgres` then"),
            );
            usual
        }
    }
}

/// The folder of a server's own files in its container.
pub fn folder(name: &str) -> ContainerPath {
    ContainerPath::wrap(format!("/etc/nself/{name}"))
}

/// Servers by the folders of their files.
pub const SERVERS: [(&str, &str); 2] = [(DATABASE, "server"), (REPLICA, "standby")];

/// Gives the rules to the server and its replica.
pub fn wire(services: &mut BTreeMap<ServiceName, Service>) {
    for (name, place) in SERVERS {
        let Some(server) = services.get_mut(&service_name(name)) else { continue };
        set(server, &format!("hba_file={}/pg_hba.conf", folder(place)));
        server.config.push(ConfigMount { source: format!("postgres/{place}"), target: folder(place) });
    }
}

/// Adds a setting to a server's command.
pub fn set(server: &mut Service, setting: &str) {
    let text = |text: &str| Text::wrap(text.to_owned());
    server.command.get_or_insert_with(|| vec![text("postgres")]).extend([text("-c"), text(setting)]);
}
