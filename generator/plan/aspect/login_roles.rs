//! The roles that may log in at the database server: those of services, migrations, the replica and the backups.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{Server, password};
use super::endpoint::DatabaseEndpoint;
use crate::plan::model::{Backups, LoginRole, Migrations, Replication};
use crate::plan::service_names::{WAL_RECEIVER, service_name};
use crate::values::{SecretName, ServiceName, SqlIdent};

/// Returns the roles by name. The setup job creates them, and `pg_hba.conf` admits them.
pub fn login_roles(
    server: &Server,
    migrations: &BTreeMap<SqlIdent, Migrations>,
    (replication, backups): (Option<&Replication>, Option<&Backups>),
) -> BTreeMap<SqlIdent, LoginRole> {
    let services = server.roles.iter().map(|(service, role)| {
        let reached_databases = server.databases.iter().filter(|(_, database)| database.admits(&role.name));
        let databases = reached_databases.map(|(name, _)| name.clone()).collect();
        let login =
            LoginRole { service: service.clone(), password: role.password.clone(), databases, replication: false };
        (role.name.clone(), login)
    });
    let migrations = migrations.iter().map(|(database, migrations)| {
        let login = LoginRole {
            service: migrations.job.clone(),
            password: password(&migrations.owner),
            databases: [database.clone()].into(),
            replication: false,
        };
        (migrations.owner.clone(), login)
    });
    let replica =
        replication.map(|replica| (&replica.role, copying_role(DatabaseEndpoint::Replica.server(), &replica.password)));
    let backups = backups.map(|backups| (&backups.role, copying_role(service_name(WAL_RECEIVER), &backups.password)));
    let copying_roles = replica.into_iter().chain(backups).map(|(name, login)| (name.clone(), login));
    services.chain(migrations).chain(copying_roles).collect()
}

/// Returns the role with which a service copies the whole server.
fn copying_role(service: ServiceName, password: &SecretName) -> LoginRole {
    LoginRole { service, password: password.clone(), databases: BTreeSet::new(), replication: true }
}
