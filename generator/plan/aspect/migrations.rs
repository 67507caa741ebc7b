//! Migrations of an environment. They must result in the schemas that the stack defines. A job applies them before a
//! service uses the database.

use std::collections::BTreeMap;

use super::database_host::{DatabaseHost, secret_file};
use super::databases::{database_name, migrations_role, password, role_name};
use super::endpoint::DatabaseEndpoint;
use crate::database::history::History;
use crate::database::model::{Schema, TablePrivilege};
use crate::database::{roles_in_sql, snapshot};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, Database, EventTables, Grant, Migrations, Step};
use crate::plan::roster::{Category, PlannedService, Roster, name_of_job_taken};
use crate::plan::secret_list::ADMIN_PASSWORD;
use crate::plan::service_names::HASURA;
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{self, Condition, EnvValue, Stack};
use crate::values::{Checked, ContainerPath, SecretName, ServiceName, SqlIdent, Text, plugin_names};

/// Folder of the migrations in the job's container.
pub const FOLDER: &str = "/etc/nself/migrations";

/// Migrations by database, and the jobs that apply them.
#[derive(Debug, Default)]
pub struct PlannedMigrations {
    pub migrations: BTreeMap<SqlIdent, Migrations>,
    pub jobs: Roster,
}

/// Plans the migrations of every definition. A service that uses the database waits for the job.
///
/// A definition with an error among `earlier_findings` is not compared with its migrations.
pub fn plan(
    inputs: Inputs,
    roster: &Roster,
    databases: &BTreeMap<SqlIdent, Database>,
    definitions: &BTreeMap<SqlIdent, Schema>,
    earlier_findings: &[Diagnostic],
) -> Planned<PlannedMigrations> {
    let mut planned = Planned::<PlannedMigrations>::default();
    for (name, schema) in definitions {
        let path = path!("databases", name);
        let no_files = Default::default();
        let history = match History::read(name, inputs.files.databases.get(name).unwrap_or(&no_files)) {
            Ok(history) => history,
            Err(errors) => {
                planned.findings.extend(errors);
                continue;
            }
        };
        let has_error = earlier_findings.iter().any(|finding| finding.is_error() && finding.path.starts_with(&path));
        if !has_error && history.snapshot != snapshot::objects(schema) {
            planned.findings.push(missing_migration(name, &path));
        }
        planned.findings.extend(history.check_sql(name));
        let job = ServiceName::wrap(format!("migrate-{}", name.as_str().replace('_', "-")));
        if let Some(finding) = name_of_job_taken(roster, &job, &format!("migrates the database `{name}`")) {
            planned.findings.push(finding);
            continue;
        }
        // A database that no service uses is not created: the aspect `definitions` reports it. The aspect `databases`
        // reports a missing server.
        let Some(host) = DatabaseHost::of(inputs.stack, roster).filter(|_| databases.contains_key(name)) else {
            continue;
        };
        let (waiters, wirings) = waiting_services(inputs.stack, roster, name, &job);
        let seeds = schema.seeds.get(inputs.environment).cloned().unwrap_or_default();
        let owner = migrations_role(name);
        let grants = databases.get(name).map(later_grants).unwrap_or_default();
        let events = event_tables(roster, name, schema);
        let steps = steps(history);
        let roles = steps.iter().flat_map(|step| roles_in_sql(&step.up)).collect();
        let migrations = Migrations { job: job.clone(), owner, waiters, steps, roles, seeds, grants, events };
        let service = job_service(&host, name, &migrations);
        let config = ConfigMount {
            source: format!("migrations/{name}"),
            target: ContainerPath::wrap(FOLDER.into()),
            reloads: false,
        };
        planned.wirings.extend(wirings);
        planned.wirings.push(Wiring::new(&job, Addition::Job, &path));
        planned.wirings.push(Wiring::new(&job, Addition::Config(config), &path));
        let plugin = plugin_names::plugin_of_database(name).filter(|plugin| inputs.stack.plugins.contains_key(plugin));
        let category = plugin.map_or(Category::Catalogue, Category::Plugin);
        planned.value.jobs.insert(job, PlannedService { service, path: FieldPath::root(), category });
        planned.value.migrations.insert(name.clone(), migrations);
    }
    planned
}

