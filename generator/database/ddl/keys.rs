//! SQL of constraints and indexes.

use super::{comment, parameters, statistics};
use crate::database::model::*;
use crate::values::Text;

/// Returns the name of a table's primary key constraint: the one in the definition, or else the default.
pub fn primary_key_name(name: &ObjectName, table: &Table) -> SqlName {
    table.primary_key_name.clone().unwrap_or_else(|| default_key_name(name))
}

/// Returns whether a table has a primary key whose constraint has this name.
pub fn has_primary_key_named(table_name: &ObjectName, table: &Table, name: &str) -> bool {
    let is_named = || match &table.primary_key_name {
        Some(declared_name) => declared_name.as_str() == name,
        None => name.strip_suffix(DEFAULT_KEY_SUFFIX) == Some(default_key_prefix(table_name)),
    };
    !table.primary_key.is_empty() && is_named()
}

/// Returns whether a table has a constraint of this name, which may be its primary key.
pub fn has_constraint(name: &ObjectName, table: &Table, constraint: &SqlName) -> bool {
    table.has_constraint(constraint) || has_primary_key_named(name, table, constraint.as_str())
}

/// The end of the default name of a primary key.
const DEFAULT_KEY_SUFFIX: &str = "_pkey";

/// Returns the beginning of the default name of a table's primary key. With the suffix it has at most 63 bytes.
fn default_key_prefix(table: &ObjectName) -> &str {
    prefix(table.name(), LONGEST_NAME - DEFAULT_KEY_SUFFIX.len())
}

/// Returns the default name of a table's primary key: `orders_pkey`.
pub fn default_key_name(table: &ObjectName) -> SqlName {
    SqlName::truncated(&format!("{}{DEFAULT_KEY_SUFFIX}", default_key_prefix(table)))
}

/// Returns the primary key as a constraint in CREATE TABLE; `None` for a table without a primary key.
pub fn primary_key(name: &ObjectName, table: &Table) -> Option<String> {
    (!table.primary_key.is_empty()).then(|| {
        format!(
            "CONSTRAINT {} PRIMARY KEY ({}){}{}{}",
            quoted(&primary_key_name(name, table)),
            quoted_list(&table.primary_key),
            include(&table.primary_key_include),
            with_parameters(&table.primary_key_storage),
            deferrable(table.primary_key_deferrable)
        )
    })
}

/// Returns the clause DEFERRABLE of a constraint, with a leading blank; an empty text if the constraint is not
/// deferrable.
pub fn deferrable(when: Deferrable) -> &'static str {
    match when {
        Deferrable::No => "",
        Deferrable::Immediate => " DEFERRABLE INITIALLY IMMEDIATE",
        Deferrable::Deferred => " DEFERRABLE INITIALLY DEFERRED",
    }
}

/// Returns a unique constraint.
pub fn unique(name: &SqlName, unique: &Unique) -> String {
    let nulls = if unique.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" };
    format!(
        "CONSTRAINT {} UNIQUE{nulls} ({}){}{}{}",
        quoted(name),
        quoted_list(&unique.columns),
        include(&unique.include),
        with_parameters(&unique.storage),
        deferrable(unique.deferrable)
    )
}

/// Returns the clause INCLUDE of a key or index, with a leading blank; an empty text if there are no columns.
fn include(columns: &[SqlName]) -> String {
    if columns.is_empty() { String::new() } else { format!(" INCLUDE ({})", quoted_list(columns)) }
}

/// Returns the clause WITH of an index or of a constraint with an index, with a leading blank; an empty text if there are
/// no parameters.
fn with_parameters(storage: &StorageParameters) -> String {
    if storage.is_empty() { String::new() } else { format!(" WITH {}", parameters(storage)) }
}

/// Returns the statement that sets the comment of a constraint.
pub fn constraint_comment(table: &ObjectName, name: &SqlName, text: Option<&Text>) -> String {
    comment("CONSTRAINT", &format!("{} ON {}", quoted(name), table.sql()), text)
}

/// Returns a check constraint.
pub fn check(name: &SqlName, check: &CheckConstraint) -> String {
    let inherit = if check.no_inherit { " NO INHERIT" } else { "" };
    format!("CONSTRAINT {} CHECK ({}){inherit}{}", quoted(name), check.expression, not_valid(check.not_valid))
}

/// Returns the clause NOT VALID of a constraint that is not checked for stored rows, with a leading blank.
pub fn not_valid(is_not_valid: bool) -> &'static str {
    if is_not_valid { " NOT VALID" } else { "" }
}

/// Returns an exclusion constraint.
pub fn exclude(name: &SqlName, exclude: &Exclude) -> String {
    let elements: Vec<String> =
        exclude.elements.iter().map(|element| format!("({}) WITH {}", element.expression, element.with)).collect();
    let predicate = exclude.predicate.as_ref().map_or(String::new(), |condition| format!(" WHERE ({condition})"));
    format!(
        "CONSTRAINT {} EXCLUDE USING {} ({}){}{predicate}{}",
        quoted(name),
        exclude.using.sql(),
        elements.join(", "),
        with_parameters(&exclude.storage),
        deferrable(exclude.deferrable)
    )
}

