//! The migrations that an environment applies: the written ones, which must lead to the definitions, and the job
//! that applies them before anyone uses the database.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::databases::main_database;
use super::members::{Category, DATABASE, Member, Members, known};
use super::servers::Way;
use super::{Database, ProjectFiles};
use crate::database::history::{History, Run};
use crate::database::model::{MigrationName, Schema, Statements, Sum};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{
    self, Checked, Condition, ContainerPath, EnvValue, EnvironmentName, ExtensionName, Memory, SecretName, ServiceName,
    SqlIdent, Stack, Text, Tmpfs, VariableName, Zone,
};

/// What is applied to one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrations {
    /// The job that applies them.
    pub job: ServiceName,
    /// The role to which everything belongs; the superuser when no service owns the database.
    pub owner: Option<SqlIdent>,
    pub extensions: BTreeSet<ExtensionName>,
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
    pub run: Run,
    /// Not as the owner.
    pub privileged: bool,
}

/// Where the job finds its files.
pub const FOLDER: &str = "/etc/nself/migrations";

/// The migrations by database; the jobs join the members, and whoever uses the database waits for its job.
pub fn plan(
    environment: &EnvironmentName,
    stack: &Stack,
    files: &ProjectFiles,
    (definitions, databases): (BTreeMap<SqlIdent, Schema>, &BTreeMap<SqlIdent, Database>),
    members: &mut Members,
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
        let Some(server) = members.get(&known(DATABASE)) else { continue };
        let service = service(&server.service);
        let mut asked_by = BTreeMap::new();
        for (user, member) in members.iter_mut() {
            let mut uses = member.service.databases.iter();
            let uses = uses.find(|(_, uses)| uses.name.clone().unwrap_or_else(|| main_database(stack)) == name);
            if let Some((entry, _)) = uses {
                asked_by.insert(user.clone(), Way::Direct.url_secret(user, entry));
                member.service.depends_on.insert(job.clone(), Condition::Completed);
            }
        }
        members.insert(job.clone(), Member { service, path: FieldPath::root(), category: Category::Catalogue });
        let sums = history.sum();
        let steps = history.migrations.into_iter().zip(sums);
        all.insert(
            name.clone(),
            Migrations {
                job,
                owner: databases.get(&name).and_then(|database| database.owner.clone()),
                extensions: schema.extensions.clone(),
                asked_by,
                steps: steps
                    .map(|(one, line)| Step {
                        name: one.name,
                        up: one.up,
                        sum: line.up,
                        chain: line.chain,
                        privileged: one.plan.privileged,
                        run: one.plan.run,
                    })
                    .collect(),
                seeds: schema.seeds.get(environment).cloned().unwrap_or_default(),
            },
        );
    }
    all
}

/// The job's container: the server's own image, which has psql.
fn service(server: &stack::Service) -> stack::Service {
    let text = |text: &str| Text::wrap(text.to_owned());
    let user = server.env.get("POSTGRES_USER");
    let user = user.cloned().unwrap_or_else(|| EnvValue::Text(text("postgres")));
    let password = "postgres_password";
    let variables = [
        ("PGHOST", EnvValue::Text(text(DATABASE))),
        ("PGUSER", user),
        ("PGPASSWORD_FILE", EnvValue::Text(text(&format!("/run/secrets/{password}")))),
    ];
    stack::Service {
        image: server.image.clone(),
        build: server.build.clone(),
        entrypoint: Some(vec![text("/bin/sh"), text(&format!("{FOLDER}/run.sh"))]),
        command: Some(Vec::new()),
        extra_env: variables.map(|(name, value)| (VariableName::wrap(name.to_owned()), value)).into(),
        secret_files: vec![SecretName::wrap(password.to_owned())],
        user: server.user.clone(),
        tmpfs: vec![Tmpfs { path: ContainerPath::wrap("/tmp".into()), size: None, owner: None }],
        depends_on: [(known(DATABASE), Condition::Healthy)].into(),
        limits: stack::Limits { memory: Some(Memory(128 << 20)), pids: Some(32), ..stack::Limits::default() },
        zone: Some(Zone::Data),
        ..stack::Service::default()
    }
}
