//! The targets, a closed set, and the order in which they run. The content ring writes files from the plan
//! alone; the platform ring mounts and digests those files. No backend imports another.

pub mod bake;
pub mod compose;
pub mod fidelity;
mod field_presence;
pub mod hasura;
pub mod kubernetes;
pub mod migrations;
pub mod nginx;
pub mod pgbouncer;
pub mod postgres;
pub mod raw_keys;
pub mod render;
mod slices;
pub mod summary;

pub use slices::PlanDigests;

use crate::artifact::{Artifacts, Digest, Reusable, Slice};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, Plan};

/// A target of the content ring: its generator, the fields of the plan that it reads, and what writes all files of a
/// folder of its own from them.
type Content = (&'static str, &'static [&'static str], &'static str, fn(&Plan) -> Result<Artifacts, Diagnostic>);

/// The content ring. Compose mounts its files; a cluster has them in ConfigMaps.
const CONTENT: [Content; 6] = [
    ("nginx", &["edge", "profile"], "nginx", nginx::emit),
    ("nginx", &["edge", "profile"], "acme", nginx::acme),
    ("pgbouncer", &["pooler"], "pgbouncer", pgbouncer::emit),
    ("postgres", &["databases", "roles", "replication", "access"], "postgres", postgres::emit),
    ("hasura", &["graphql"], "hasura", hasura::emit),
    ("migrations", &["migrations"], "migrations", migrations::emit),
];

/// What each generator reads, for people.
const READS: [(&str, &str); 9] = [
    ("bake", "builds, and what the lock knows of their bases"),
    ("compose", "the whole plan, and the digests of mounted files"),
    ("hasura", "definitions that Hasura serves"),
    (
        "kubernetes",
        "the part of the plan for clusters that concerns the service, or the whole one for what concerns all",
    ),
    ("migrations", "migrations"),
    ("nginx", "edge, profile"),
    ("pgbouncer", "the pooler's databases and users"),
    ("postgres", "databases, roles, replication, access"),
    ("summary", "the whole plan"),
];

/// What a generator reads, in words.
pub fn reads(generator: &str) -> &'static str {
    READS.iter().find(|(name, _)| *name == generator).map_or("", |(_, reads)| *reads)
}

/// All files of one environment; `fields` are those of its plan. What `kept` has from the same slices is not rendered
/// again.
///
/// # Errors
/// What a target cannot express, all of it.
pub fn generate(plan: &Plan, fields: &PlanDigests, kept: Reusable) -> Result<Artifacts, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let mut files = Artifacts::default();
    let mut findings = Vec::new();
    let mut take = |slice: &Slice, emitted: Result<Artifacts, Diagnostic>| match emitted {
        Ok(emitted) => files.merge(None, emitted.derived_from(slice)),
        Err(more) => {
            findings.push(more);
            Ok(())
        }
    };
    for (generator, read, folder, emit) in CONTENT {
        let slice = fields.slice(generator, read);
        take(&slice, kept.files(folder, &slice).map_or_else(|| emit(plan), Ok)).map_err(one)?;
    }
    let whole = fields.digest();
    let builds = bake::read(plan);
    take(&Slice::of("bake", &builds), bake::emit(&builds)).map_err(one)?;
    take(&Slice::digested("summary", whole), summary::emit(plan)).map_err(one)?;
    let mounted: Vec<_> = files.iter().map(|(path, file)| (path.clone(), file.derivation)).collect();
    match compose::emit(plan, fields, &files) {
        Ok(emitted) => {
            let slice = Slice::of("compose", &(&whole, mounted));
            files.merge(None, emitted.derived_from(&slice)).map_err(one)?
        }
        Err(more) => findings.extend(more),
    }
    let mut sets = vec![files];
    if plan.kubernetes.is_some() {
        match cluster(plan, fields, kept) {
            Ok(emitted) => sets.extend(emitted),
            Err(more) => findings.extend(more),
        }
    }
    if findings.is_empty() { Artifacts::collect(sets).map_err(one) } else { Err(findings) }
}

/// The manifests. What pods mount is written for the cluster's plan and stands in ConfigMaps, not in files.
fn cluster(whole: &Plan, fields: &PlanDigests, kept: Reusable) -> Result<Vec<Artifacts>, Vec<Diagnostic>> {
    let plan = plan::cluster(whole);
    let fields = fields.after(whole, &plan);
    debug_assert_eq!(fields.digest(), PlanDigests::of(&plan).digest(), "a service is shared that is another one");
    let mounted = || {
        let mut files = Artifacts::default();
        CONTENT.iter().try_for_each(|(.., emit)| files.merge(None, emit(&plan)?))?;
        Ok(files)
    };
    // What decides their content, so that they need not be rendered to know that they are the same.
    let decided = CONTENT.map(|(generator, read, ..)| fields.slice(generator, read).identity());
    let slice = Digest::of_value(&decided);
    kubernetes::emit(&plan, &fields, &kubernetes::Mounted { slice, files: &mounted }, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::sources;

    #[test]
    fn every_generator_says_what_it_reads() {
        let named: Vec<&str> = READS.iter().map(|(name, _)| *name).collect();
        assert_eq!(sources().map(|(name, _)| name).collect::<Vec<_>>(), named);
    }

    /// Whether a file of one target names another; `super` of a target's first file is this module.
    fn imports(text: &str, first: bool, other: &str) -> bool {
        let from = |before: &str| text.contains(&format!("{before}::{other}::"));
        from("backend") || from("super::super") || first && from("super")
    }

    #[test]
    fn no_target_imports_another() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generator/backend");
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(&folder).min_depth(2) {
            let entry = entry.unwrap();
            let inside = entry.path().strip_prefix(&folder).unwrap().to_path_buf();
            let target = inside.iter().next().unwrap().to_str().unwrap();
            if inside.extension().is_none_or(|kind| kind != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for other in READS.iter().map(|(name, _)| *name).filter(|name| *name != target) {
                assert!(
                    !imports(&text, entry.depth() == 2 && inside.ends_with("mod.rs"), other),
                    "{inside:?}: {other}"
                );
            }
            seen += 1;
        }
        assert!(seen > 20);
        // Known-bad controls.
        assert!(imports("use crate::backend::nginx::emit;", false, "nginx"));
        assert!(
            imports("use super::nginx::emit;", true, "nginx") && !imports("use super::nginx::emit;", false, "nginx")
        );
    }
}
