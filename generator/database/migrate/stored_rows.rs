//! Finds tables whose rows are values of columns, directly or inside of other values.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::*;

/// The tables whose rows are values of columns, each with the name of such a column.
#[derive(Default)]
pub struct StoredRows {
    of_tables: BTreeMap<ObjectName, String>,
    /// The same for the partitions of a table, by the table and every table above it.
    of_partitions: BTreeMap<ObjectName, String>,
}

impl StoredRows {
    /// Returns the tables of a schema in which every partition is a table.
    pub fn of(schema: &Schema) -> StoredRows {
        let mut stored_rows = StoredRows::default();
        let mut visited: BTreeSet<ObjectName> = BTreeSet::new();
        for (name, table) in &schema.tables {
            for (column_name, column) in &table.columns {
                let mut remaining: Vec<ObjectName> = column.kind.object().into_iter().collect();
                while let Some(kind) = remaining.pop() {
                    if !visited.insert(kind.clone()) {
                        continue;
                    }
                    remaining.extend(inner_types(schema, &kind));
                    if schema.tables.contains_key(&kind) {
                        stored_rows.of_tables.insert(kind, format!("{name}.{column_name}"));
                    }
                }
            }
        }
        for (name, column) in &stored_rows.of_tables {
            for (ancestor, _) in schema.table_and_ancestors(name).into_iter().skip(1) {
                stored_rows.of_partitions.entry(ancestor.clone()).or_insert_with(|| column.clone());
            }
        }
        stored_rows
    }

    /// Returns the column with rows of a table, or of a partition of it.
    pub fn column_of(&self, table: &ObjectName) -> Option<&str> {
        self.of_tables.get(table).or_else(|| self.of_partitions.get(table)).map(String::as_str)
    }

    /// Returns the column with rows that the server would rewrite if a new column had a value. A partitioned table has no
    /// rows apart from those of its partitions.
    pub fn column_of_rewritten_rows(&self, name: &ObjectName, table: &Table) -> Option<&str> {
        let of_table = self.of_tables.get(name).filter(|_| table.partition_by.is_none());
        of_table.or_else(|| self.of_partitions.get(name)).map(String::as_str)
    }
}

/// Returns the types of the values inside of a value of a type.
fn inner_types(schema: &Schema, kind: &ObjectName) -> Vec<ObjectName> {
    let kinds: Vec<&TypeName> = match (schema.types.get(kind), schema.tables.get(kind)) {
        (Some(UserType::Domain(domain)), _) => vec![&domain.base],
        (Some(UserType::Range(range)), _) => vec![&range.subtype],
        (Some(UserType::Composite(composite)), _) => {
            composite.attributes.iter().map(|attribute| &attribute.kind).collect()
        }
        (Some(UserType::Enum(_)), _) => Vec::new(),
        (None, Some(table)) => table.columns.values().map(|column| &column.kind).collect(),
        (None, None) => schema.multiranges().find(|(_, name)| name == kind).map_or_else(Vec::new, |(range, _)| {
            match schema.types.get(range) {
                Some(UserType::Range(range)) => vec![&range.subtype],
                _ => Vec::new(),
            }
        }),
    };
    kinds.into_iter().filter_map(TypeName::object).collect()
}