/// Returns a foreign key constraint.
pub fn foreign_key(name: &SqlName, key: &ForeignKey) -> String {
    let set_columns = if key.on_delete_columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", quoted_list(&key.on_delete_columns))
    };
    format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){} ON DELETE {}{set_columns} ON UPDATE {}{}{}",
        quoted(name),
        quoted_list(&key.columns),
        key.references.table.sql(),
        quoted_list(&key.references.columns),
        if key.match_full { " MATCH FULL" } else { "" },
        key.on_delete.sql(),
        key.on_update.sql(),
        deferrable(key.deferrable),
        not_valid(key.not_valid)
    )
}

/// Returns `CREATE INDEX`. A concurrent build does not block writers, and is skipped if the index exists, so that an
/// interrupted migration can be repeated.
pub fn create_index(table: &ObjectName, name: &SqlName, index: &Index, concurrently: bool) -> String {
    let columns: Vec<String> = index.columns.iter().map(index_column).collect();
    format!(
        "CREATE {}INDEX {}{} ON {} USING {} ({}){}{}{}{};",
        if index.unique { "UNIQUE " } else { "" },
        if concurrently { "CONCURRENTLY IF NOT EXISTS " } else { "" },
        quoted(name),
        table.sql(),
        index.using.sql(),
        columns.join(", "),
        include(&index.include),
        if index.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" },
        with_parameters(&index.storage),
        index.predicate.as_ref().map_or(String::new(), |condition| format!(" WHERE ({condition})")),
    )
}

/// Returns the statements for the properties of a new index that CREATE INDEX cannot set: statistics and the comment.
pub fn index_settings(table: &ObjectName, name: &SqlName, index: &Index) -> Vec<String> {
    let object = table.in_same_schema(name).sql();
    let mut sql = index_statistics(&object, &Index::default(), index);
    if index.comment.is_some() {
        sql.push(comment("INDEX", &object, index.comment.as_ref()));
    }
    sql
}

/// Returns the statements that change the statistics of an index. The statements number the columns of the index from
/// 1.
pub fn index_statistics(object: &str, old: &Index, new: &Index) -> Vec<String> {
    let old_statistics = |index: usize| old.columns.get(index).and_then(|column| column.statistics);
    let changed = new.columns.iter().enumerate().filter(|(index, column)| old_statistics(*index) != column.statistics);
    changed
        .map(|(index, column)| {
            format!("ALTER INDEX {object} ALTER COLUMN {} {};", index + 1, statistics(column.statistics))
        })
        .collect()
}

/// Returns a column of an index or of the key of a partitioned table.
pub fn index_column(column: &IndexColumn) -> String {
    let mut sql = match (&column.column, &column.expression) {
        (Some(name), _) => quoted(name),
        (None, Some(expression)) => format!("({expression})"),
        // The check of the definition refuses such a column.
        (None, None) => String::new(),
    };
    if let Some(collation) = &column.collation {
        sql += &format!(" COLLATE {}", collation.sql());
    }
    if let Some(opclass) = &column.opclass {
        sql += &format!(" {}", opclass.spelled());
    }
    if !column.opclass_options.is_empty() {
        sql += &format!(" {}", parameters(&column.opclass_options));
    }
    if column.descending {
        sql += " DESC";
    }
    match column.nulls {
        Some(Nulls::First) => sql += " NULLS FIRST",
        Some(Nulls::Last) => sql += " NULLS LAST",
        None => {}
    }
    sql
}

/// Returns the statement that sets the replica identity of a table: the columns that logical replication sends of an
/// updated or deleted row.
pub fn replica_identity(table: &ObjectName, identity: &ReplicaIdentity) -> String {
    let identity = match identity {
        ReplicaIdentity::Default => "DEFAULT".to_owned(),
        ReplicaIdentity::Full => "FULL".to_owned(),
        ReplicaIdentity::Nothing => "NOTHING".to_owned(),
        ReplicaIdentity::Index(index) => format!("USING INDEX {}", quoted(index)),
    };
    format!("ALTER TABLE {} REPLICA IDENTITY {identity};", table.sql())
}

/// Returns the index behind a unique constraint or primary key.
pub fn unique_index(columns: &[SqlName], include: &[SqlName], nulls_not_distinct: bool) -> Index {
    let columns = columns.iter().map(|name| IndexColumn { column: Some(name.clone()), ..IndexColumn::default() });
    Index {
        columns: columns.collect(),
        unique: true,
        include: include.to_vec(),
        nulls_not_distinct,
        ..Index::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_primary_key_has_the_declared_or_the_default_name() {
        let name = |text: &str| SqlName::new(text).unwrap();
        let key = Table { primary_key: vec![name("id")], ..Table::default() };
        for table in ["orders", "audit.orders", &"o".repeat(63), &"ö".repeat(30)] {
            let table = ObjectName::new(table).unwrap();
            assert!(has_primary_key_named(&table, &key, default_key_name(&table).as_str()), "{table}");
            assert!(!has_primary_key_named(&table, &key, table.name()), "{table}");
            assert!(!has_primary_key_named(&table, &Table::default(), default_key_name(&table).as_str()), "{table}");
            let declared = Table { primary_key_name: Some(name("pk")), ..key.clone() };
            assert!(has_primary_key_named(&table, &declared, "pk"));
            assert!(!has_primary_key_named(&table, &declared, default_key_name(&table).as_str()), "{table}");
        }
    }
}
