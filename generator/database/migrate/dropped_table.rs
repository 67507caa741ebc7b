//! Plans the removal of tables.

use super::diff::{Diff, TableChange};
use super::graph::ObjectKind;
use super::planner::Planner;
use super::rename::{is_name_of_table_taken, misspelled_name};
use super::step::{DATA_LOST, MigrationStep, Phase};
use super::{keys, partition, security, triggers};
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic};

/// Plans the removal of a table.
pub(super) fn drop_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, path, .. } = *change;
    if let Some(finding) = unclear_rename(planner, diff, change) {
        planner.findings.push(finding);
        return;
    }
    keys::drop_changed(planner, diff, change);
    security::drop_changed(planner, diff, change);
    triggers::drop_from_table(planner, diff, change);
    let is_partition = old.partition_of.is_some();
    if old.partition_of.as_ref().is_some_and(|partition| !diff.new.tables.contains_key(&partition.table)) {
        // The server drops a partition with its partitioned table.
        return;
    }
    // The name of a dropped table must be free before a new object with this name is created. A partition is dropped
    // before new partitions are created, since their bounds may cover its rows.
    let is_name_taken = is_name_of_table_taken(diff.old, &diff.new_names, name);
    if is_name_taken && let Some(obstacle) = obstacle_to_early_drop(diff, name) {
        planner.refuse(
            Code::ChangeRefused,
            path.clone(),
            format!(
                "a different object takes the name of the table {name}, but {obstacle} uses it until the table is dropped"
            ),
            "drop the table in one migration, and add the other object in the next one",
        );
        return;
    }
    // In the earlier phase, the table is dropped after all constraints.
    let must_be_early = is_partition || is_name_taken;
    let phase = if must_be_early { Phase::DropConstraints } else { Phase::DropData };
    planner.push(
        MigrationStep::new(
            phase,
            partition::object_name(name, old),
            path.clone(),
            format!("the {} {name} is gone", partition::table_word(old)),
        )
        .order_in_phase(if must_be_early {
            usize::MAX
        } else {
            diff.old_graph.reverse_position(ObjectKind::Table, name)
        })
        .up(format!("DROP TABLE {};", name.sql()))
        .irreversible(DATA_LOST)
        .hazard(Hazard::DeletesData)
        .hazards(is_partition.then_some(Hazard::AccessExclusive)),
    );
}

/// Returns what prevents a table from being dropped before a different object takes its name: a column, attribute or
/// domain with the row type of the table, or a rename that gives its name to the other object. `None` if nothing
/// prevents it.
fn obstacle_to_early_drop(diff: &Diff, name: &ObjectName) -> Option<String> {
    let is_row = |kind: &TypeName| kind.object().as_ref() == Some(name);
    let mut tables = diff.old.tables.iter().filter(|(table, _)| *table != name);
    let column = tables.find_map(|(table, definition)| {
        let (column, _) = definition.columns.iter().find(|(_, column)| is_row(&column.kind))?;
        Some(format!("{table}.{column}"))
    });
    let find_type = || {
        diff.old.types.iter().find(|(_, definition)| match definition {
            UserType::Domain(domain) => is_row(&domain.base),
            UserType::Composite(composite) => composite.attributes.iter().any(|attribute| is_row(&attribute.kind)),
            UserType::Enum(_) | UserType::Range(_) => false,
        })
    };
    // `diff.old` already has the new names, so a type or sequence with the table's name got it by a rename.
    let is_name_of_renamed_object = diff.old.types.contains_key(name) || diff.old.sequences.contains_key(name);
    column
        .or_else(|| find_type().map(|(type_name, _)| type_name.to_string()))
        .or_else(|| is_name_of_renamed_object.then(|| "the rename of that object".to_owned()))
}

/// Returns a finding if a new table has the columns of the dropped table, unless `allow` permits the loss of its rows.
fn unclear_rename(planner: &Planner, diff: &Diff, change: &TableChange) -> Option<Diagnostic> {
    let TableChange { name, old, .. } = *change;
    let columns: Vec<&SqlName> = old.columns.keys().collect();
    if columns.is_empty() || old.partition_of.is_some() || planner.allows(name.as_str(), Hazard::DeletesData) {
        return None;
    }
    let mut added = planner.new.tables.iter().filter(|(table, _)| !diff.old.tables.contains_key(*table));
    let misspelled = added.find_map(|(table, new)| {
        // `renamed_from` names a table of the same schema.
        let renamed_from = new.renamed_from.as_ref().filter(|_| table.schema() == name.schema());
        Some((table, misspelled_name(renamed_from, name.name())?))
    });
    let (candidate, message) = misspelled.or_else(|| {
        let candidate = *diff.new_tables_by_columns.get(&columns)?;
        let message = format!("{name} was removed and {candidate} was added with the same columns: is this a rename?");
        Some((candidate, message))
    })?;
    // Without a schema, `renamed_from` names a table of the same schema first.
    let old_name = match name.schema() {
        schema if schema == candidate.schema() => name.name().to_owned(),
        PUBLIC_SCHEMA => format!("{PUBLIC_SCHEMA}.{name}"),
        _ => name.to_string(),
    };
    let finding = Diagnostic::error(Code::RenameUnclear, planner.path(&["tables", candidate.as_str()]))
        .message(message)
        .expected("`renamed_from` for a rename, or `allow` for a removal")
        .hint(format!(
            "`renamed_from = \"{}\"` keeps the rows; `allow.\"{}\".deletes_data = \"why\"` drops them",
            escaped_for_nickel(&old_name),
            escaped_for_nickel(name.as_str())
        ));
    Some(finding)
}
