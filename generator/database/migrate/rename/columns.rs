//! Renames columns, also in the SQL that mentions them.

use std::collections::BTreeMap;

use super::renamed_schema::RenamedSchema;
use crate::database::identifiers::renamed as replace_names;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;
use crate::values::Checked;

/// Plans the renames of columns, and renames them in the old schema.
pub(super) fn columns(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, table) in &new.tables {
        let mut names: BTreeMap<SqlName, SqlName> = BTreeMap::new();
        for (column, definition) in &table.columns {
            let (Some(from), Some(old)) = (&definition.renamed_from, renamed.schema.tables.get(name)) else { continue };
            if !old.columns.contains_key(from) || from == column {
                continue;
            }
            let path = planner.path(&["tables", name.as_str(), "columns", column.as_str()]);
            if old.columns.contains_key(column) || table.columns.contains_key(from) || names.contains_key(from) {
                let message = format!("`{from}` cannot become `{column}`: both exist");
                planner.refuse(
                    Code::RenameClash,
                    path.key("renamed_from"),
                    message,
                    "remove the hint, or the other column",
                );
                continue;
            }
            let rename = |from: &SqlName, to: &SqlName| {
                format!("ALTER TABLE {} RENAME COLUMN {} TO {};", name.sql(), quoted(from), quoted(to))
            };
            let why = format!("{name}.{from} is now called {column}");
            planner.push(
                MigrationStep::new(Phase::Rename, format!("{name}.{column}"), path, why)
                    .up(rename(from, column))
                    .down(rename(column, from)),
            );
            names.insert(from.clone(), column.clone());
        }
        if !names.is_empty() {
            // The server renames the columns of partitions, too.
            for table in with_partitions(&renamed.schema, name) {
                rename_columns(&mut renamed.schema, &table, &names);
                renamed.tables.insert(table);
            }
        }
    }
}

/// Returns a table with its partitions and their partitions.
fn with_partitions(schema: &Schema, name: &ObjectName) -> Vec<ObjectName> {
    let mut family = vec![name.clone()];
    let mut at = 0;
    while at < family.len() {
        let is_part = |table: &Table| table.partition_of.as_ref().is_some_and(|it| it.table == family[at]);
        let parts = schema.tables.iter().filter(|(part, table)| is_part(table) && !family.contains(part));
        let parts: Vec<ObjectName> = parts.map(|(part, _)| part.clone()).collect();
        family.extend(parts);
        at += 1;
    }
    family
}

fn rename_columns(schema: &mut Schema, name: &ObjectName, names: &BTreeMap<SqlName, SqlName>) {
    let rename = |column: &mut SqlName| {
        if let Some(new) = names.get(column) {
            *column = new.clone();
        }
    };
    let rename_all = |columns: &mut Vec<SqlName>| columns.iter_mut().for_each(rename);
    let text = |text: &str| {
        replace_names(text, |word| {
            names.iter().find(|(old, _)| old.as_str() == word).map(|(_, new)| spelled(new.as_str()))
        })
    };
    let expression = |expression: &mut Expression| *expression = Expression::wrap(text(expression.as_str()));
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
            definition.generated.iter_mut().for_each(expression);
            (column, definition)
        })
        .collect();
    rename_all(&mut table.primary_key);
    for unique in table.uniques.values_mut() {
        rename_all(&mut unique.columns);
        rename_all(&mut unique.include);
    }
    table.foreign_keys.values_mut().for_each(|key| rename_all(&mut key.columns));
    table.checks.values_mut().for_each(|check| expression(&mut check.expression));
    for exclude in table.excludes.values_mut() {
        exclude.elements.iter_mut().for_each(|element| expression(&mut element.expression));
        exclude.predicate.iter_mut().for_each(expression);
    }
    for index in table.indexes.values_mut() {
        for column in &mut index.columns {
            column.column.iter_mut().for_each(rename);
            column.expression.iter_mut().for_each(expression);
        }
        rename_all(&mut index.include);
        index.predicate.iter_mut().for_each(expression);
    }
    for trigger in table.triggers.values_mut() {
        rename_all(&mut trigger.update_of);
        trigger.condition.iter_mut().for_each(expression);
    }
    for policy in table.policies.values_mut() {
        policy.using.iter_mut().chain(&mut policy.check).for_each(expression);
    }
    if let Some(by) = &mut table.partition_by {
        rename_all(&mut by.columns);
    }
}
