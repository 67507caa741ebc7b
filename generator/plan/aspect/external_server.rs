//! Lets services connect to a database server outside of the stack.

use super::database_clients::Clients;
use super::endpoint::DatabaseEndpoint;
use crate::path;
use crate::plan::model::OutsideServer;
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::Stack;

/// Plans the connections of services to an external server.
pub fn plan(stack: &Stack, clients: &Clients) -> Planned<()> {
    let Some(server) = &stack.database_server.external else { return Planned::default() };
    let outside_server = OutsideServer {
        host: server.host.clone(),
        port: server.port,
        addresses: server.known_addresses().into_iter().collect(),
    };
    let cause = path!("database_server", "external");
    let direct_clients = clients.iter().filter(|(_, endpoints)| endpoints.contains(&DatabaseEndpoint::Server));
    let wirings =
        direct_clients.map(|(client, _)| Wiring::new(client, Addition::Outside(outside_server.clone()), &cause));
    Planned { value: (), wirings: wirings.collect(), findings: Vec::new() }
}
