//! Hasura's metadata for a database: the tables, views and functions that Hasura serves, relationships that follow from
//! foreign keys, and permissions that follow from `api`.

pub mod handlers;
mod metadata;
mod naming;
mod permission;

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::*;
use crate::database::{APP_COLUMN, TENANT_COLUMN};
use crate::values::Checked;
use naming::graphql_name;
use permission::add_permissions;

pub use metadata::{
    EqualsVariable, Filter, HasuraSource, KeyColumns, Permission, PermissionRule, QualifiedName, Relationship,
    RelationshipSource, TrackedFunction, TrackedTable,
};
pub use naming::api_names;
pub use permission::{APP_VARIABLE, TENANT_VARIABLE, check};

impl QualifiedName {
    pub fn of(name: &ObjectName) -> Self {
        QualifiedName { name: name.name().to_owned(), schema: name.schema().to_owned() }
    }
}

/// Returns the objects of a schema that Hasura serves: first tables and views, then functions. Each list is sorted by
/// name, with all tables before the views.
pub fn tracked_objects(schema: &Schema) -> (Vec<TrackedTable>, Vec<TrackedFunction>) {
    let mut tables: BTreeMap<&ObjectName, TrackedTable> =
        schema.tables_without_partitions().map(|(name, table)| (name, tracked_table(name, Some(table)))).collect();
    add_relationships(schema, &mut tables);
    for (name, table) in &schema.tables {
        let Some(tracked) = tables.get_mut(name) else { continue };
        for (role, api) in &table.api {
            add_permissions(table, role, api, tracked);
        }
    }
    let views = schema.views.keys().map(|name| tracked_table(name, None));
    // Hasura serves a function that returns rows of a table or view. A volatile function is left out: as a query, it
    // would have side effects.
    let is_served = |function: &super::model::Function| {
        let row_type = function.returns.as_ref().and_then(|returns| returns.as_str().strip_prefix("SETOF "));
        let relation = row_type.and_then(|name| TypeName::new(name.trim()).ok()?.object());
        let returns_rows =
            relation.is_some_and(|name| schema.tables.contains_key(&name) || schema.views.contains_key(&name));
        returns_rows && function.volatility != Volatility::Volatile
    };
    let served_functions = schema
        .functions
        .iter()
        .filter(|(name, function)| is_served(function) && !is_overloaded(schema, name, function));
    let functions = served_functions
        .map(|(name, _)| TrackedFunction {
            function: QualifiedName::of(name),
            configuration: naming::function_configuration(name),
        })
        .collect();
    (tables.into_values().chain(views).collect(), functions)
}

/// Returns whether several functions have the same name in SQL as the function with this key in the definition. Hasura
/// cannot serve such functions.
fn is_overloaded(schema: &Schema, key: &ObjectName, function: &Function) -> bool {
    schema.functions_named(&function.name_in_sql(key)).count() > 1
}

/// Returns the entry of a table, or of a view if `table` is `None`, without relationships and permissions.
fn tracked_table(name: &ObjectName, table: Option<&Table>) -> TrackedTable {
    TrackedTable {
        table: QualifiedName::of(name),
        configuration: naming::table_configuration(name, table),
        ..TrackedTable::default()
    }
}

/// Adds two relationships for each foreign key, one in each direction. The name of a relationship depends only on the
/// columns and keys of its tables; if that name is taken, the name of the constraint is used.
fn add_relationships(schema: &Schema, tables: &mut BTreeMap<&ObjectName, TrackedTable>) {
    let mut used_names_by_table: BTreeMap<&ObjectName, BTreeSet<String>> = BTreeMap::new();
    for (name, table) in schema.tables_without_partitions() {
        used_names_by_table.insert(name, table.columns.keys().map(|column| graphql_name(column.as_str())).collect());
    }
    // Takes the first candidate that the table does not use yet; `None` if it uses all of them.
    let mut choose_name = |table_name: &ObjectName, candidates: &[String]| -> Option<String> {
        let used_names = used_names_by_table.get_mut(table_name)?;
        let free_name = candidates.iter().map(|name| graphql_name(name)).find(|name| !used_names.contains(name))?;
        used_names.insert(free_name.clone());
        Some(free_name)
    };
    // Names for the direction from the table with the key are chosen first.
    for (name, table) in schema.tables_without_partitions() {
        for (constraint, key) in &table.foreign_keys {
            let candidates = [object_relationship_name(key), constraint.to_string()];
            let key_columns = match key.columns.as_slice() {
                [column] => KeyColumns::Column(column.clone()),
                columns => KeyColumns::Columns(columns.to_vec()),
            };
            if let (Some(relationship_name), Some(tracked)) = (choose_name(name, &candidates), tables.get_mut(name)) {
                let using = RelationshipSource { foreign_key_constraint_on: key_columns };
                tracked.object_relationships.push(Relationship { name: relationship_name, using });
            }
        }
    }
    for (name, table) in schema.tables_without_partitions() {
        for (constraint, key) in &table.foreign_keys {
            let referenced_table = &key.references.table;
            let has_several_keys =
                table.foreign_keys.values().filter(|other| other.references.table == *referenced_table).count() > 1;
            let name_with_column = format!("{}_by_{}", name.name(), object_relationship_name(key));
            let first_choice = if has_several_keys { name_with_column.clone() } else { name.name().to_owned() };
            let candidates = [first_choice, name_with_column, format!("{}_by_{constraint}", name.name())];
            let table_with_key = QualifiedName::of(name);
            let key_columns = match key.columns.as_slice() {
                [column] => KeyColumns::OtherColumn { column: column.clone(), table: table_with_key },
                columns => KeyColumns::OtherColumns { columns: columns.to_vec(), table: table_with_key },
            };
            if let (Some(relationship_name), Some(tracked)) =
                (choose_name(referenced_table, &candidates), tables.get_mut(referenced_table))
            {
                let relationship = Relationship {
                    name: relationship_name,
                    using: RelationshipSource { foreign_key_constraint_on: key_columns },
                };
                let refers_to_one_row = is_unique(table, &key.columns);
                let relationships = if refers_to_one_row {
                    &mut tracked.object_relationships
                } else {
                    &mut tracked.array_relationships
                };
                relationships.push(relationship);
            }
        }
    }
}

/// Returns the name of the relationship to the row that a foreign key refers to: `author` for the column `author_id`,
/// otherwise the name of the referenced table. The column that the convention adds to a key, such as `tenant_id`, does
/// not count.
fn object_relationship_name(key: &ForeignKey) -> String {
    let columns: Vec<&SqlName> =
        key.columns.iter().filter(|column| ![TENANT_COLUMN, APP_COLUMN].contains(&column.as_str())).collect();
    match columns.as_slice() {
        [column] => column.as_str().strip_suffix("_id").filter(|stem| !stem.is_empty()),
        _ => None,
    }
    .unwrap_or(key.references.table.name())
    .to_owned()
}

/// Returns whether the columns are exactly those of the primary key or of a unique constraint, so that no two rows have
/// the same values in them.
fn is_unique(table: &Table, columns: &[SqlName]) -> bool {
    let is_same_set = |key: &[SqlName]| key.iter().collect::<BTreeSet<_>>() == columns.iter().collect::<BTreeSet<_>>();
    is_same_set(&table.primary_key) || table.uniques.values().any(|unique| is_same_set(&unique.columns))
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
            assert_eq!(object_relationship_name(&key(columns, "people")), name, "{columns:?}");
        }
    }
}
