//! The job that prepares the database server at each start: it creates login roles, databases, extensions and rights that
//! are missing, gives each role the password of its secret, and takes back rights of these roles that an earlier generation
//! granted. It drops nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::database_host::{DatabaseHost, secret_file};
use super::databases::{Roles, Server, password};
use super::shared_roles;
use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::model::{ConfigMount, Database, DatabaseSetup, Migrations};
use crate::plan::roster::{Category, PlannedService, Roster, name_of_job_taken};
use crate::plan::secret_list::ADMIN_PASSWORD;
use crate::plan::service_names::{POOLER, REPLICA, SETUP_JOB, service_name};
use crate::plan::wiring::{Addition, Planned, SecretUsers, Wiring};
use crate::stack::{Condition, EnvValue, Stack};
use crate::values::{Checked, ContainerPath, SecretName, ServiceName, SqlIdent, Text};

/// The name of the job.
pub const JOB: &str = SETUP_JOB;
/// Folder of the job's files in its container.
const FOLDER: &str = "/etc/nself/setup";

/// Plans the job. Services, migrations, pooler and replica wait for it. An environment without a server has no job.
pub fn plan(
    stack: &Stack,
    roster: &Roster,
    server: &Server,
    migrations: &BTreeMap<SqlIdent, Migrations>,
) -> Planned<Roster> {
    let Some(host) = DatabaseHost::of(stack, roster) else { return Planned::default() };
    let job = service_name(JOB);
    if let Some(finding) = name_of_job_taken(roster, &job, "prepares the database server") {
        return Planned { findings: vec![finding], ..Planned::default() };
    }
    let config =
        ConfigMount { source: "postgres/setup".into(), target: ContainerPath::wrap(FOLDER.into()), reloads: false };
    let cause =
        if host.external.is_some() { path!("database_server", "external") } else { path!("services", "postgres") };
    let mut wirings =
        vec![Wiring::new(&job, Addition::Job, &cause), Wiring::new(&job, Addition::Config(config), &cause)];
    for (service, role) in &server.roles {
        let cause = path!("services", service, "databases");
        wirings.push(Wiring::new(&job, Addition::SecretFile(role.password.clone()), &cause));
    }
    for (database, migrations) in migrations {
        let cause = path!("databases", database);
        wirings.push(Wiring::new(&job, Addition::SecretFile(password(&migrations.owner)), &cause));
    }
    let migration_jobs =
        migrations.iter().map(|(database, migrations)| (migrations.job.clone(), path!("databases", database)));
    let servers = [POOLER, REPLICA].map(service_name).into_iter().filter_map(|name| {
        let cause = roster.get(&name)?.path.clone();
        Some((name, cause))
    });
    for (name, cause) in waiting_services(roster, &server.roles).chain(migration_jobs).chain(servers) {
        wirings.push(Wiring::new(&name, Addition::Dependency(job.clone(), Condition::Completed), &cause));
    }
    let service =
        PlannedService { service: job_service(&host), path: FieldPath::root(), category: Category::Catalogue };
    Planned { value: Roster::from([(job, service)]), wirings, findings: shared_roles::check(stack, server) }
}

/// Returns the services that log in at the server, and their additional processes. Each has the path of the field
/// `databases` because of which it waits.
fn waiting_services<'a>(roster: &'a Roster, roles: &'a Roles) -> impl Iterator<Item = (ServiceName, FieldPath)> + 'a {
    roster.iter().filter_map(|(name, member)| {
        let owner = member.main_service(name);
        let cause = roster.get(owner)?.path.key("databases");
        roles.contains_key(owner).then(|| (name.clone(), cause))
    })
}

/// Returns the service of the job.
fn job_service(host: &DatabaseHost) -> crate::stack::Service {
    let admin_password = SecretName::wrap(ADMIN_PASSWORD.to_owned());
    let database = host.external.map_or_else(|| "postgres".to_owned(), |external| external.database.to_string());
    let variables = vec![
        ("PGDATABASE", EnvValue::Text(Text::wrap(database))),
        ("PGUSER", host.admin()),
        ("PGPASSWORD_FILE", secret_file(&admin_password)),
    ];
    host.job(FOLDER, variables, vec![admin_password])
}

/// Returns the job's part of the plan; `None` if the roster has no job. It lists each service that waits for the job,
/// with the secrets that hold its connection URLs, and for each secret the extensions that the job creates in the
/// database of the URL.
pub fn setup(
    stack: &Stack,
    roster: &Roster,
    (roles, databases): (&Roles, &BTreeMap<SqlIdent, Database>),
    migrations: &BTreeMap<SqlIdent, Migrations>,
    users: &SecretUsers,
) -> Option<DatabaseSetup> {
    let job = service_name(JOB);
    roster.get(&job)?;
    let mut waiters: BTreeMap<ServiceName, BTreeMap<SecretName, _>> = BTreeMap::new();
    for (secret, url) in roles.values().flat_map(|role| &role.urls) {
        let extensions =
            databases.get(&url.database).map_or_else(BTreeSet::new, |database| database.extensions.clone());
        for user in users.of_secret(secret) {
            waiters.entry(user.clone()).or_default().insert(secret.clone(), extensions.clone());
        }
    }
    let shared_roles = stack.database_server.roles.iter().map(|(name, role)| {
        let members = role.members.iter().filter_map(|service| roles.get(service));
        let members: BTreeSet<SqlIdent> = members.map(|member| member.name.clone()).collect();
        (name.clone(), members)
    });
    Some(DatabaseSetup {
        job,
        is_own_server: stack.database_server.external.is_none(),
        waiters,
        shared_roles: shared_roles.collect(),
        former_roles: shared_roles::former_roles(stack, roles, migrations),
    })
}
