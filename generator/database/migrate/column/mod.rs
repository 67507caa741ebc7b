//! Plans changes of the columns of an existing table.

mod add;
mod change;
mod conversion;
mod example;
mod identity;
mod not_null;
mod retype;

use std::collections::BTreeSet;

use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::mentioned_names;
use crate::database::migrate::diff::{Diff, TableChange};
use crate::database::migrate::graph::ObjectKind;
use crate::database::migrate::keys::AFTER_KEYS;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::rename::misspelled_name;
use crate::database::migrate::rewrite::{refuse_new_values, refuse_rewrite};
use crate::database::migrate::step::{DATA_LOST, Phase};
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic};
use add::add_column;
pub use change::ColumnChange;
use identity::change_identity;
use not_null::set_not_null;
use retype::change_type;

/// Plans changes of a table's columns. Steps of the same phase run in the order in which they are planned.
pub fn plan(planner: &mut Planner, diff: &Diff, table: &TableChange) {
    let order_in_phase = diff.new_graph.position(ObjectKind::Table, table.name);
    for column in columns_in_order(table) {
        let change = ColumnChange { table, column, order_in_phase };
        match (table.old.columns.get(column), table.new.columns.get(column)) {
            (Some(old), None) => drop_column(planner, &change, old),
            // Its rename is refused, and what else differs follows from the name.
            (Some(_), Some(new)) if is_refused_rename(table, column, new) => {}
            (Some(old), Some(new)) if diff.affected.regenerated_columns(table.name).contains(column) => {
                regenerate(planner, diff, &change, (old, new));
            }
            (Some(old), Some(new)) => {
                // The conversion to a recreated enumeration and the steps around a recreated function set the default.
                let default_is_set = (diff.affected.is_rebuilt(&old.kind) && old.kind == new.kind)
                    || diff.recreated_parts.has_default(table.name, column);
                alter_column(planner, diff, &change, (old, new), default_is_set);
            }
            (None, Some(new)) => {
                if !refuse_new_values(planner, diff, (table.name, table.new, change.path()), new) {
                    add_column(planner, &change, new);
                }
            }
            (None, None) => {}
        }
    }
}

/// Returns whether a column that exists before should also get the name of a different column that still exists.
fn is_refused_rename(table: &TableChange, column: &SqlName, new: &Column) -> bool {
    new.renamed_from.as_ref().is_some_and(|from| from != column && table.old.columns.contains_key(from))
}

/// Returns the columns of both versions of a table. Each comes after the columns that its new expressions read, and
/// existing columns come before new ones where their expressions allow it.
fn columns_in_order<'a>(table: &TableChange<'a>) -> Vec<&'a SqlName> {
    let is_new = |column: &&SqlName| !table.old.columns.contains_key(*column);
    let mut ordered = Vec::new();
    let mut visited = BTreeSet::new();
    for column in table.old.columns.keys().chain(table.new.columns.keys().filter(is_new)) {
        push_after_read_columns(table.new, column, &mut ordered, &mut visited);
    }
    ordered
}

/// Appends a column after the columns that its expressions read. Columns that read each other keep their order.
fn push_after_read_columns<'a>(
    table: &'a Table,
    column: &'a SqlName,
    ordered: &mut Vec<&'a SqlName>,
    visited: &mut BTreeSet<&'a SqlName>,
) {
    if !visited.insert(column) {
        return;
    }
    let new = table.columns.get(column);
    let expressions = new.into_iter().flat_map(|new| new.generated.iter().chain(&new.backfill));
    for name in expressions.flat_map(|expression| mentioned_names(expression.as_str())) {
        if let Some((read_column, _)) = table.columns.get_key_value(&*name) {
            push_after_read_columns(table, read_column, ordered, visited);
        }
    }
    ordered.push(column);
}

