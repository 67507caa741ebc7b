//! The pooler: one connection of the server serves many clients, each for a transaction.

use minijinja::{Value, context};

use super::render::{Language, ini, render};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;

const SETTINGS: &str = include_str!("pgbouncer.ini.j2");

/// `pgbouncer/pgbouncer.ini`; the passwords lie in a secret beside it.
///
/// # Errors
/// NS901 when the template meets anything but checked names.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    let Some(pooler) = &plan.pooler else { return Ok(files) };
    let databases: Vec<Value> = pooler.databases.iter().map(ini).collect();
    let view = context! { databases, tls => pooler.tls, port => pooler.port, pool_size => pooler.pool_size, users => ini(&pooler.users) };
    files.add("pgbouncer", "pgbouncer/pgbouncer.ini", render(Language::Ini, SETTINGS, view)?)?;
    Ok(files)
}
