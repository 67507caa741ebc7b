//! The targets, a closed set, and the order in which they run. The content ring writes files from the plan
//! alone; the platform ring mounts and digests those files. No backend imports another.

pub mod bake;
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

use crate::artifact::{Artifacts, Digest, Kept, Slice, json, sources};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan, summary};

/// All files of one environment; `fields` is its plan as plain data, which the targets that read everything share. What
/// `kept` has from the same slices is not rendered again.
///
/// # Errors
/// What a target cannot express, all of it.
pub fn generate(plan: &Plan, fields: &Value, kept: &Kept) -> Result<Artifacts, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let whole = Digest::of(&json::canonical(fields));
    let edge = Slice::of("nginx", &(&plan.edge, plan.profile));
    let builds = bake::read(plan);
    let from = |made: Result<Artifacts, Diagnostic>, slice: &Slice| made.map(|files| files.derived_from(slice));
    let content = [
        kept.files("nginx", &edge).map_or_else(|| from(nginx::emit(plan), &edge), Ok),
        from(nginx::acme(plan), &edge),
        from(pgbouncer::emit(plan), &Slice::of("pgbouncer", &plan.pooler)),
        from(postgres::emit(plan), &Slice::of("postgres", &(&plan.databases, &plan.replication))),
        from(hasura::emit(plan), &Slice::of("hasura", &plan.graphql)),
        from(migrations::emit(plan), &Slice::of("migrations", &plan.migrations)),
        from(bake::emit(&builds), &Slice::of("bake", &builds)),
        from(summary::emit(plan), &Slice::digested("summary", whole.clone())),
    ];
    let mut files = Artifacts::default();
    let mut findings = Vec::new();
    for emitted in content {
        match emitted {
            Ok(emitted) => files.merge(None, emitted).map_err(one)?,
            Err(more) => findings.push(more),
        }
    }
    let mounted: Vec<_> = files.iter().map(|(path, file)| (path.clone(), file.derivation.clone())).collect();
    match compose::emit(plan, fields, &files) {
        Ok(emitted) => {
            let slice = Slice::of("compose", &(&whole, mounted));
            files.merge(None, emitted.derived_from(&slice)).map_err(one)?
        }
        Err(more) => findings.extend(more),
    }
    if plan.kubernetes.is_some() {
        match cluster(plan, kept) {
            Ok(emitted) => files.merge(None, emitted).map_err(one)?,
            Err(more) => findings.extend(more),
        }
    }
    if findings.is_empty() { Ok(files) } else { Err(findings) }
}

/// The manifests. What pods mount is written for the cluster's plan and stands in ConfigMaps, not in files.
fn cluster(plan: &Plan, kept: &Kept) -> Result<Artifacts, Vec<Diagnostic>> {
    let plan = plan::cluster(plan);
    let fields = json::tree(&plan);
    let mounted = || {
        let mut files = nginx::emit(&plan)?;
        files.merge(None, nginx::acme(&plan)?)?;
        files.merge(None, pgbouncer::emit(&plan)?)?;
        files.merge(None, postgres::emit(&plan)?)?;
        files.merge(None, hasura::emit(&plan)?)?;
        files.merge(None, migrations::emit(&plan)?)?;
        Ok(files)
    };
    // What decides their content, so that they need not be rendered to know that they are the same.
    let read = ["edge", "profile", "databases", "pooler", "replication", "graphql", "migrations"];
    let read = read.map(|part| fields.get(part).map(|value| Digest::of(&json::canonical(value))));
    let writers = ["nginx", "pgbouncer", "postgres", "hasura", "migrations"];
    let sources = sources().filter(|(name, _)| writers.contains(name)).collect::<Vec<_>>();
    let slice = Digest::of(&json::to_canonical(&(read, sources)));
    kubernetes::emit(&plan, &fields, &kubernetes::Mounted { slice, files: &mounted }, kept)
}
