//! Renames columns, including their names in the SQL of the old schema.

use std::collections::BTreeMap;

use super::candidate::{exchanged_names, words_about_exchange};
use super::renamed_schema::RenamedSchema;
use crate::database::hazard::Hazard;
use crate::database::identifiers::replace_names;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;
use crate::values::Checked;

/// Plans the renames of columns, and applies them to the old schema in `renamed`.
pub(super) fn rename_columns(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, table) in &new.tables {
        // Maps the old names of the table's columns to their new names.
        let mut new_names: BTreeMap<SqlName, SqlName> = BTreeMap::new();
        for (column, definition) in &table.columns {
            let (Some(old_name), Some(old)) = (&definition.renamed_from, renamed.schema.tables.get(name)) else {
                continue;
            };
            if !old.columns.contains_key(old_name) || old_name == column {
                continue;
            }
            let path = planner.path(&["tables", name.as_str(), "columns", column.as_str()]);
            let declared_name = |column: &SqlName| {
                let declared = table.columns.get(column)?.renamed_from.clone()?;
                let is_in_both = old.columns.contains_key(&declared) && table.columns.contains_key(&declared);
                is_in_both.then_some(declared)
            };
            if let Some(names) = exchanged_names(column, declared_name) {
                // One finding for all columns that exchange their names, and none about their types.
                if names.iter().all(|other| column <= other) {
                    let (message, hint) = words_about_exchange(&names);
                    planner.refuse(Code::RenameClash, path.key("renamed_from"), message, &hint);
                }
                if let Some(table) = renamed.schema.tables.get_mut(name) {
                    table.columns.insert(column.clone(), definition.clone());
                }
                continue;
            }
            let reason = if old.columns.contains_key(column) || table.columns.contains_key(old_name) {
                Some("both exist".to_owned())
            } else {
                new_names.get(old_name).map(|other| format!("it is already renamed to `{other}`"))
            };
            if let Some(reason) = reason {
                let message = format!("`{old_name}` cannot be renamed to `{column}`: {reason}");
                planner.refuse(
                    Code::RenameClash,
                    path.key("renamed_from"),
                    message,
                    "remove `renamed_from`, or rename in a first migration (`nself db new`) and add the other column in a second one",
                );
                continue;
            }
            let rename = |from: &SqlName, to: &SqlName| {
                format!("ALTER TABLE {} RENAME COLUMN {} TO {};", name.sql(), quoted(from), quoted(to))
            };
            let why = format!("{name}.{old_name} is now called {column}");
            planner.push(
                MigrationStep::new(Phase::Rename, format!("{name}.{column}"), path, why)
                    .up(rename(old_name, column))
                    .down(rename(column, old_name))
                    .hazard(Hazard::BreaksPrograms),
            );
            new_names.insert(old_name.clone(), column.clone());
        }
        if !new_names.is_empty() {
            // The server renames the columns of partitions, too.
            for table in with_partitions(&renamed.schema, name) {
                replace_column_names(&mut renamed.schema, &table, &new_names);
                renamed.affected_tables.insert(table);
            }
        }
    }
}

/// Returns the names of a table, of its partitions and of their partitions.
pub fn with_partitions(schema: &Schema, name: &ObjectName) -> Vec<ObjectName> {
    let mut tables = vec![name.clone()];
    // The loop also reaches the tables that it appends.
    let mut position = 0;
    while position < tables.len() {
        let is_partition = |table: &Table| {
            table.partition_of.as_ref().is_some_and(|partition_of| partition_of.table == tables[position])
        };
        let partitions = schema
            .tables
            .iter()
            .filter(|(name_of_partition, table)| is_partition(table) && !tables.contains(name_of_partition));
        let partitions: Vec<ObjectName> = partitions.map(|(name_of_partition, _)| name_of_partition.clone()).collect();
        tables.extend(partitions);
        position += 1;
    }
    tables
}