/// Plans the removal of a column.
fn drop_column(planner: &mut Planner, change: &ColumnChange, old: &Column) {
    let table = change.table.name.sql();
    let mut step = change
        .step(Phase::DropData, "", "is gone")
        .order_in_phase(0)
        .up(format!("ALTER TABLE {table} DROP COLUMN {};", quoted(change.column)));
    step.source = change.table.path.key("columns");
    if old.generated.is_some() {
        // A generated column is dropped in the phase `Create`, before the columns in its expression.
        step.phase = Phase::Create;
        planner.push(step.down(restore_column_sql(change, old)));
        return;
    }
    if let Some(finding) = unclear_rename(planner, change, old) {
        planner.findings.push(finding);
        return;
    }
    planner.push(step.irreversible(DATA_LOST).hazard(Hazard::DeletesData).hazards(change.owner_hazard()));
}

/// Returns a finding if a new column has the type of the dropped column, unless `allow` permits the loss of its values.
fn unclear_rename(planner: &Planner, change: &ColumnChange, old: &Column) -> Option<Diagnostic> {
    let TableChange { name, old: old_table, new: new_table, path, .. } = *change.table;
    let object = change.object();
    if planner.allows(&object, Hazard::DeletesData) {
        return None;
    }
    let misspelled = |new: &Column| misspelled_name(new.renamed_from.as_ref(), change.column.as_str());
    let mut added = new_table
        .columns
        .iter()
        .filter(|(column, new)| !old_table.columns.contains_key(*column) && new.generated.is_none());
    let (candidate, new) = added
        .clone()
        .find(|(_, new)| misspelled(new).is_some())
        .or_else(|| added.find(|(_, new)| new.kind == old.kind))?;
    let message = misspelled(new).unwrap_or_else(|| {
        format!("{object} was removed and {name}.{candidate} was added with the same type: is this a rename?")
    });
    let finding = Diagnostic::error(Code::RenameUnclear, path.key("columns").key(candidate.as_str()))
        .message(message)
        .expected("`renamed_from` for a rename, or `allow` for a removal")
        .hint(format!(
            "`renamed_from = \"{}\"` keeps the values; `allow.\"{}\".deletes_data = \"why\"` drops them",
            escaped_for_nickel(change.column.as_str()),
            escaped_for_nickel(&object)
        ));
    Some(finding)
}

/// Returns the statements that restore a dropped column with its comment, grants and options.
fn restore_column_sql(change: &ColumnChange, column: &Column) -> String {
    let table = change.table.name.sql();
    let mut sql = format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(change.column, column));
    if column.comment.is_some() {
        let object = format!("{table}.{}", quoted(change.column));
        sql += &format!("\n{}", ddl::comment("COLUMN", &object, column.comment.as_ref()));
    }
    let options =
        ddl::alter_column_options(change.table.name, change.column, &StorageParameters::new(), &column.options);
    let none = Grants::new();
    let no_rights = Rights::new(&none, &none);
    let identity_grants =
        ddl::change_identity_grants(change.table.name, change.column, no_rights, column.identity_rights());
    let grants = ddl::column_grants(&table, change.column, column).into_iter().chain(identity_grants);
    for statement in grants.chain(options) {
        sql += &format!("\n{statement}");
    }
    sql
}

/// Plans the change of a generated column. It is dropped and added again, since the server computes its values.
fn regenerate(planner: &mut Planner, diff: &Diff, change: &ColumnChange, (old, new): (&Column, &Column)) {
    if refuse_new_values(planner, diff, (change.table.name, change.table.new, change.path().key("generated")), new) {
        return;
    }
    let table = change.table.name.sql();
    let drop = format!("ALTER TABLE {table} DROP COLUMN {};", quoted(change.column));
    // The column is dropped before the columns and types in its expression change, and added again afterwards.
    planner.push(
        change
            .step(Phase::DropConstraints, "generated", "is computed differently")
            .order_in_phase(AFTER_KEYS)
            .up(drop.clone())
            .down(restore_column_sql(change, old)),
    );
    let mut up = vec![format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(change.column, new))];
    up.extend(ddl::column_grants(&table, change.column, new));
    planner.push(
        change
            .step(Phase::Create, "generated", "is computed differently")
            .up(up.join("\n"))
            .down(drop)
            .hazards((!new.is_virtual).then_some(Hazard::Rewrite)),
    );
}

