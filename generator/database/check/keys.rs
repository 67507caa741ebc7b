//! Checks indexes, foreign keys and partitions.

use std::collections::BTreeSet;

use super::Check;
use super::comparable::can_refer;
use crate::database::ddl;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// The hint for a bound that does not fit the strategy.
const BOUNDS_BY_STRATEGY: &str = "set `from` and `to` with one value per column for a range, `\"in\"` for a list, and `modulus` and a smaller `remainder` for a hash";

impl Check<'_> {
    /// Reports columns, options and properties of an index of a table that the server refuses.
    pub(super) fn check_index(&mut self, table: &Table, index: &Index, path: &FieldPath) {
        self.require_columns(table, index.columns.iter().filter_map(|part| part.column.as_ref()), path);
        self.require_columns(table, &index.include, &path.key("include"));
        self.check_index_parts(index, path);
    }

    /// Checks the parts and options of an index of a table or materialised view.
    pub(super) fn check_index_parts(&mut self, index: &Index, path: &FieldPath) {
        self.require_any_column(&index.columns, path);
        self.check_shape_of_index(index, path);
        for column in &index.columns {
            if column.column.is_some() == column.expression.is_some() {
                self.report(
                    path.clone(),
                    "each part of an index must be either a column or an expression",
                    "set either `column` or `expression`",
                );
            }
        }
        for column in &index.columns {
            if column.opclass.is_none() && !column.opclass_options.is_empty() {
                self.report(
                    path.key("opclass_options"),
                    "options of an operator class need `opclass`",
                    "add `opclass`, or remove `opclass_options`",
                );
            }
            if let Some(opclass) = &column.opclass {
                self.check_operator_class(opclass, &path.key("columns"));
            }
            self.check_statistics_target(column.statistics, path);
            self.check_collation(column.collation.as_ref(), path);
            if column.expression.is_none() && column.statistics.is_some() {
                let message = "only expressions of an index have statistics";
                self.report(path.key("statistics"), message, "set `statistics` of the column in the table instead");
            }
        }
        let is_btree = index.using == Method::Btree;
        if !is_btree && (index.unique || index.columns.iter().any(|column| column.descending || column.nulls.is_some()))
        {
            self.report(
                path.clone(),
                "only btree indexes can be unique or ordered",
                "remove `using`, or `unique`, `descending` and `nulls`",
            );
        }
    }

    /// Checks that the index of the replica identity is unique and has only NOT NULL columns, as the server requires.
    pub(super) fn check_replica_identity(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let ReplicaIdentity::Index(index) = &table.replica_identity else { return };
        // The columns of the primary key, unique constraint or index that has the name.
        let primary_key_columns = (!table.primary_key.is_empty() && ddl::primary_key_name(name, table) == *index)
            .then(|| table.primary_key.clone());
        let unique = table.uniques.get(index).filter(|unique| unique.deferrable == Deferrable::No);
        let unique_index = table.indexes.get(index).filter(|index| index.unique && index.predicate.is_none());
        let index_columns = unique_index.and_then(Index::column_names);
        let columns = primary_key_columns.or_else(|| unique.map(|unique| unique.columns.clone())).or(index_columns);
        let is_nullable = |name: &SqlName| table.columns.get(name).is_none_or(|column| column.nullable);
        if columns.is_none_or(|columns| columns.iter().any(is_nullable)) {
            let message = format!("`{index}` is not a unique index or constraint of columns that are NOT NULL");
            self.report(path.clone(), message, "name such an index, or set `replica_identity = 'full`");
        }
    }

    /// Reports a foreign key whose columns or referenced columns are missing, differ in number or type, or are not
    /// unique.
    pub(super) fn check_foreign_key(&mut self, table: &Table, key: &ForeignKey, path: &FieldPath) {
        self.require_columns(table, &key.columns, &path.key("columns"));
        self.require_any_column(&key.columns, path);
        self.check_on_delete_columns(key, &path.key("on_delete_columns"));
        self.check_actions_of_key(table, key, path);
        if key.not_valid && table.partition_by.is_some() {
            let message = "a foreign key of a partitioned table cannot be `not_valid`";
            self.report(path.key("not_valid"), message, "remove `not_valid`");
        }
        let Some(target) = self.schema.tables.get(&key.references.table) else {
            let names: Vec<&str> = self.schema.tables.keys().map(ObjectName::as_str).collect();
            let hint = words::suggestion(key.references.table.as_str(), names.iter().copied());
            let message = format!("there is no table `{}`", key.references.table);
            let declaration =
                format!("declare it: `tables.\"{}\" = …`", escaped_for_nickel(key.references.table.as_str()));
            self.findings.push(
                Diagnostic::error(Code::SchemaInvalid, path.key("references").key("table"))
                    .message(message)
                    .expected(if names.len() > 20 { "a table of this database".into() } else { words::one_of(&names) })
                    .hint(if hint.is_empty() { declaration } else { hint }),
            );
            return;
        };
        let references = path.key("references").key("columns");
        // A partition inherits the columns of its keys from its table, so it need not list them.
        if target.partition_of.is_none() {
            let target_path = self.object_path("tables", &key.references.table);
            self.require_columns_of(target, &target_path, &key.references.columns, &references);
        }
        if key.columns.len() != key.references.columns.len() {
            let message = "both sides of a foreign key need the same number of columns";
            self.report(references, message, "list one referenced column for each column of the key");
            return;
        }
        // A partition inherits the keys and indexes of its table, and a foreign key can refer to the inherited ones.
        let tables = self.schema.table_and_ancestors(&key.references.table);
        if !tables.iter().any(|(_, table)| has_unique_columns(table, &key.references.columns)) {
            let message = format!("the key refers to columns of {} that are not unique together", key.references.table);
            self.report(
                references,
                message,
                "refer to the primary key, or add these columns to `uniques` of the other table",
            );
            return;
        }
        self.check_types_of_key(table, key, &path.key("columns"));
    }

    /// Reports columns of a key whose types PostgreSQL cannot compare with those of the referenced columns.
    fn check_types_of_key(&mut self, table: &Table, key: &ForeignKey, path: &FieldPath) {
        let schema = self.schema;
        let tables = schema.table_and_ancestors(&key.references.table);
        let referenced_column = |name: &SqlName| tables.iter().find_map(|(_, table)| table.columns.get(name));
        for (name, target_name) in key.columns.iter().zip(&key.references.columns) {
            let (Some(column), Some(target)) = (table.columns.get(name), referenced_column(target_name)) else {
                continue;
            };
            if !can_refer(&column.kind, &target.kind, schema) {
                let message = format!(
                    "`{name}` of the type {} cannot refer to `{target_name}` of the type {}",
                    column.kind, target.kind
                );
                self.report(path.clone(), message, format!("give `{name}` the type {}", target.kind));
            }
        }
    }

    /// Checks that `on_delete` sets columns, and that the columns that it sets are columns of the key.
    fn check_on_delete_columns(&mut self, key: &ForeignKey, path: &FieldPath) {
        let sets_columns = matches!(key.on_delete, Action::SetNull | Action::SetDefault);
        if !key.on_delete_columns.is_empty() && !sets_columns {
            let message = "`on_delete_columns` needs `on_delete = 'set_null` or `on_delete = 'set_default`";
            self.report(path.clone(), message, "set `on_delete`, or remove `on_delete_columns`");
        }
        for column in key.on_delete_columns.iter().filter(|column| !key.columns.contains(column)) {
            let message = format!("`{column}` is not a column of the key");
            self.report(path.clone(), message, "remove it from `on_delete_columns`");
        }
    }

    /// Checks `partition_by` of a table, its keys, and the bounds of the partitions that it lists.
    pub(super) fn check_partitioning(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let Some(partitioning) = &table.partition_by else {
            if !table.partitions.is_empty() {
                self.report(
                    path.key("partitions"),
                    "partitions need `partition_by`",
                    "add `partition_by`, or remove `partitions`",
                );
            }
            return;
        };
        self.check_partition_keys(table, partitioning, &path.key("partition_by").key("columns"));
        let keys = table.uniques.values().map(|unique| &unique.columns);
        for key in keys.chain((!table.primary_key.is_empty()).then_some(&table.primary_key)) {
            if partitioning.expressions().next().is_some() {
                let message = format!("{name} has a key, but its partitions depend on an expression");
                let hint = "PostgreSQL checks keys per partition: remove the key, or divide by columns that are in it";
                self.report(path.clone(), message, hint);
            } else if partitioning.columns.iter().flat_map(|part| &part.column).any(|column| !key.contains(column)) {
                let message = format!("a key of {name} lacks a column of `partition_by`");
                self.report(
                    path.clone(),
                    message,
                    "add the columns of `partition_by` to each key, since PostgreSQL checks keys per partition",
                );
            }
        }
        for (partition_name, bound) in table.partitions.iter().filter(|(_, bound)| !partitioning.fits(bound)) {
            let path = path.key("partitions").key(partition_name.as_str());
            let message = format!("the bound {} does not fit `partition_by`", ddl::bound(bound));
            self.report(path, message, BOUNDS_BY_STRATEGY);
        }
    }

    /// Checks the columns and expressions that decide the partition of a row.
    fn check_partition_keys(&mut self, table: &Table, partitioning: &PartitionBy, path: &FieldPath) {
        let columns: Vec<SqlName> = partitioning.columns.iter().filter_map(|key| key.column.clone()).collect();
        self.require_columns(table, &columns, path);
        if partitioning.strategy == Strategy::List && partitioning.columns.len() > 1 {
            let message = "the strategy 'list takes one column or expression";
            self.report(path.clone(), message, "keep one, or use the strategy 'range");
        }
        for (i, key) in partitioning.columns.iter().enumerate() {
            if key.column.is_some() == key.expression.is_some() {
                self.report(path.index(i), "a part of the key is a column or an expression", "write one of the two");
            }
            self.check_collation(key.collation.as_ref(), &path.index(i));
        }
    }

    /// Checks a table with `partition_of` against its partitioned table.
    pub(super) fn check_as_partition(&mut self, table: &Table, path: &FieldPath) {
        let Some(partition) = &table.partition_of else { return };
        let (partition_path, parent_name) = (path.key("partition_of"), &partition.table);
        let Some((parent, partitioning)) =
            self.schema.tables.get(parent_name).and_then(|table| Some((table, table.partition_by.as_ref()?)))
        else {
            let message = format!("there is no table `{parent_name}` with `partition_by`");
            self.report(
                partition_path.key("table"),
                message,
                "name a table with `partition_by`, or add `partition_by` to it",
            );
            return;
        };
        if !table.api.is_empty() {
            let message = format!(
                "`api` of a partition has no effect: the API serves its rows through the partitioned table `{parent_name}`"
            );
            self.report(path.key("api"), message, format!("move `api` to `{parent_name}`"));
        }
        if !partitioning.fits(&partition.bound) {
            let message = format!("the bound does not fit `partition_by` of `{parent_name}`");
            self.report(partition_path.key("bound"), message, BOUNDS_BY_STRATEGY);
        }
        let parent_columns = self.schema.columns_of(parent_name);
        for (name, column) in &table.columns {
            let path = path.key("columns").key(name.as_str());
            // The column must equal the parent's, except for `default` and NOT NULL, and may be nullable only if the
            // parent's column is nullable.
            let fits = |parent_column: &Column| {
                let (nullable, default) = (parent_column.nullable, parent_column.default.clone());
                let comparable = Column { nullable, default, ..column.as_in_partition() };
                comparable == parent_column.as_in_partition()
                    && column.identity.is_none()
                    && (parent_column.nullable || !column.nullable)
            };
            if !parent_columns.get(name).is_some_and(fits) {
                let message = format!("the column differs from the column of the partitioned table `{parent_name}`");
                let hint = "remove the fields of the column other than `default` and `nullable`, which alone can differ in a partition";
                self.report(path, message, hint);
            }
        }
        for key in table.checks.keys().filter(|key| parent.checks.contains_key(*key)) {
            let path = path.key("checks").key(key.as_str());
            self.report(
                path,
                format!("`{parent_name}` has a check with this name, and its partitions inherit it"),
                "remove the check, or rename it",
            );
        }
    }
}

