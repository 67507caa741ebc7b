//! The settings of PgBouncer, the pooler: each transaction of a client may use a different connection to the server.

use minijinja::{Value, context};

use super::provenance::field_of_service;
use super::render::{Language, Template, ini};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;

pub const DESCRIPTION: Description = Description {
    paths: &["pgbouncer/"],
    reads: "the pooler's databases and users",
    emit: Emit::FromPlanParts { parts: &[PlanField::Pooler], emit },
    file_fields: |plan, _| field_of_service(plan, "pgbouncer"),
    line_fields: |_, _| Vec::new(),
};

static SETTINGS_TEMPLATE: Template = Template::new(Language::Ini, include_str!("pgbouncer.ini.j2"));

/// Writes `pgbouncer/pgbouncer.ini` if the plan has a pooler; passwords are in a secret.
///
/// # Errors
/// NS901 if the template interpolates a value that is not a checked name.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    let Some(pooler) = &plan.pooler else { return Ok(files) };
    let databases: Vec<Value> = pooler.databases.iter().map(ini).collect();
    let (server, server_port) = &pooler.server;
    let view = context! {
        databases,
        server => ini(server),
        server_port,
        tls => pooler.tls,
        port => pooler.port,
        pool_size => pooler.pool_size,
        users => ini(&pooler.users),
    };
    files.add("pgbouncer/pgbouncer.ini", SETTINGS_TEMPLATE.render(view)?)?;
    Ok(files)
}