/// Refuses NOT NULL for a column whose rows may have no value, unless the definition gives one or allows the failure.
fn require_values(planner: &mut Planner, change: &ColumnChange, new: &Column) {
    if new.backfill.is_some() || planner.allows(&change.object(), Hazard::MayFail) {
        return;
    }
    planner.refuse(
        Code::NeedsBackfill,
        change.path().key("nullable"),
        format!("{} becomes NOT NULL, but stored rows may have no value for it", change.object()),
        &format!(
            "set `backfill = \"an expression\"`, or write `allow.\"{}\".may_fail = \"why\"` if every row has a value",
            escaped_for_nickel(&change.object())
        ),
    );
}

/// Plans the changes of a column that keeps its values. `default_is_set` tells whether the steps of a recreated
/// enumeration or function already set the default.
fn alter_column(
    planner: &mut Planner,
    diff: &Diff,
    change: &ColumnChange,
    (old, new): (&Column, &Column),
    default_is_set: bool,
) {
    if old.is_virtual && new.generated.is_none() {
        planner.refuse(
            Code::ChangeRefused,
            change.path().key("generated"),
            format!("{} has no stored values, so it cannot become a plain column", change.object()),
            "add a column with a different name",
        );
        return;
    }
    if old.generated.is_some() && new.generated.is_none() {
        planner.push(
            change
                .step(Phase::Create, "generated", "keeps its values and is no longer computed")
                // The column is no longer computed before its type changes.
                .order_in_phase(0)
                .up(format!("{} DROP EXPRESSION;", change.alter_column_prefix()))
                .irreversible("PostgreSQL cannot turn an existing column into a generated one"),
        );
    } else if old.generated.is_none() && new.generated.is_some() {
        planner.refuse(
            Code::ChangeRefused,
            change.path().key("generated"),
            format!("{} stores values, so it cannot become a generated column", change.object()),
            "add a generated column with a different name",
        );
        return;
    }
    if !new.has_type_of(old) {
        let refused_change = format!("the type or collation of {} cannot change", change.object());
        let otherwise = "add a column with a different name and `backfill`";
        let target = (change.table.name, change.path().key("type"));
        if !refuse_rewrite(planner, diff, target, (&refused_change, otherwise)) {
            change_type(planner, diff, change, (old, new));
        }
    } else if old.default != new.default && !default_is_set {
        planner.push(
            change
                .step(Phase::Create, "default", "has a different default")
                .up(change.set_default(new.default.as_ref()))
                .down(change.set_default(old.default.as_ref()))
                .hazards(change.owner_hazard()),
        );
    }
    change_identity(planner, diff, change, (old, new));
    change_nullability(planner, change, (old, new));
}

/// Plans whether a column that keeps its values may be NULL.
fn change_nullability(planner: &mut Planner, change: &ColumnChange, (old, new): (&Column, &Column)) {
    match (old.nullable, new.nullable) {
        (true, false) => {
            require_values(planner, change, new);
            set_not_null(planner, change, new.backfill.as_ref());
        }
        (false, true) => planner.push(
            change
                .step(Phase::Create, "nullable", "may be NULL")
                .order_in_phase(change.order_in_phase + 1)
                .up(format!("{} DROP NOT NULL;", change.alter_column_prefix()))
                .down(format!("{} SET NOT NULL;", change.alter_column_prefix()))
                .hazard(Hazard::DropsConstraint)
                .hazards(change.owner_hazard()),
        ),
        _ => {}
    }
}
