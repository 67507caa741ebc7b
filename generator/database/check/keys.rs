//! Checks indexes, foreign keys and partitions.

use std::collections::BTreeSet;

use super::Check;
use crate::database::ddl;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    pub(super) fn check_index(&mut self, table: &Table, index: &Index, path: &FieldPath) {
        self.require_items(&index.columns, path);
        for column in &index.columns {
            match (&column.column, &column.expression) {
                (Some(name), None) => self.require_columns(table, [name], path),
                (None, Some(_)) => {}
                _ => self.report(path.clone(), "each part of an index is either a column or an expression", ""),
            }
        }
        self.require_columns(table, &index.include, &path.key("include"));
        for column in &index.columns {
            if column.opclass.is_none() && !column.opclass_options.is_empty() {
                self.report(path.key("opclass_options"), "options of an operator class need `opclass`", "");
            }
            self.check_statistics_target(column.statistics, path);
            if column.expression.is_none() && column.statistics.is_some() {
                let message = "only expressions of an index have statistics";
                self.report(path.key("statistics"), message, "set `statistics` of the column");
            }
        }
        let is_btree = index.using == Method::Btree;
        if !is_btree && (index.unique || index.columns.iter().any(|column| column.descending || column.nulls.is_some()))
        {
            self.report(path.clone(), "only btree indexes can be unique or ordered", "");
        }
    }

    /// Checks that the index of the replica identity is unique and has only NOT NULL columns, as the server requires.
    pub(super) fn check_replica_identity(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let ReplicaIdentity::Index(index) = &table.replica_identity else { return };
        let primary_key_columns = (!table.primary_key.is_empty() && ddl::primary_key_name(name, table) == *index)
            .then(|| table.primary_key.clone());
        let unique = table.uniques.get(index).filter(|unique| unique.deferrable == Deferrable::No);
        let unique_index = table.indexes.get(index).filter(|index| index.unique && index.predicate.is_none());
        let index_columns =
            unique_index.and_then(|index| index.columns.iter().map(|column| column.column.clone()).collect());
        let columns: Option<Vec<SqlName>> =
            primary_key_columns.or_else(|| unique.map(|unique| unique.columns.clone())).or(index_columns);
        let is_nullable = |name: &SqlName| table.columns.get(name).is_none_or(|column| column.nullable);
        if columns.is_none_or(|columns| columns.iter().any(is_nullable)) {
            let message = format!("`{index}` is not a unique index or constraint of columns that are NOT NULL");
            self.report(path.clone(), message, "name such an index, or use 'full");
        }
    }

    pub(super) fn check_foreign_key(&mut self, table: &Table, key: &ForeignKey, path: &FieldPath) {
        self.require_columns(table, &key.columns, &path.key("columns"));
        self.require_items(&key.columns, path);
        let sets_columns = matches!(key.on_delete, Action::SetNull | Action::SetDefault);
        if key.on_delete_columns.iter().any(|column| !sets_columns || !key.columns.contains(column)) {
            let message =
                "`on_delete_columns` needs an `on_delete` that sets columns, and can name only columns of the key";
            let hint = "remove it or the other columns, or set `on_delete = 'set_null`";
            self.report(path.key("on_delete_columns"), message, hint);
        }
        if key.not_valid && table.partition_by.is_some() {
            let message = "a foreign key of a partitioned table is always valid for stored rows";
            self.report(path.key("not_valid"), message, "leave it out");
        }
        let Some(target) = self.schema.tables.get(&key.references.table) else {
            let table_names = self.schema.tables.keys().map(ObjectName::as_str);
            let hint = crate::words::suggestion(key.references.table.as_str(), table_names);
            let message = format!("there is no table `{}`", key.references.table);
            self.report(path.key("references").key("table"), message, &hint);
            return;
        };
        let references = path.key("references").key("columns");
        if target.partition_of.is_none() {
            self.require_columns(target, &key.references.columns, &references);
        }
        if key.columns.len() != key.references.columns.len() {
            self.report(references, "both sides of a foreign key need the same number of columns", "");
            return;
        }
        let referenced: BTreeSet<&SqlName> = key.references.columns.iter().collect();
        let is_referenced = |columns: &[SqlName]| columns.iter().collect::<BTreeSet<_>>() == referenced;
        let is_unique = is_referenced(&target.primary_key)
            || target
                .uniques
                .values()
                .any(|unique| is_referenced(&unique.columns) && unique.deferrable == Deferrable::No)
            || target.indexes.values().any(|index| {
                let columns: Vec<SqlName> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
                index.unique
                    && index.predicate.is_none()
                    && columns.len() == index.columns.len()
                    && is_referenced(&columns)
            });
        if !is_unique {
            let message = format!("these columns of {} are not unique", key.references.table);
            self.report(references, message, "a foreign key must refer to a primary key or to unique columns");
        }
    }

    pub(super) fn check_partitions(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let Some(partitioning) = &table.partition_by else {
            if !table.partitions.is_empty() {
                self.report(path.key("partitions"), "partitions need `partition_by`", "");
            }
            return;
        };
        let namespace = self.schema.schemas.iter().find(|(namespace, _)| namespace.as_str() == name.schema());
        if namespace.is_some_and(|(_, definition)| !definition.default_privileges.is_empty()) {
            self.report(
                path.key("partition_by"),
                "partitions would get the schema's `default_privileges` in addition to the grants of the table",
                "grant on each table instead of using `default_privileges`",
            );
        }
        self.require_columns(table, &partitioning.columns, &path.key("partition_by"));
        let keys = table.uniques.values().map(|unique| &unique.columns);
        for key in keys.chain((!table.primary_key.is_empty()).then_some(&table.primary_key)) {
            if partitioning.columns.iter().any(|column| !key.contains(column)) {
                let message = format!("{name} has a key without a column of `partition_by`");
                self.report(
                    path.clone(),
                    message,
                    "PostgreSQL checks keys per partition, so each key must contain the column",
                );
            }
        }
        for (partition_name, bound) in table.partitions.iter().filter(|(_, bound)| !partitioning.fits(bound)) {
            let path = path.key("partitions").key(partition_name.as_str());
            self.report(path, format!("the bound {} does not fit `partition_by`", ddl::bound(bound)), "");
        }
    }

    /// Checks a partition that is declared as a table.
    pub(super) fn check_partition_table(&mut self, table: &Table, path: &FieldPath) {
        let Some(partition) = &table.partition_of else { return };
        let at = path.key("partition_of");
        let Some((parent, partitioning)) =
            self.schema.tables.get(&partition.table).and_then(|table| Some((table, table.partition_by.as_ref()?)))
        else {
            let message = format!("there is no table `{}` with `partition_by`", partition.table);
            self.report(at.key("table"), message, "name the partitioned table");
            return;
        };
        if !table.api.is_empty() {
            self.report(path.key("api"), "rows of a partition are served with its table", "set `api` of the table");
        }
        if !partitioning.fits(&partition.bound) {
            self.report(at.key("bound"), "the bound does not fit `partition_by` of the table", "");
        }
        let inherited = self.schema.columns_of(&partition.table);
        for (name, column) in &table.columns {
            let path = path.key("columns").key(name.as_str());
            let fits = |parent_column: &Column| {
                let (nullable, default) = (parent_column.nullable, parent_column.default.clone());
                let comparable = Column { nullable, default, ..column.inherited() };
                comparable == parent_column.inherited()
                    && column.identity.is_none()
                    && (parent_column.nullable || !column.nullable)
            };
            if !inherited.get(name).is_some_and(fits) {
                let message = format!("the column differs from that of {}", partition.table);
                let hint =
                    "a column of a partition can only have a different `default` or NOT NULL; leave the rest out";
                self.report(path, message, hint);
            }
        }
        for key in table.checks.keys().filter(|key| parent.checks.contains_key(*key)) {
            let path = path.key("checks").key(key.as_str());
            self.report(
                path,
                format!("{} has a check with this name", partition.table),
                "leave it out: partitions have it",
            );
        }
    }
}
