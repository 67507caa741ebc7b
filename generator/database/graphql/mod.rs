//! Hasura's metadata of a database: the tables, views and functions that it can serve, relationships from foreign
//! keys, permissions from `api`.

pub mod handlers;
mod metadata;
mod naming;
mod permission;

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::*;
use crate::database::{APP_COLUMN, TENANT_COLUMN};
use crate::values::Checked;
use naming::graphql_name;
use permission::permit;

pub use metadata::{
    Equal, Filter, HasuraSource, KeyColumns, Permission, QualifiedName, Relationship, Rule, TrackedFunction,
    TrackedTable, Using,
};
pub use permission::{APP_VARIABLE, TENANT_VARIABLE, check};

impl QualifiedName {
    pub fn of(name: &ObjectName) -> Self {
        QualifiedName { name: name.name().to_owned(), schema: name.schema().to_owned() }
    }
}

/// Returns the objects of a schema that Hasura serves: tables before views, each sorted by name.
pub fn tracked(schema: &Schema) -> (Vec<TrackedTable>, Vec<TrackedFunction>) {
    let mut tables: BTreeMap<&ObjectName, TrackedTable> =
        schema.whole_tables().map(|(name, table)| (name, tracked_table(name, Some(table)))).collect();
    relate(schema, &mut tables);
    for (name, table) in &schema.tables {
        let Some(tracked) = tables.get_mut(name) else { continue };
        for (role, api) in &table.api {
            permit(table, role, api, tracked);
        }
    }
    let views = schema.views.keys().map(|name| tracked_table(name, None));
    // Hasura serves a function as a field if it returns rows of a table. A volatile function would be a query with
    // side effects.
    let served = |function: &super::model::Function| {
        let rows = function.returns.as_ref().and_then(|returns| returns.as_str().strip_prefix("SETOF "));
        let table = rows.and_then(|name| TypeName::new(name.trim()).ok()?.object());
        let table = table.is_some_and(|name| schema.tables.contains_key(&name) || schema.views.contains_key(&name));
        table && function.volatility != Volatility::Volatile
    };
    let functions = schema.functions.iter().filter(|(_, function)| served(function));
    let functions = functions
        .map(|(name, _)| TrackedFunction { function: QualifiedName::of(name), configuration: naming::function(name) })
        .collect();
    (tables.into_values().chain(views).collect(), functions)
}

fn tracked_table(name: &ObjectName, table: Option<&Table>) -> TrackedTable {
    TrackedTable {
        table: QualifiedName::of(name),
        configuration: naming::table(name, table),
        ..TrackedTable::default()
    }
}

/// Adds both directions of each foreign key. A relationship's name depends only on the columns and keys of its
/// tables; if that name is taken, the constraint's name is used.
fn relate(schema: &Schema, tables: &mut BTreeMap<&ObjectName, TrackedTable>) {
    let mut taken: BTreeMap<&ObjectName, BTreeSet<String>> = BTreeMap::new();
    for (name, table) in schema.whole_tables() {
        taken.insert(name, table.columns.keys().map(|column| graphql_name(column.as_str())).collect());
    }
    let mut choose = |of: &ObjectName, candidates: &[String]| -> Option<String> {
        let taken = taken.get_mut(of)?;
        let free = candidates.iter().map(|name| graphql_name(name)).find(|name| !taken.contains(name))?;
        taken.insert(free.clone());
        Some(free)
    };
    // The direction from the table that has the key chooses its name first.
    for (name, table) in schema.whole_tables() {
        for (constraint, key) in &table.foreign_keys {
            let candidates = [to_one(key), constraint.to_string()];
            let on = match key.columns.as_slice() {
                [column] => KeyColumns::Column(column.clone()),
                columns => KeyColumns::Columns(columns.to_vec()),
            };
            if let (Some(chosen), Some(tracked)) = (choose(name, &candidates), tables.get_mut(name)) {
                let using = Using { foreign_key_constraint_on: on };
                tracked.object_relationships.push(Relationship { name: chosen, using });
            }
        }
    }
    for (name, table) in schema.whole_tables() {
        for (constraint, key) in &table.foreign_keys {
            let target = &key.references.table;
            let several = table.foreign_keys.values().filter(|other| other.references.table == *target).count() > 1;
            let by = format!("{}_by_{}", name.name(), to_one(key));
            let plain = if several { by.clone() } else { name.name().to_owned() };
            let candidates = [plain, by, format!("{}_by_{constraint}", name.name())];
            let of = QualifiedName::of(name);
            let on = match key.columns.as_slice() {
                [column] => KeyColumns::OtherColumn { column: column.clone(), table: of },
                columns => KeyColumns::OtherColumns { columns: columns.to_vec(), table: of },
            };
            if let (Some(chosen), Some(tracked)) = (choose(target, &candidates), tables.get_mut(target)) {
                let relationship = Relationship { name: chosen, using: Using { foreign_key_constraint_on: on } };
                let one = is_unique(table, &key.columns);
                let list = if one { &mut tracked.object_relationships } else { &mut tracked.array_relationships };
                list.push(relationship);
            }
        }
    }
}

/// Returns the name of the relationship to one row: `author` for the column `author_id`. For other columns it is the
/// name of the target table; the convention's column does not count.
fn to_one(key: &ForeignKey) -> String {
    let own: Vec<&SqlName> =
        key.columns.iter().filter(|column| ![TENANT_COLUMN, APP_COLUMN].contains(&column.as_str())).collect();
    match own.as_slice() {
        [column] => column.as_str().strip_suffix("_id").filter(|stem| !stem.is_empty()),
        _ => None,
    }
    .unwrap_or(key.references.table.name())
    .to_owned()
}

/// Returns whether at most one row can have the same values in these columns.
fn is_unique(table: &Table, columns: &[SqlName]) -> bool {
    let set = |columns: &[SqlName]| columns.iter().cloned().collect::<BTreeSet<_>>();
    let wanted = set(columns);
    set(&table.primary_key) == wanted || table.uniques.values().any(|unique| set(&unique.columns) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[&str], table: &str) -> ForeignKey {
        let columns: Vec<SqlName> = columns.iter().map(|name| SqlName::wrap((*name).into())).collect();
        let target = serde_json::json!({ "table": table, "columns": columns });
        serde_json::from_value(serde_json::json!({ "columns": columns, "references": target })).unwrap()
    }

    #[test]
    fn a_relationship_to_one_row_is_named_after_its_column() {
        for (columns, name) in [
            (&["author_id"] as &[&str], "author"),
            (&["tenant_id", "author_id"], "author"),
            (&["country"], "people"),
            (&["_id"], "people"),
            (&["a", "b"], "people"),
        ] {
            assert_eq!(to_one(&key(columns, "people")), name, "{columns:?}");
        }
    }
}
