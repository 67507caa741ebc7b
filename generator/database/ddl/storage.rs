//! SQL of storage parameters and statistics.

use crate::database::model::*;

/// Returns storage parameters in brackets: `(fillfactor = '70')`.
pub fn parameters(storage: &StorageParameters) -> String {
    let parameters: Vec<String> =
        storage.iter().map(|(name, value)| format!("{} = {}", name.sql(), literal(value.as_str()))).collect();
    format!("({})", parameters.join(", "))
}

/// Returns the statements that change the storage parameters of a table or index. `kind` is its keyword in ALTER, and
/// `object` its name in SQL.
pub fn alter_storage_parameters(
    kind: &str,
    object: &str,
    old: &StorageParameters,
    new: &StorageParameters,
) -> Vec<String> {
    let removed: Vec<String> = old.keys().filter(|name| !new.contains_key(*name)).map(ParameterName::sql).collect();
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    let changed: StorageParameters = changed.map(|(name, value)| (name.clone(), value.clone())).collect();
    let reset = (!removed.is_empty()).then(|| format!("ALTER {kind} {object} RESET ({});", removed.join(", ")));
    let set = (!changed.is_empty()).then(|| format!("ALTER {kind} {object} SET {};", parameters(&changed)));
    reset.into_iter().chain(set).collect()
}

/// Returns the statements that change the options of a column, such as `n_distinct`. Partitions have separate
/// options.
pub fn alter_column_options(
    table: &ObjectName,
    column: &SqlName,
    old: &StorageParameters,
    new: &StorageParameters,
) -> Vec<String> {
    let object = format!("ONLY {} ALTER COLUMN {}", table.sql(), quoted(column));
    alter_storage_parameters("TABLE", &object, old, new)
}

/// Returns the statements that change where a column keeps long values and how they are compressed. Partitions keep
/// their own settings. If `new` sets no storage, the column gets the default of its type; for a type whose default is
/// unknown, the storage is left as it is.
pub fn alter_column_storage(table: &ObjectName, column: &SqlName, old: &Column, new: &Column) -> Vec<String> {
    let mut clauses = Vec::new();
    if let Some(storage) = new.storage.or_else(|| new.kind.default_storage()).filter(|_| old.storage != new.storage) {
        clauses.push(format!("SET STORAGE {}", storage.sql()));
    }
    if old.compression != new.compression {
        let method = new.compression.map_or("DEFAULT", ColumnCompression::sql);
        clauses.push(format!("SET COMPRESSION {method}"));
    }
    let alter = format!("ALTER TABLE ONLY {} ALTER COLUMN {}", table.sql(), quoted(column));
    clauses.into_iter().map(|clause| format!("{alter} {clause};")).collect()
}

/// Returns the clause that sets the statistics target, which determines how many rows the server samples; `None` is the
/// server's default.
pub fn statistics(target: Option<u16>) -> String {
    format!("SET STATISTICS {}", target.map_or_else(|| "-1".to_owned(), |target| target.to_string()))
}
