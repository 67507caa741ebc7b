//! The settings of PgBouncer, the pooler: a connection to the server serves a different client in each transaction.

use minijinja::{Value, context};

use super::provenance::of_service;
use super::render::{Language, ini, render};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;

pub const DESCRIPTION: Description = Description {
    paths: &["pgbouncer/"],
    reads: "the pooler's databases and users",
    emit: Emit::Content { parts: &[PlanField::Pooler], emit },
    file_fields: |plan, _| of_service(plan, "pgbouncer"),
    line_fields: |_, _| Vec::new(),
};

const SETTINGS: &str = include_str!("pgbouncer.ini.j2");

/// Writes `pgbouncer/pgbouncer.ini`, where a pooler is planned; the passwords are in a secret.
///
/// # Errors
/// NS901 if the template interpolates a value that is not a checked name.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    let Some(pooler) = &plan.pooler else { return Ok(files) };
    let databases: Vec<Value> = pooler.databases.iter().map(ini).collect();
    let view = context! { databases, tls => pooler.tls, port => pooler.port, pool_size => pooler.pool_size, users => ini(&pooler.users) };
    files.add("pgbouncer/pgbouncer.ini", render(Language::Ini, SETTINGS, view)?)?;
    Ok(files)
}
