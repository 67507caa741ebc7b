//! Plans changes of enumerations. New labels are added to the type; for any other change, the type is recreated.

use super::diff::{Diff, TypeChange};
use super::labels::added_labels;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::Code;

/// The reason why a new label cannot be reverted.
const LABEL_REMAINS: &str = "PostgreSQL cannot remove a label";

/// The reason why a conversion to a recreated enumeration cannot be reverted.
const VALUES_CONVERTED: &str = "the old values cannot be restored";

/// Plans the change of an enumeration.
pub fn plan(planner: &mut Planner, diff: &Diff, change: &TypeChange<Enumeration>) {
    let TypeChange { name, old, new, path, .. } = *change;
    let Some(new_labels) = added_labels(&old.values, &new.values) else {
        rebuild(planner, diff, change);
        return;
    };
    for (label, next_label) in new_labels {
        let position =
            next_label.map_or(String::new(), |next_label| format!(" BEFORE {}", literal(next_label.as_str())));
        let why = format!("{name}: the label {label} is new");
        planner.push(
            MigrationStep::new(Phase::Labels, name.as_str(), path.key("values"), why)
                .up(format!("ALTER TYPE {} ADD VALUE {}{position};", name.sql(), literal(label.as_str())))
                .irreversible(LABEL_REMAINS),
        );
    }
}

/// Plans a new type and the conversion of all columns to it, since PostgreSQL can only add labels.
fn rebuild(planner: &mut Planner, diff: &Diff, change: &TypeChange<Enumeration>) {
    let TypeChange { name, new, path, .. } = *change;
    if let Some(dependent) = dependent_object(diff.old, name) {
        planner.refuse(
            Code::ChangeRefused,
            path.key("values"),
            format!("labels of {name} are removed or reordered, but {dependent} uses the type"),
            "keep the labels, or rename them with `renamed_values`",
        );
        return;
    }
    // A name has at most 63 bytes, 7 of which are the suffix.
    let old_name = SqlName::truncated(&format!("{}_before", prefix(name.name(), 56)));
    let mut sql = vec![
        format!("ALTER TYPE {} RENAME TO {};", name.sql(), quoted(&old_name)),
        ddl::create_type(name, &UserType::Enum(new.clone())),
    ];
    sql.extend(conversions(diff, name));
    sql.push(format!("DROP TYPE {};", name.in_same_schema(&old_name).sql()));
    let why = format!("labels of {name} are removed or reordered");
    planner.push(
        MigrationStep::new(Phase::Create, name.as_str(), path.key("values"), why)
            .order_in_phase(change.order_in_phase)
            .up(sql.join("\n"))
            .irreversible(VALUES_CONVERTED)
            .hazards([Hazard::ConvertsData, Hazard::Rewrite, Hazard::MayFail]),
    );
}

/// Returns a domain, composite type or function that depends on the enumeration, and would keep the old type.
fn dependent_object<'a>(old: &'a Schema, name: &ObjectName) -> Option<&'a ObjectName> {
    let is_of_type = |kind: &TypeName| kind.object().as_ref() == Some(name);
    let types = old.types.iter().filter(|(_, kind)| match kind {
        UserType::Domain(domain) => is_of_type(&domain.base),
        UserType::Composite(kind) => kind.attributes.iter().any(|attribute| is_of_type(&attribute.kind)),
        UserType::Enum(_) => false,
    });
    let functions = old
        .functions
        .iter()
        .filter(|(_, function)| function.arguments.iter().any(|argument| is_of_type(&argument.kind)));
    types.map(|(dependent, _)| dependent).chain(functions.map(|(dependent, _)| dependent)).next()
}

/// Returns the statements that convert all columns of the old type to the new one, with their defaults. Each statement
/// for a partitioned table also changes its partitions, so a partition only gets the default that differs.
fn conversions(diff: &Diff, name: &ObjectName) -> Vec<String> {
    let mut sql = Vec::new();
    let mut tables: Vec<_> = diff.old.tables.iter().collect();
    tables.sort_by_key(|(table_name, _)| diff.old.table_and_ancestors(table_name).len());
    for (table_name, table) in tables {
        let is_of_type = |column: &Column| column.kind.object().as_ref() == Some(name);
        for (column_name, column) in table.columns.iter().filter(|(_, column)| is_of_type(column)) {
            let alter = format!("ALTER TABLE {} ALTER COLUMN {}", table_name.sql(), quoted(column_name));
            let default = new_default(diff, table_name, column_name, &column.kind);
            let set_default = || default.map(|default| format!("{alter} SET DEFAULT ({default});"));
            if let Some(partition) = &table.partition_of {
                if default != new_default(diff, &partition.table, column_name, &column.kind) {
                    sql.push(set_default().unwrap_or_else(|| format!("{alter} DROP DEFAULT;")));
                }
                continue;
            }
            let array = if column.kind.is_array() { "[]" } else { "" };
            let kind = column.kind.sql();
            if has_default(diff.old, table_name, column_name) {
                sql.push(format!("{alter} DROP DEFAULT;"));
            }
            sql.push(format!("{alter} TYPE {kind} USING {}::text{array}::{kind};", quoted(column_name)));
            sql.extend(set_default());
        }
    }
    sql
}

/// Returns the default of a column in the new schema, if the column keeps its type.
fn new_default<'a>(
    diff: &Diff<'a>,
    table: &ObjectName,
    column: &SqlName,
    old_type: &TypeName,
) -> Option<&'a Expression> {
    let column = diff.new.tables.get(table)?.columns.get(column).filter(|column| column.kind == *old_type)?;
    column.default.as_ref()
}

/// Returns whether a column has a default in a table or in one of its partitions.
fn has_default(schema: &Schema, table: &ObjectName, column: &SqlName) -> bool {
    let with_default = schema
        .tables
        .iter()
        .filter(|(_, table)| table.columns.get(column).is_some_and(|column| column.default.is_some()));
    with_default
        .into_iter()
        .any(|(name, _)| schema.table_and_ancestors(name).iter().any(|(ancestor, _)| *ancestor == table))
}
