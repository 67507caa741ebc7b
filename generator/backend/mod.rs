//! The targets, a closed set, and the order in which they run. The content ring writes files from the plan
//! alone; the platform ring mounts and digests those files. No backend imports another.

pub mod compose;
pub mod fidelity;
pub mod hasura;
pub mod kubernetes;
pub mod migrations;
pub mod nginx;
pub mod pgbouncer;
pub mod postgres;
pub mod raw;
pub mod render;

use serde_json::Value;

use crate::artifact::{Artifacts, Digest, json};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan, summary};

/// All files of one environment; `fields` is its plan as plain data, which the targets that read everything share.
///
/// # Errors
/// What a target cannot express, all of it.
pub fn generate(plan: &Plan, fields: &Value) -> Result<Artifacts, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let whole = Digest::of(&json::canonical(fields));
    let content = [
        nginx::emit(plan).map(|files| files.derived_from(&(&plan.edge, plan.profile))).map_err(one),
        pgbouncer::emit(plan).map(|files| files.derived_from(&plan.pooler)).map_err(one),
        postgres::emit(plan).map(|files| files.derived_from(&(&plan.databases, &plan.replication))).map_err(one),
        hasura::emit(plan).map(|files| files.derived_from(&plan.graphql)).map_err(one),
        migrations::emit(plan).map(|files| files.derived_from(&plan.migrations)).map_err(one),
        summary::emit(plan).map(|files| files.derived_from_digest(&whole)).map_err(one),
    ];
    let mut files = Artifacts::default();
    let mut findings = Vec::new();
    for emitted in content {
        match emitted {
            Ok(emitted) => files.merge(None, emitted).map_err(one)?,
            Err(more) => findings.extend(more),
        }
    }
    let mounted: Vec<_> = files.iter().map(|(path, file)| (path.clone(), file.derivation.clone())).collect();
    match compose::emit(plan, fields, &files) {
        Ok(emitted) => files.merge(None, emitted.derived_from(&(&whole, mounted))).map_err(one)?,
        Err(more) => findings.extend(more),
    }
    if plan.kubernetes.is_some() {
        match cluster(plan) {
            Ok(emitted) => files.merge(None, emitted).map_err(one)?,
            Err(more) => findings.extend(more),
        }
    }
    if findings.is_empty() { Ok(files) } else { Err(findings) }
}

/// The manifests. What pods mount is written for the cluster's plan and stands in ConfigMaps, not in files.
fn cluster(plan: &Plan) -> Result<Artifacts, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let plan = plan::cluster(plan);
    let fields = json::tree(&plan);
    let mut mounted = nginx::emit(&plan).map_err(one)?;
    mounted.merge(None, pgbouncer::emit(&plan).map_err(one)?).map_err(one)?;
    mounted.merge(None, postgres::emit(&plan).map_err(one)?).map_err(one)?;
    mounted.merge(None, hasura::emit(&plan).map_err(one)?).map_err(one)?;
    mounted.merge(None, migrations::emit(&plan).map_err(one)?).map_err(one)?;
    let sources: Vec<_> = mounted.iter().map(|(path, file)| (path.clone(), Digest::of(&file.bytes))).collect();
    let slice = (Digest::of(&json::canonical(&fields)), sources);
    Ok(kubernetes::emit(&plan, &fields, &mounted)?.derived_from(&slice))
}