/// Returns the finding that a definition has changes without a migration.
fn missing_migration(database: &SqlIdent, path: &FieldPath) -> Diagnostic {
    Diagnostic::error(Code::MigrationMissing, path.clone())
        .message(format!("the definition of `{database}` has changes without a migration"))
        .hint("write the migration with `nself db new`; `nself db diff` shows the changes")
}

/// Returns the services that use a database, each with the secret of its URL, and the wirings that make these services
/// wait for the job.
fn waiting_services(
    stack: &Stack,
    roster: &Roster,
    database: &SqlIdent,
    job: &ServiceName,
) -> (BTreeMap<ServiceName, SecretName>, Vec<Wiring>) {
    let mut url_secrets = BTreeMap::new();
    let mut wirings = Vec::new();
    for (name, member) in roster {
        let service = member.main_service(name);
        let owner = roster.get(service).unwrap_or(member);
        let mut entries = owner.service.databases.iter();
        let entry_of_database = entries.find(|(_, entry)| database_name(entry, stack) == *database);
        if let Some((entry, _)) = entry_of_database {
            url_secrets.insert(name.clone(), DatabaseEndpoint::Server.url_secret(service, entry));
            let cause = owner.path.key("databases").key(entry.as_str());
            wirings.push(Wiring::new(name, Addition::Dependency(job.clone(), Condition::Completed), &cause));
        }
    }
    (url_secrets, wirings)
}

/// Returns the grants on the rows of schemas that only the migrations can create.
fn later_grants(database: &Database) -> Vec<Grant> {
    database.grants.iter().filter(|grant| database.may_lack_schema(grant)).cloned().collect()
}

/// Returns the tables of a database on which the Hasura service that serves it creates triggers: those of its events, and
/// those whose definition grants this right. `None` if no Hasura of the environment serves the database.
fn event_tables(roster: &Roster, database: &SqlIdent, schema: &Schema) -> Option<EventTables> {
    let hasura = schema.served_by.as_ref().filter(|hasura| roster.contains_key(*hasura))?;
    let role = role_name(hasura);
    let handlers = roster.values().filter_map(|member| member.service.hasura.as_ref());
    let of_hasura = handlers.filter(|handlers| match &handlers.server {
        Some(server) => server == hasura,
        None => hasura.as_str() == HASURA,
    });
    let events = of_hasura.flat_map(|handlers| handlers.events.values());
    let of_database = events.filter(|event| event.database.as_ref().is_none_or(|name| name == database));
    let declared = schema.tables.iter().filter(|(_, table)| {
        table.grants.get(&role).is_some_and(|privileges| privileges.contains(&TablePrivilege::Trigger))
    });
    let declared = declared.map(|(name, _)| name.clone());
    let tables = of_database.map(|event| event.table.clone()).chain(declared).collect();
    Some(EventTables { role, tables })
}

/// Returns the steps of a history, each with its line of the sum file and the extensions that it requires.
fn steps(history: History) -> Vec<Step> {
    let (sums, extensions) = (history.sum(), history.required_extensions());
    let steps = history.migrations.into_iter().zip(sums).zip(extensions);
    let steps = steps.map(|((migration, line), requires)| Step {
        removes: migration.removed_extensions(),
        name: migration.name,
        up: migration.up,
        sum: line.up,
        chain: line.chain,
        run: migration.plan.run,
        requires,
    });
    steps.collect()
}

/// Returns the service of the job. It runs the server's image, which has psql, logs in as the owner of the database, and
/// gets the superuser's password only if a step needs it.
fn job_service(host: &DatabaseHost, database: &SqlIdent, migrations: &Migrations) -> stack::Service {
    let text = |text: &str| EnvValue::Text(Text::wrap(text.to_owned()));
    let owner_password = password(&migrations.owner);
    let mut variables = vec![
        ("PGDATABASE", text(database.as_str())),
        ("PGUSER", text(migrations.owner.as_str())),
        ("PGPASSWORD_FILE", secret_file(&owner_password)),
    ];
    let mut secret_files = vec![owner_password];
    if migrations.needs_superuser() {
        let superuser_password = SecretName::wrap(ADMIN_PASSWORD.to_owned());
        variables.push(("NSELF_SUPERUSER", host.admin()));
        variables.push(("NSELF_SUPERUSER_PASSWORD_FILE", secret_file(&superuser_password)));
        secret_files.push(superuser_password);
    }
    host.job(FOLDER, variables, secret_files)
}
