//! Rows before and after a change.

use nself::database::model::{Schema, SqlName, TypeName, UserType};

use super::edits::TYPES;

/// Returns the expression for a value of the row `i`.
pub fn value(kind: &str) -> Option<&'static str> {
    let like = match kind {
        "text" | "varchar(40)" => "varchar(20)",
        "numeric(12,2)" => "numeric(8,2)",
        other => other,
    };
    TYPES.iter().find(|(known, ..)| *known == like).map(|(_, value, _)| *value)
}

pub fn seed(root: &Schema) -> String {
    let mut sql = vec!["SET session_replication_role = replica;".to_owned()];
    for (name, table) in root.tables.iter().filter(|(_, table)| table.partition_of.is_none()) {
        let label = |kind: &TypeName| match kind.object().and_then(|kind| root.types.get(&kind)) {
            Some(UserType::Enum(found)) if !kind.is_array() => Some(format!("'{}'", found.values[0])),
            _ => None,
        };
        let columns: Vec<(&SqlName, String)> = table
            .columns
            .iter()
            .filter(|(_, column)| column.generated.is_none() && column.identity.is_none())
            .filter_map(|(name, column)| {
                Some((name, value(column.kind.as_str()).map(str::to_owned).or_else(|| label(&column.kind))?))
            })
            .collect();
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let values: Vec<String> = columns.iter().map(|(_, value)| value.replace("$i", "i")).collect();
        sql.push(format!(
            "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, 3) i;",
            name.sql(),
            names.join(", "),
            values.join(", ")
        ));
    }
    sql.push("SET session_replication_role = origin;".into());
    sql.join("\n")
}

/// Returns queries for the old and the new side, for each column that both have.
pub fn row_queries(a: &Schema, b: &Schema) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, table) in b.tables.iter().filter(|(_, table)| table.partition_of.is_none()) {
        let from = table
            .renamed_from
            .as_ref()
            .map(|from| name.in_same_schema(from))
            .filter(|from| a.tables.contains_key(from));
        let from = from.unwrap_or_else(|| name.clone());
        let Some(was) = a.tables.get(&from) else { continue };
        for (column, is) in &table.columns {
            let old =
                is.renamed_from.clone().filter(|old| was.columns.contains_key(old)).unwrap_or_else(|| column.clone());
            let Some(before) = was.columns.get(&old) else { continue };
            if value(before.kind.as_str()).is_none() || before.generated.is_some() || is.generated.is_some() {
                continue;
            }
            let query = |table: String, column: &SqlName| {
                format!(
                    "SELECT '{table}', count(*), md5(string_agg(\"{column}\"::text, ',' ORDER BY id)) FROM {table};"
                )
            };
            pairs.push((query(from.sql(), &old), query(name.sql(), column)));
        }
    }
    pairs
}
