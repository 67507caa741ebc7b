//! The migrations that an environment applies: the written ones, which must lead to the definitions, and the job
//! that applies them before anyone uses the database.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::database_endpoints::Way;
use super::databases::{main_database, migrations_role, password};
use super::roster::{Category, DATABASE, PlannedService, Roster, service_name};
use super::{Database, ProjectFiles};
use crate::database::history::{History, RunMode};
use crate::database::model::{MigrationName, Schema, Statements, Sum};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{self, Condition, EnvValue, Stack, Tmpfs, Zone};
use crate::values::{
    Checked, ContainerPath, EnvironmentName, ExtensionName, Memory, SecretName, ServiceName, SqlIdent, Text,
    VariableName,
};

/// What is applied to one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrations {
    /// The job that applies them.
    pub job: ServiceName,
    /// The role that owns the database and everything in it; all SQL of the user runs in sessions that log in as it.
    pub owner: SqlIdent,
    /// Services that wait for the job, with the secrets by which they reach the database.
    pub asked_by: BTreeMap<ServiceName, SecretName>,
    pub steps: Vec<Step>,
    pub seeds: Vec<Statements>,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: MigrationName,
    pub up: String,
    pub sum: Sum,
    pub chain: Sum,
    pub run: RunMode,
    /// Extensions that have to be there before it, which takes the rights of the superuser.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub requires: BTreeSet<ExtensionName>,
    /// Extensions that it removes; it does nothing else, and its text is not run.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub removes: BTreeSet<ExtensionName>,
}

impl Migrations {
    /// Whether a step needs the superuser.
    pub fn needs_superuser(&self) -> bool {
        self.steps.iter().any(|step| !step.requires.is_empty() || !step.removes.is_empty())
    }
}

/// Where the job finds its files.
pub const FOLDER: &str = "/etc/nself/migrations";
const SUPERUSER_PASSWORD: &str = "postgres_password";

/// The migrations by database; the jobs join the members, and whoever uses the database waits for its job.
pub fn plan(
    environment: &EnvironmentName,
    stack: &Stack,
    files: &ProjectFiles,
    (definitions, databases): (BTreeMap<SqlIdent, Schema>, &BTreeMap<SqlIdent, Database>),
    members: &mut Roster,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<SqlIdent, Migrations> {
    let mut all = BTreeMap::new();
    for (name, schema) in definitions {
        let path = path!("databases", name);
        let none = Default::default();
        let history = match History::read(&name, files.databases.get(&name).unwrap_or(&none)) {
            Ok(history) => history,
            Err(found) => {
                findings.extend(found);
                continue;
            }
        };
        // A definition that is wrong leads nowhere.
        let wrong = findings.iter().any(|finding| finding.is_error() && finding.path.starts_with(&path));
        if !wrong && history.head != snapshot::objects(&schema) {
            findings.push(
                Diagnostic::error(Code::MigrationMissing, path)
                    .message(format!("`{name}` has changes without a migration"))
                    .hint("`nself db new` writes it, `nself db diff` shows it"),
            );
            continue;
        }
        findings.extend(history.check_sql(&name));
        let job = ServiceName::wrap(format!("migrate-{}", name.as_str().replace('_', "-")));
        if let Some(other) = members.get(&job) {
            findings.push(
                Diagnostic::error(Code::NameTaken, other.path.clone())
                    .message(format!("`{job}` is the job that migrates the database `{name}`"))
                    .hint("rename the service"),
            );
            continue;
        }
        // One that no service uses is not made, which was said.
        let Some(server) = members.get(&service_name(DATABASE)).filter(|_| databases.contains_key(&name)) else {
            continue;
        };
        let sums = history.sum();
        let extensions = history.required_extensions();
        let steps = history.migrations.into_iter().zip(sums).zip(extensions);
        let migrations = Migrations {
            job: job.clone(),
            owner: migrations_role(&name),
            asked_by: BTreeMap::new(),
            steps: steps
                .map(|((one, line), requires)| Step {
                    removes: one.removed_extensions(),
                    name: one.name,
                    up: one.up,
                    sum: line.up,
                    chain: line.chain,
                    run: one.plan.run,
                    requires,
                })
                .collect(),
            seeds: schema.seeds.get(environment).cloned().unwrap_or_default(),
        };
        let service = service(&server.service, &migrations);
        let mut asked_by = BTreeMap::new();
        for (user, member) in members.iter_mut() {
            let mut uses = member.service.databases.iter();
            let uses = uses.find(|(_, uses)| uses.name.clone().unwrap_or_else(|| main_database(stack)) == name);
            if let Some((entry, _)) = uses {
                asked_by.insert(user.clone(), Way::Direct.url_secret(user, entry));
                member.service.depends_on.insert(job.clone(), Condition::Completed);
            }
        }
        members.insert(job, PlannedService { service, path: FieldPath::root(), category: Category::Catalogue });
        all.insert(name, Migrations { asked_by, ..migrations });
    }
    all
}

/// The job's container: the server's own image, which has psql. It logs in as the owner, and has the superuser's
/// password only where a step needs it.
fn service(server: &stack::Service, migrations: &Migrations) -> stack::Service {
    let text = |text: &str| Text::wrap(text.to_owned());
    let file = |secret: &SecretName| EnvValue::Text(text(&format!("/run/secrets/{secret}")));
    let own = password(&migrations.owner);
    let mut variables = vec![
        ("PGHOST", EnvValue::Text(text(DATABASE))),
        ("PGUSER", EnvValue::Text(text(migrations.owner.as_str()))),
        ("PGPASSWORD_FILE", file(&own)),
    ];
    let mut secret_files = vec![own];
    if migrations.needs_superuser() {
        let user = server.env.get("POSTGRES_USER").cloned();
        let password = SecretName::wrap(SUPERUSER_PASSWORD.to_owned());
        variables.push(("NSELF_SUPERUSER", user.unwrap_or_else(|| EnvValue::Text(text("postgres")))));
        variables.push(("NSELF_SUPERUSER_PASSWORD_FILE", file(&password)));
        secret_files.push(password);
    }
    stack::Service {
        image: server.image.clone(),
        build: server.build.clone(),
        entrypoint: Some(vec![text("/bin/sh"), text(&format!("{FOLDER}/run.sh"))]),
        command: Some(Vec::new()),
        extra_env: variables.into_iter().map(|(name, value)| (VariableName::wrap(name.to_owned()), value)).collect(),
        secret_files,
        user: server.user.clone(),
        tmpfs: vec![Tmpfs { path: ContainerPath::wrap("/tmp".into()), size: None, owner: None }],
        depends_on: [(service_name(DATABASE), Condition::Healthy)].into(),
        limits: stack::Limits { memory: Some(Memory(128 << 20)), pids: Some(32), ..stack::Limits::default() },
        zone: Some(Zone::Data),
        ..stack::Service::default()
    }
}
