//! Plans the migration from one schema to the next: a list of steps in an order that a server accepts. Each step has
//! its reverse, its reason, its place in the user's file and its hazards. The plan depends on the two schemas only, not
//! on a server or a clock; where a change is ambiguous, the user must decide.
//!
//! ```text
//! old ──renames──▶ old with the new names ──comparison with new──▶ steps ──order──▶ migrations
//! ```

mod affected;
mod column;
mod column_defaults;
mod comments_and_grants;
mod diff;
mod dropped;
mod dropped_table;
mod enumeration;
mod foreign_keys;
mod graph;
mod indexes;
mod key_step;
mod keys;
mod labels;
mod late_drops;
mod moved_extensions;
mod needed_names;
mod node;
mod objects;
mod overloads;
mod partition;
mod partition_indexes;
mod planner;
mod recreated_parts;
mod rename;
mod replica_identity;
mod rewrite;
mod routines;
mod schemas;
mod security;
mod sequences;
mod step;
mod stored_rows;
mod table;
mod triggers;
mod type_use;
mod types;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::model::{ObjectName, Schema};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use affected::Affected;
use diff::Diff;
use graph::{Graph, ObjectNode};
use moved_extensions::MovedExtensions;
use planner::Planner;

pub use rename::{
    replace_column_names, replace_object_name, replace_sequence_name, replace_type_name, sequences_of_nextval,
    with_partitions,
};
pub use step::{Down, MigrationStep, Phase, StepMode};

/// The steps of a plan, one group per migration.
pub type StepGroups = Vec<Vec<MigrationStep>>;

/// Plans the migration from `old` to `new`. `root` is the path of `new` in the stack.
///
/// # Errors
/// One finding for each change that is impossible, ambiguous or has a hazard that the definition does not allow.
pub fn plan(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    let (old, new) = (old.with_partitions_as_tables(), new.with_partitions_as_tables());
    plan_with(Planner::with_allowed_hazards(root, &new), old)
}

/// Plans like [`plan`], but allows every hazard. `db diff` uses this function, since it only displays the plan.
///
/// # Errors
/// One finding for each change that is impossible or ambiguous.
pub fn plan_with_all_hazards(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    let (old, new) = (old.with_partitions_as_tables(), new.with_partitions_as_tables());
    plan_with(Planner::with_all_hazards(root, &new), old)
}

/// Plans the migration from `old` to the new schema of the planner. Partitions are tables in both.
fn plan_with(mut planner: Planner, old: Cow<Schema>) -> Result<StepGroups, Vec<Diagnostic>> {
    let new = planner.new;
    let moved_extensions = MovedExtensions::of(&old, new);
    let old = if moved_extensions.is_empty() { old } else { Cow::Owned(moved_extensions.renamed(&old, new)) };
    let old = &*overloads::rename_function_keys(old, new);
    let renamed = rename::apply(&mut planner, old);
    let (old_graph, new_graph) =
        match (Graph::new(&renamed.schema, &renamed.freed_names), Graph::new(new, &BTreeMap::new())) {
            (Ok(old_graph), Ok(new_graph)) => (old_graph, new_graph),
            (_, Err(cycle)) | (Err(cycle), _) => {
                planner.findings.push(cycle_finding(&cycle, planner.root));
                return Err(planner.findings);
            }
        };
    let affected = Affected::new(&renamed, new, &old_graph);
    let diff = Diff::new(old, &renamed, new, (old_graph, new_graph), &affected);
    schemas::plan(&mut planner, &diff);
    types::plan(&mut planner, &diff);
    sequences::plan(&mut planner, &diff);
    routines::plan(&mut planner, &diff);
    column_defaults::plan(&mut planner, &diff);
    objects::plan(&mut planner, &diff);
    table::plan(&mut planner, &diff);
    let Planner { mut steps, findings, .. } = planner;
    if !findings.is_empty() {
        return Err(findings);
    }
    // The sort is stable: steps at the same position of a phase stay in the order in which they were added, which is
    // the order of the names of their objects.
    steps.sort_by_key(|step| (step.phase, step.order_in_phase));
    use_names_at_revert(&mut steps, &renamed.renamed_objects);
    accept_old_names_at_revert(&mut steps);
    moved_extensions.restore_names(&mut steps);
    Ok(group_steps(steps))
}

/// Puts into the `down` statements the names that renamed objects have when they run. Steps after the renames are
/// reverted before the renames, so they use the new names. Earlier steps are reverted after them and use the old names.
fn use_names_at_revert(steps: &mut [MigrationStep], renamed_objects: &[(ObjectName, ObjectName)]) {
    for step in steps {
        let Down::Sql(sql) = &mut step.down else { continue };
        for (old, new) in renamed_objects {
            *sql = match step.phase.cmp(&Phase::Rename) {
                Ordering::Less => rename::replace_name_in_sql(sql, new, old),
                Ordering::Greater => rename::replace_name_in_sql(sql, old, new),
                Ordering::Equal => continue,
            };
        }
    }
}

/// Lets the `down` statements that restore a function after a rename use old names in its body: the objects get these names
/// back later. PostgreSQL stores a body as it is written, and otherwise checks it at once.
fn accept_old_names_at_revert(steps: &mut [MigrationStep]) {
    let is_rename = |step: &MigrationStep| [Phase::FreeNames, Phase::Rename].contains(&step.phase);
    if !steps.iter().any(is_rename) {
        return;
    }
    for step in steps.iter_mut().filter(|step| step.phase > Phase::Rename) {
        if let Down::Sql(sql) = &mut step.down
            && ["CREATE OR REPLACE FUNCTION", "CREATE OR REPLACE PROCEDURE"].iter().any(|start| sql.starts_with(start))
        {
            sql.insert_str(0, "SET LOCAL check_function_bodies = off;\n");
        }
    }
}

/// Returns the finding for objects that need each other in a cycle.
fn cycle_finding(cycle: &[ObjectNode], root: &FieldPath) -> Diagnostic {
    let objects: Vec<String> = cycle.iter().map(ToString::to_string).collect();
    Diagnostic::error(Code::ObjectCycle, root.clone())
        .message(format!("these objects depend on each other: {}", objects.join(", ")))
        .hint(
            "remove one of the dependencies, such as an entry of `depends_on`, or write a function in PL/pgSQL, whose body \
             the server does not check when it creates the function",
        )
}

/// Groups steps into migrations. A concurrent index build is a separate migration, since it runs outside of a
/// transaction. New labels of enumerations are committed before their use. Constraints that are added without a check of
/// existing rows are validated in a later migration. Extensions are in separate migrations, since they need other rights.
fn group_steps(steps: Vec<MigrationStep>) -> StepGroups {
    let is_separate = |phase| matches!(phase, Phase::Labels | Phase::Concurrent | Phase::Extensions);
    let mut groups: StepGroups = Vec::new();
    for step in steps {
        let joins_group = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            // Earlier steps may have added the constraints without a check of existing rows.
            let begins_validation =
                matches!(step.phase, Phase::Validate | Phase::ValidateKeys) && last.phase < step.phase;
            let has_same_needs = is_separate(last.phase) == is_separate(step.phase)
                && (last.phase == Phase::Extensions) == (step.phase == Phase::Extensions);
            has_same_needs && !begins_validation && step.phase != Phase::Concurrent
        });
        match groups.last_mut() {
            Some(group) if joins_group => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    groups
}