/// Returns whether a foreign key can refer to these columns of a table: a key or an index makes them unique.
fn has_unique_columns(table: &Table, columns: &[SqlName]) -> bool {
    let referenced_columns: BTreeSet<&SqlName> = columns.iter().collect();
    let are_referenced = |columns: &[SqlName]| columns.iter().collect::<BTreeSet<_>>() == referenced_columns;
    let mut uniques = table.uniques.values().filter(|unique| unique.deferrable == Deferrable::No);
    let mut indexes = table.indexes.values().filter(|index| index.unique && index.predicate.is_none());
    (are_referenced(&table.primary_key) && table.primary_key_deferrable == Deferrable::No)
        || uniques.any(|unique| are_referenced(&unique.columns))
        || indexes.any(|index| index.column_names().is_some_and(|columns| are_referenced(&columns)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the messages about a database in which `orders` refers to columns of a partition of `events`.
    fn messages(referenced: &[&str]) -> Vec<String> {
        let (id, day) = (json!({ "type": "bigint" }), json!({ "type": "date" }));
        let partition = |of: &str, by: Value| {
            let bound = json!({ "range": { "from": ["'2026-01-01'"], "to": ["'2027-01-01'"] } });
            let mut table = json!({ "partition_of": { "table": of, "bound": bound } });
            if !by.is_null() {
                table["partition_by"] = by;
            }
            table
        };
        let by_day = json!({ "strategy": "range", "columns": ["day"] });
        let key = json!({ "columns": ["id", "day"], "references": { "table": "inner", "columns": referenced } });
        let schema: Schema = serde_json::from_value(json!({ "tables": {
            "events": {
                "columns": { "id": id, "day": day, "kind": id },
                "primary_key": ["id", "day"],
                "partition_by": by_day,
            },
            "outer": partition("events", by_day.clone()),
            "inner": partition("outer", Value::Null),
            "orders": { "columns": { "id": id, "day": day }, "primary_key": ["id"], "foreign_keys": { "event": key } },
        }}))
        .unwrap();
        let findings = super::super::check(&schema, &FieldPath::root());
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_key_sets_only_columns_to_null_that_are_nullable() {
        let warnings = |nullable: bool, action: &str| {
            let schema: Schema = serde_json::from_value(json!({ "tables": { "a": {
                "columns": { "id": { "type": "bigint" }, "parent": { "type": "bigint", "nullable": nullable } },
                "primary_key": ["id"],
                "foreign_keys": { "f": {
                    "columns": ["parent"], "on_delete": action, "references": { "table": "a", "columns": ["id"] },
                } },
            }}}))
            .unwrap();
            super::super::check(&schema, &FieldPath::root()).len()
        };
        assert_eq!([warnings(false, "set_null"), warnings(true, "set_null"), warnings(false, "cascade")], [1, 0, 0]);
    }

    #[test]
    fn a_foreign_key_to_a_partition_uses_the_keys_of_the_partitioned_tables() {
        assert_eq!(messages(&["id", "day"]), [""; 0]);
        assert_eq!(messages(&["day", "kind"]), ["the key refers to columns of inner that are not unique together"]);
    }
}
