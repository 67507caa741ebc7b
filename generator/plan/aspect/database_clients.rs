//! The services that connect to the database server, its pooler and its replica.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::Roles;
use super::endpoint::DatabaseEndpoint;
use crate::plan::backup_services::replication_clients;
use crate::plan::roster::Roster;
use crate::plan::service_names::{POOLER, service_name};
use crate::plan::wiring::SecretUsers;
use crate::values::ServiceName;

/// The endpoints to which each service connects.
pub type Clients = BTreeMap<ServiceName, BTreeSet<DatabaseEndpoint>>;

/// Returns the endpoints by the services that connect to them: with a URL, as a job, as the pooler, or to copy the server.
pub fn clients(roles: &Roles, roster: &Roster, jobs: &BTreeSet<ServiceName>, users: &SecretUsers) -> Clients {
    let mut clients = Clients::new();
    let mut add = |client: &ServiceName, endpoint: DatabaseEndpoint| {
        if roster.contains_key(client) {
            clients.entry(client.clone()).or_default().insert(endpoint);
        }
    };
    for (secret, url) in roles.values().flat_map(|role| &role.urls) {
        users.of_secret(secret).for_each(|user| add(user, url.endpoint));
    }
    jobs.iter().for_each(|job| add(job, DatabaseEndpoint::Server));
    add(&service_name(POOLER), DatabaseEndpoint::Server);
    replication_clients(roster).iter().for_each(|client| add(client, DatabaseEndpoint::Server));
    clients
}
