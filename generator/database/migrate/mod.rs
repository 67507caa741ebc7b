//! Plans the migration from one schema to the next: typed changes in an order that a server accepts, each with its
//! reverse, its reason, its place in the user's file and its hazards. Pure: no server, no clock, no guess.
//!
//! ```text
//! old ──rename──▶ old under its new names ──diff with new──▶ steps ──order──▶ migrations
//! ```

mod affected;
mod column;
mod comments_and_grants;
mod diff;
mod dropped;
mod enumeration;
mod graph;
mod indexes;
mod keys;
mod labels;
mod partition;
mod planner;
mod rename;
mod replica_identity;
mod routines;
mod schemas;
mod security;
mod sequences;
mod step;
mod table;
mod types;

use super::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use affected::Affected;
use diff::Diff;
use graph::{Graph, ObjectNode};
use planner::Planner;

pub use step::{Down, MigrationStep, Phase, StepMode};

/// The steps of a plan, one group per migration.
pub type StepGroups = Vec<Vec<MigrationStep>>;

/// Plans the migration from `old` to `new`. `root` is the path of `new` in the stack.
///
/// # Errors
/// All changes that are impossible, ambiguous or not allowed.
pub fn plan(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    let (old, new) = (old.with_partition_tables(), new.with_partition_tables());
    plan_with(Planner::reviewed(root, &new), &old)
}

/// Like [`plan`], but allows every hazard. For `db diff`, which only displays the plan.
///
/// # Errors
/// All changes that are impossible or ambiguous.
pub fn plan_unreviewed(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    let (old, new) = (old.with_partition_tables(), new.with_partition_tables());
    plan_with(Planner::unreviewed(root, &new), &old)
}

fn plan_with(mut planner: Planner, old: &Schema) -> Result<StepGroups, Vec<Diagnostic>> {
    let new = planner.new;
    let renamed = rename::apply(&mut planner, old);
    let graphs = match (Graph::new(&renamed.schema), Graph::new(new)) {
        (Ok(old_graph), Ok(new_graph)) => (old_graph, new_graph),
        (_, Err(cycle)) | (Err(cycle), _) => {
            planner.findings.push(cycle_finding(&cycle, planner.root));
            return Err(planner.findings);
        }
    };
    let affected = Affected::new(&renamed, new, &graphs.0);
    let diff = Diff::new(old, &renamed, new, graphs, &affected);
    schemas::plan(&mut planner, &diff);
    types::plan(&mut planner, &diff);
    sequences::plan(&mut planner, &diff);
    routines::plan(&mut planner, &diff);
    table::plan(&mut planner, &diff);
    let Planner { mut steps, findings, .. } = planner;
    if !findings.is_empty() {
        return Err(findings);
    }
    // A stable sort: equal steps stay in the order of names, in which they were added.
    steps.sort_by_key(|step| (step.phase, step.rank));
    Ok(group(steps))
}

fn cycle_finding(cycle: &[ObjectNode], root: &FieldPath) -> Diagnostic {
    let objects: Vec<String> = cycle.iter().map(ToString::to_string).collect();
    Diagnostic::error(Code::ObjectCycle, root.clone())
        .message(format!("these objects depend on each other: {}", objects.join(", ")))
}

/// Groups steps into migrations. Steps outside of a transaction are alone, new labels are committed before their use,
/// and constraints that are added without a check of existing rows are validated in a later migration.
fn group(steps: Vec<MigrationStep>) -> StepGroups {
    let mut groups: StepGroups = Vec::new();
    for step in steps {
        let joins = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            let apart = |phase| matches!(phase, Phase::Labels | Phase::Concurrent | Phase::Extensions);
            let later = matches!(step.phase, Phase::Validate | Phase::ValidateKeys) && last.phase < step.phase;
            !later
                && (apart(last.phase) == apart(step.phase) && step.phase != Phase::Concurrent)
                && (last.phase == Phase::Extensions) == (step.phase == Phase::Extensions)
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    groups
}
