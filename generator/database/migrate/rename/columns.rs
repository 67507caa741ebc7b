//! Renames columns, including their names in the SQL of the old schema.

use std::collections::BTreeMap;

use super::candidate::{exchanged_names, words_about_exchange};
use super::renamed_schema::RenamedSchema;
use crate::database::hazard::Hazard;
use crate::database::identifiers::replace_names;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::Checked;

/// Plans the renames of columns, and applies them to the old schema in `renamed`.
pub(super) fn rename_columns(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, table) in &new.tables {
        // Maps the old names of the table's columns to their new names.
        let mut new_names: BTreeMap<SqlName, SqlName> = BTreeMap::new();
        for (column, definition) in &table.columns {
            if let Some(old_name) =
                old_name_of_column(planner, renamed, (name, table), (column, definition), &new_names)
            {
                push_rename(planner, name, (&old_name, column));
                new_names.insert(old_name, column.clone());
            }
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

/// Returns the old name of a column that the plan renames; `None` if the old table does not have it. Refuses a rename
/// that is not possible. `new_names` maps the old names of the table's earlier columns to their new names.
fn old_name_of_column(
    planner: &mut Planner,
    renamed: &mut RenamedSchema,
    (name, table): (&ObjectName, &Table),
    (column, definition): (&SqlName, &Column),
    new_names: &BTreeMap<SqlName, SqlName>,
) -> Option<SqlName> {
    let old_name = definition.renamed_from.as_ref()?;
    let old = renamed.schema.tables.get_mut(name)?;
    if !old.columns.contains_key(old_name) || old_name == column {
        return None;
    }
    let path = column_path(planner, name, column).key("renamed_from");
    let declared_name = |column: &SqlName| {
        let declared = table.columns.get(column)?.renamed_from.clone()?;
        let is_in_both = old.columns.contains_key(&declared) && table.columns.contains_key(&declared);
        is_in_both.then_some(declared)
    };
    if let Some(names) = exchanged_names(column, declared_name) {
        // One finding for all columns that exchange their names, and none about their types.
        if names.iter().all(|other| column <= other) {
            let (message, hint) = words_about_exchange(&names);
            planner.refuse(Code::RenameClash, path, message, &hint);
        }
        old.columns.insert(column.clone(), definition.clone());
        return None;
    }
    let reason = if old.columns.contains_key(column) || table.columns.contains_key(old_name) {
        "both exist".to_owned()
    } else if let Some(other) = new_names.get(old_name) {
        format!("it is already renamed to `{other}`")
    } else {
        return Some(old_name.clone());
    };
    planner.refuse(
        Code::RenameClash,
        path,
        format!("`{old_name}` cannot be renamed to `{column}`: {reason}"),
        "remove `renamed_from`, or rename in a first migration (`nself db new`) and add the other column in a second one",
    );
    None
}

fn column_path(planner: &Planner, table: &ObjectName, column: &SqlName) -> FieldPath {
    planner.path(&["tables", table.as_str(), "columns", column.as_str()])
}

/// Plans the rename of a column.
fn push_rename(planner: &mut Planner, table: &ObjectName, (old_name, column): (&SqlName, &SqlName)) {
    let rename = |from: &SqlName, to: &SqlName| {
        format!("ALTER TABLE {} RENAME COLUMN {} TO {};", table.sql(), quoted(from), quoted(to))
    };
    let why = format!("{table}.{old_name} is now called {column}");
    let path = column_path(planner, table, column);
    planner.push(
        MigrationStep::new(Phase::Rename, format!("{table}.{column}"), path, why)
            .up(rename(old_name, column))
            .down(rename(column, old_name))
            .hazard(Hazard::BreaksPrograms),
    );
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
    let names = NewColumnNames(new_names);
    for key in schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut()) {
        if key.references.table == *name {
            names.replace_all(&mut key.references.columns);
        }
    }
    let owners = schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
    owners.filter(|owner| owner.table == *name).for_each(|owner| names.replace(&mut owner.column));
    if let Some(table) = schema.tables.get_mut(name) {
        names.replace_in_table(table);
    }
}

/// New names of columns by their old names.
struct NewColumnNames<'a>(&'a BTreeMap<SqlName, SqlName>);

impl NewColumnNames<'_> {
    fn replace(&self, column: &mut SqlName) {
        if let Some(new) = self.0.get(column) {
            *column = new.clone();
        }
    }

    fn replace_all(&self, columns: &mut [SqlName]) {
        columns.iter_mut().for_each(|column| self.replace(column));
    }

    fn replace_in_expression(&self, expression: &mut Expression) {
        let text = replace_names(expression.as_str(), |word| {
            self.0.iter().find(|(old, _)| old.as_str() == word).map(|(_, new)| quoted_if_needed(new.as_str()))
        });
        *expression = Expression::wrap(text);
    }

    fn replace_in_expressions<'e>(&self, expressions: impl IntoIterator<Item = &'e mut Expression>) {
        expressions.into_iter().for_each(|expression| self.replace_in_expression(expression));
    }

    fn replace_in_table(&self, table: &mut Table) {
        table.columns = std::mem::take(&mut table.columns)
            .into_iter()
            .map(|(mut column, mut definition)| {
                self.replace(&mut column);
                self.replace_in_expressions(&mut definition.generated);
                (column, definition)
            })
            .collect();
        self.replace_all(&mut table.primary_key);
        self.replace_all(&mut table.primary_key_include);
        for unique in table.uniques.values_mut() {
            self.replace_all(&mut unique.columns);
            self.replace_all(&mut unique.include);
        }
        for key in table.foreign_keys.values_mut() {
            self.replace_all(&mut key.columns);
            self.replace_all(&mut key.on_delete_columns);
        }
        self.replace_in_expressions(table.checks.values_mut().map(|check| &mut check.expression));
        for exclude in table.excludes.values_mut() {
            self.replace_in_expressions(exclude.elements.iter_mut().map(|element| &mut element.expression));
            self.replace_in_expressions(&mut exclude.predicate);
        }
        for index in table.indexes.values_mut() {
            for column in &mut index.columns {
                column.column.iter_mut().for_each(|column| self.replace(column));
                self.replace_in_expressions(&mut column.expression);
            }
            self.replace_all(&mut index.include);
            self.replace_in_expressions(&mut index.predicate);
        }
        for trigger in table.triggers.values_mut() {
            self.replace_all(&mut trigger.update_of);
            self.replace_in_expressions(&mut trigger.condition);
        }
        for policy in table.policies.values_mut() {
            self.replace_in_expressions(policy.using.iter_mut().chain(&mut policy.check));
        }
        for key in table.partition_by.iter_mut().flat_map(|by| &mut by.columns) {
            key.column.iter_mut().for_each(|column| self.replace(column));
            self.replace_in_expressions(&mut key.expression);
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
