//! Plans changes of enumerations. New labels are added to the type; for any other change, the type is recreated.

use super::diff::{Diff, TypeChange};
use super::graph::{ObjectKind, ObjectNode};
use super::labels::added_labels;
use super::planner::Planner;
use super::rewrite::refuse_rewrite;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::mentioned_names;
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
    if let Some(dependent) = dependent_object(diff, name) {
        planner.refuse(
            Code::ChangeRefused,
            path.key("values"),
            format!("labels of {name} are removed or reordered, but {dependent} uses the type"),
            "keep the labels, or rename them with `renamed_values`",
        );
        return;
    }
    let has_column = |table: &Table| table.columns.values().any(|column| column.kind.object().as_ref() == Some(name));
    let mut tables = diff.old.tables.iter().filter(|(_, table)| has_column(table)).map(|(table, _)| table);
    let refused_change = format!("labels of {name} cannot be removed or reordered");
    let otherwise = "keep the labels, or rename them with `renamed_values`";
    if tables.any(|table| refuse_rewrite(planner, diff, (table, path.key("values")), (&refused_change, otherwise))) {
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

/// Returns the name of an object that depends on the enumeration and would keep the old type: a domain of the type or
/// with SQL that mentions it, a composite type or range, or a function that a column, check, index or domain uses. All other functions are created again.
fn dependent_object<'a>(diff: &Diff<'a>, name: &ObjectName) -> Option<&'a ObjectName> {
    let old = diff.old;
    let is_of_type = |kind: &TypeName| kind.object().as_ref() == Some(name);
    let types = old.types.iter().filter(|(key, definition)| match definition {
        UserType::Domain(domain) => is_of_type(&domain.base) || keeps_mention(diff, (*key, domain), name),
        UserType::Composite(composite) => composite.attributes.iter().any(|attribute| is_of_type(&attribute.kind)),
        UserType::Range(range) => is_of_type(&range.subtype),
        UserType::Enum(_) => false,
    });
    let functions = old.functions.iter().filter(|(key, function)| {
        diff.late_drops.users.contains_key(&ObjectNode::new(ObjectKind::Function, key))
            && function.arguments.iter().any(|argument| is_of_type(&argument.kind))
    });
    types.map(|(dependent, _)| dependent).chain(functions.map(|(dependent, _)| dependent)).next()
}

/// Returns whether a domain has SQL that mentions an enumeration while the enumeration is recreated. A check that is
/// removed or changes is dropped before.
fn keeps_mention(diff: &Diff, (key, domain): (&ObjectName, &Domain), enumeration: &ObjectName) -> bool {
    let new = match diff.new.types.get(key) {
        Some(UserType::Domain(new)) => Some(new),
        _ => None,
    };
    let checks = domain.checks.iter();
    let kept_checks =
        checks.filter(|(check, expression)| new.is_none_or(|new| new.checks.get(*check) == Some(*expression)));
    let mut texts = kept_checks.map(|(_, expression)| expression).chain(&domain.default);
    texts.any(|text| mentioned_names(text.as_str()).any(|word| word == enumeration.name()))
}

/// Returns the statements that convert all columns of the old type to the new one, with their defaults. The conversion of
/// a partitioned table includes its partitions, but not their defaults.
fn conversions(diff: &Diff, name: &ObjectName) -> Vec<String> {
    // The defaults in `before` and `after` are dropped before and set after all conversions.
    let (mut before, mut sql, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for (table_name, table) in &diff.old.tables {
        let new_table = diff.new.tables.get(table_name);
        // A generated column is not converted if an earlier step drops it.
        let is_dropped = |key: &SqlName, column: &Column| {
            column.generated.is_some()
                && (diff.affected.regenerated_columns(table_name).contains(key)
                    || new_table.is_some_and(|table| !table.columns.contains_key(key)))
        };
        let is_of_type = |column: &Column| column.kind.object().as_ref() == Some(name);
        let is_converted = |key: &SqlName, column: &Column| is_of_type(column) && !is_dropped(key, column);
        let only = if table.partition_by.is_some() { "ONLY " } else { "" };
        // The default of a column with another type can mention the enumeration. A default that calls a recreated function
        // has separate steps.
        let has_default_to_set = |key: &SqlName, column: &Column| {
            !diff.affected.is_rebuilt(&column.kind) && !diff.recreated_parts.has_default(table_name, key)
        };
        for (column_name, column) in table.columns.iter().filter(|(key, column)| has_default_to_set(key, column)) {
            let Some(default) = column.default.as_ref().filter(|text| diff.affected.mentions_rebuilt(text)) else {
                continue;
            };
            let alter = format!("ALTER TABLE {only}{} ALTER COLUMN {}", table_name.sql(), quoted(column_name));
            before.push(format!("{alter} DROP DEFAULT;"));
            let new_column = new_table.and_then(|table| table.columns.get(column_name));
            if new_column.is_some_and(|new| new.default == column.default) {
                after.push(format!("{alter} SET DEFAULT ({default});"));
            }
        }
        for (column_name, column) in table.columns.iter().filter(|(key, column)| is_converted(key, column)) {
            let alter =
                |scope: &str| format!("ALTER TABLE {scope}{} ALTER COLUMN {}", table_name.sql(), quoted(column_name));
            let array = if column.kind.is_array() { "[]" } else { "" };
            let kind = column.kind.sql();
            let drop_default = column.default.is_some().then(|| format!("{} DROP DEFAULT;", alter(only)));
            let new_column = new_table.and_then(|table| table.columns.get(column_name));
            let new_default = new_column.filter(|new| new.kind == column.kind).and_then(|new| new.default.as_ref());
            let set_default = new_default.map(|default| format!("{} SET DEFAULT ({default});", alter(only)));
            if table.partition_of.is_some() {
                before.extend(drop_default);
                after.extend(set_default);
                continue;
            }
            sql.extend(drop_default);
            sql.push(format!("{} TYPE {kind} USING {}::text{array}::{kind};", alter(""), quoted(column_name)));
            sql.extend(set_default);
        }
    }
    [before, sql, after].concat()
}