/// Replaces the names of columns in a table and in the objects that refer to it. `new_names` maps old names to new
/// names.
pub fn replace_column_names(schema: &mut Schema, name: &ObjectName, new_names: &BTreeMap<SqlName, SqlName>) {
    let rename = |column: &mut SqlName| {
        if let Some(new) = new_names.get(column) {
            *column = new.clone();
        }
    };
    let rename_all = |columns: &mut Vec<SqlName>| columns.iter_mut().for_each(rename);
    let replace_in_text = |text: &str| {
        replace_names(text, |word| {
            new_names.iter().find(|(old, _)| old.as_str() == word).map(|(_, new)| quoted_if_needed(new.as_str()))
        })
    };
    let replace_in_expression =
        |expression: &mut Expression| *expression = Expression::wrap(replace_in_text(expression.as_str()));
    for key in schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut()) {
        if key.references.table == *name {
            rename_all(&mut key.references.columns);
        }
    }
    let owners = schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
    owners.filter(|owner| owner.table == *name).for_each(|owner| rename(&mut owner.column));
    let Some(table) = schema.tables.get_mut(name) else { return };
    table.columns = std::mem::take(&mut table.columns)
        .into_iter()
        .map(|(mut column, mut definition)| {
            rename(&mut column);
            definition.generated.iter_mut().for_each(replace_in_expression);
            (column, definition)
        })
        .collect();
    rename_all(&mut table.primary_key);
    rename_all(&mut table.primary_key_include);
    for unique in table.uniques.values_mut() {
        rename_all(&mut unique.columns);
        rename_all(&mut unique.include);
    }
    for key in table.foreign_keys.values_mut() {
        rename_all(&mut key.columns);
        rename_all(&mut key.on_delete_columns);
    }
    table.checks.values_mut().for_each(|check| replace_in_expression(&mut check.expression));
    for exclude in table.excludes.values_mut() {
        exclude.elements.iter_mut().for_each(|element| replace_in_expression(&mut element.expression));
        exclude.predicate.iter_mut().for_each(replace_in_expression);
    }
    for index in table.indexes.values_mut() {
        for column in &mut index.columns {
            column.column.iter_mut().for_each(rename);
            column.expression.iter_mut().for_each(replace_in_expression);
        }
        rename_all(&mut index.include);
        index.predicate.iter_mut().for_each(replace_in_expression);
    }
    for trigger in table.triggers.values_mut() {
        rename_all(&mut trigger.update_of);
        trigger.condition.iter_mut().for_each(replace_in_expression);
    }
    for policy in table.policies.values_mut() {
        policy.using.iter_mut().chain(&mut policy.check).for_each(replace_in_expression);
    }
    if let Some(by) = &mut table.partition_by {
        for key in &mut by.columns {
            key.column.iter_mut().for_each(rename);
            key.expression.iter_mut().for_each(replace_in_expression);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnostic::FieldPath;

    /// Returns a definition with a table that has these columns.
    fn with_columns(columns: &Value) -> Schema {
        serde_json::from_value(json!({ "tables": { "t": { "columns": columns } } })).unwrap()
    }

    #[test]
    fn columns_that_swap_their_names_have_one_finding() {
        let before = with_columns(&json!({ "a": { "type": "integer" }, "b": { "type": "text" } }));
        let after = with_columns(
            &json!({ "a": { "type": "text", "renamed_from": "b" }, "b": { "type": "integer", "renamed_from": "a" } }),
        );
        let Err(findings) = crate::database::migrate::plan(&before, &after, &FieldPath::root()) else {
            panic!("the renames are accepted")
        };
        let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::RenameClash]);
    }

    #[test]
    fn a_rename_breaks_running_programs() {
        let before = with_columns(&json!({ "a": { "type": "integer" } }));
        let after = with_columns(&json!({ "b": { "type": "integer", "renamed_from": "a" } }));
        let Ok(groups) = crate::database::migrate::plan(&before, &after, &FieldPath::root()) else {
            panic!("the rename is refused")
        };
        assert!(groups.iter().flatten().all(|step| step.hazards.contains(&Hazard::BreaksPrograms)));
    }
}
