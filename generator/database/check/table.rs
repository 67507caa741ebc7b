//! Checks tables with their columns, policies and triggers.

use std::collections::BTreeSet;

use super::Check;
use super::columns_in_text::SYSTEM_COLUMNS;
use crate::database::ddl;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

impl Check<'_> {
    /// Reports each name for which the table has no column. `path` is that of the table or of a field below it.
    pub(super) fn require_columns<'a>(
        &mut self,
        table: &Table,
        names: impl IntoIterator<Item = &'a SqlName>,
        path: &FieldPath,
    ) {
        // The path of a table is that of the database, `tables` and the name.
        let table_path = FieldPath(path.0.iter().take(self.root.0.len() + 2).cloned().collect());
        self.require_columns_of(table, &table_path, names, path);
    }

    /// Reports at `path` each name for which the table at `table_path` has no column.
    pub(super) fn require_columns_of<'a>(
        &mut self,
        table: &Table,
        table_path: &FieldPath,
        names: impl IntoIterator<Item = &'a SqlName>,
        path: &FieldPath,
    ) {
        // A partition has the columns of the table at the top.
        let schema = self.schema;
        let parent_of = |table: &Table| table.partition_of.as_ref().map(|partition| partition.table.clone());
        let parents = std::iter::successors(parent_of(table), |parent| parent_of(schema.tables.get(parent)?));
        // The limit ends a circle of partitions.
        let top = parents.take(schema.tables.len()).last();
        let declaring_table = top.map_or_else(|| table_path.clone(), |top| self.object_path("tables", &top));
        for name in names {
            if !table.columns.contains_key(name) {
                let hint = crate::words::suggestion(name.as_str(), table.columns.keys().map(SqlName::as_str));
                self.findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone())
                        .lacks(declaring_table.key("columns").key(name.as_str()))
                        .message(format!("there is no column `{name}`"))
                        .hint(hint),
                );
            }
        }
    }

    /// Reports faults of a table, its columns, constraints, indexes, policies and triggers.
    pub(super) fn check_table(&mut self, name: &ObjectName, table: &Table) {
        let path = self.object_path("tables", name);
        self.check_as_partition(table, &path);
        // The keys and expressions of a partition may use the columns that it inherits.
        let with_inherited_columns;
        let table = if table.partition_of.is_some() {
            with_inherited_columns = Table { columns: self.schema.columns_of(name), ..table.clone() };
            &with_inherited_columns
        } else {
            table
        };
        for (column_name, column) in &table.columns {
            let path = path.key("columns").key(column_name.as_str());
            if SYSTEM_COLUMNS.contains(&column_name.as_str()) {
                let message = format!("a table cannot have a column `{column_name}`, since the server adds one");
                self.report(path.clone(), message, "give the column a different name");
            }
            self.check_column(column, &path);
        }
        self.check_primary_key(table, &path.key("primary_key"));
        self.check_repeated_columns(table, &path);
        self.check_types_in_indexes(table, &path);
        self.check_constraint_names(name, table, &path);
        self.check_equal_constraints(table, &path);
        self.check_constraint_comments(name, table, &path.key("constraint_comments"));
        self.check_constraint_columns(table, &path);
        self.check_check_constraints(table, &path);
        self.check_virtual_columns(table, &path);
        if table.partition_by.is_some() && !table.storage.is_empty() {
            self.report(path.key("storage"), "a partitioned table stores no rows", "leave `storage` out");
        }
        for (key, index) in &table.indexes {
            self.check_index(table, index, &path.key("indexes").key(key.as_str()));
        }
        for (key, foreign) in &table.foreign_keys {
            self.check_foreign_key(table, foreign, &path.key("foreign_keys").key(key.as_str()));
        }
        for (key, policy) in &table.policies {
            self.check_policy(table, policy, &path.key("policies").key(key.as_str()));
        }
        for (key, trigger) in &table.triggers {
            self.check_trigger(Some(table), trigger, &path.key("triggers").key(key.as_str()));
        }
        self.check_replica_identity(name, table, &path.key("replica_identity"));
        self.check_partitioning(name, table, &path);
        self.check_columns_in_expressions(name, table, &path);
        self.check_expressions_of_table(table, &path);
        self.check_storage_of_table(table, &path);
    }

    /// Reports a primary key of missing or nullable columns, and options without a primary key.
    fn check_primary_key(&mut self, table: &Table, path: &FieldPath) {
        self.require_columns(table, table.primary_key.iter().chain(&table.primary_key_include), path);
        let has_options = !table.primary_key_include.is_empty()
            || table.primary_key_deferrable != Deferrable::No
            || !table.primary_key_storage.is_empty();
        if table.primary_key.is_empty() && has_options {
            self.report(
                path.clone(),
                "the table has options of a primary key, but no primary key",
                "name the columns of the key",
            );
        }
        for name in &table.primary_key {
            if table.columns.get(name).is_some_and(|column| column.nullable) {
                self.report(
                    path.clone(),
                    format!("the column `{name}` of the primary key is nullable"),
                    "remove `nullable` from the column",
                );
            }
        }
    }

    /// Reports comments of constraints that the table does not have.
    fn check_constraint_comments(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let is_missing = |constraint: &&SqlName| !ddl::has_constraint(name, table, constraint);
        for constraint in table.constraint_comments.keys().filter(is_missing) {
            let message = format!("{name} has no constraint `{constraint}`");
            self.report(
                path.key(constraint.as_str()),
                message,
                "name a constraint of the table, or remove the comment",
            );
        }
    }

    /// Reports names that two constraints or constraint triggers of the table share.
    fn check_constraint_names(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let keys = table.uniques.keys().chain(table.excludes.keys());
        let others = table.checks.keys().chain(table.foreign_keys.keys()).chain(table.constraint_triggers());
        // Keys have indexes, so `check_shared_names` reports a key with the name of the primary key.
        let primary_key = (!table.primary_key.is_empty()).then(|| ddl::primary_key_name(name, table));
        let mut names: BTreeSet<&SqlName> = BTreeSet::new();
        for (name, is_key) in keys.map(|name| (name, true)).chain(others.map(|name| (name, false))) {
            let is_primary_key = !is_key && primary_key.as_ref() == Some(name);
            if !names.insert(name) || is_primary_key {
                self.report(path.clone(), format!("two constraints have the name `{name}`"), "rename one of the two");
            }
        }
    }

    /// Reports equal exclusion constraints, because PostgreSQL creates only one of them.
    fn check_equal_constraints(&mut self, table: &Table, path: &FieldPath) {
        let excludes: Vec<_> = table.excludes.iter().collect();
        for (i, (key, exclude)) in excludes.iter().enumerate() {
            if excludes[..i].iter().any(|(_, other)| other == exclude) {
                let path = path.key("excludes").key(key.as_str());
                self.report(path, "two constraints have the same definition", "remove one of them");
            }
        }
    }

    /// Reports unique and exclusion constraints without columns, and unique constraints of missing columns.
    fn check_constraint_columns(&mut self, table: &Table, path: &FieldPath) {
        for (key, unique) in &table.uniques {
            let path = path.key("uniques").key(key.as_str());
            self.require_columns(table, unique.columns.iter().chain(&unique.include), &path);
            self.require_any_column(&unique.columns, &path);
        }
        for (key, exclude) in &table.excludes {
            let path = path.key("excludes").key(key.as_str());
            self.require_any_column(&exclude.elements, &path);
        }
    }

    /// Reports `not_valid` and `no_inherit` in checks of a partitioned table. Its partitions inherit the checks:
    /// PostgreSQL refuses `no_inherit`, and creates inherited checks as valid.
    fn check_check_constraints(&mut self, table: &Table, path: &FieldPath) {
        for (key, check) in table.checks.iter().filter(|_| table.partition_by.is_some()) {
            let path = path.key("checks").key(key.as_str());
            for (field, is_set) in [("not_valid", check.not_valid), ("no_inherit", check.no_inherit)] {
                if is_set {
                    let message = format!("a check of a partitioned table cannot have `{field}`");
                    let hint = format!("remove `{field}`, or add the check to each partition instead");
                    self.report(path.key(field), message, hint);
                }
            }
        }
    }

    /// Reports a policy without the condition that its command needs, or with one that its command does not use.
    fn check_policy(&mut self, table: &Table, policy: &Policy, path: &FieldPath) {
        if !table.row_security.is_on() {
            let message = "the policy has no effect while `row_security` is off";
            self.findings.push(
                Diagnostic::warning(Code::SchemaInvalid, path.clone())
                    .message(message)
                    .hint("set `row_security = 'on` or `row_security = 'forced`"),
            );
        }
        let (required_field, optional_field) = match policy.command {
            Command::Insert => ("check", None),
            Command::Select | Command::Delete => ("using", None),
            Command::All | Command::Update => ("using", Some("check")),
        };
        for (field, is_set) in [("using", policy.using.is_some()), ("check", policy.check.is_some())] {
            if field == required_field && !is_set {
                let message = format!("a policy for this command needs the condition `{field}`");
                self.report(path.clone(), message, format!("set `{field}`; `true` allows all rows"));
            } else if is_set && field != required_field && optional_field != Some(field) {
                let message = format!("PostgreSQL does not use the condition `{field}` for this command");
                self.report(path.key(field), message, format!("remove `{field}`"));
            }
        }
    }

    /// Reports an empty list of columns.
    pub(super) fn require_any_column<T>(&mut self, items: &[T], path: &FieldPath) {
        if items.is_empty() {
            self.report(path.clone(), "at least one column is required", "add the name of a column");
        }
    }

    /// Reports a statistics target that is too large. `path` is that of the column or expression with the field.
    pub(super) fn check_statistics_target(&mut self, target: Option<u16>, path: &FieldPath) {
        if target.is_some_and(|target| target > 10_000) {
            self.report(path.key("statistics"), "the statistics target is above 10000", "use a number from 0 to 10000");
        }
    }

    /// Reports a storage or compression that the server refuses for types with a fixed length.
    fn check_column_storage(&mut self, column: &Column, path: &FieldPath) {
        if column.kind.default_storage() != Some(ColumnStorage::Plain) {
            return;
        }
        if column.storage.is_some_and(|storage| storage != ColumnStorage::Plain) {
            let message = format!("{} has a fixed length, so its only storage is 'plain", column.kind);
            self.report(path.key("storage"), &message, "leave `storage` out");
        }
        if column.compression.is_some() {
            let message = format!("{} has a fixed length, so the server does not compress its values", column.kind);
            self.report(path.key("compression"), &message, "leave `compression` out");
        }
    }

    pub(super) fn check_column(&mut self, column: &Column, path: &FieldPath) {
        self.check_type(&column.kind, &path.key("type"));
        self.check_collation(column.collation.as_ref(), path);
        let value_sources = [column.default.is_some(), column.identity.is_some(), column.generated.is_some()];
        if value_sources.iter().filter(|is_set| **is_set).count() > 1 {
            let message = "a column can have only one of `default`, `identity` and `generated`";
            self.report(path.clone(), message, "keep one of them and remove the others");
        }
        if column.is_virtual && column.generated.is_none() {
            self.report(
                path.key("virtual"),
                "only a generated column can be virtual",
                "add `generated`, or remove `virtual`",
            );
        }
        if column.generated.is_some() && column.backfill.is_some() {
            self.report(path.key("backfill"), "a generated column cannot have `backfill`", "remove `backfill`");
        }
        if let Some(default) = &column.default {
            self.check_default("column", &column.kind, default, &path.key("default"));
        }
        self.check_statistics_target(column.statistics, path);
        self.check_column_storage(column, path);
        let kind = SequenceKind::of_type(&column.kind);
        let numbering = Sequence { kind, ..column.identity_options.into() };
        self.check_numbering(&numbering, &path.key("identity_options"));
        if column.identity.is_none() && column.identity_options != IdentityOptions::default() {
            self.report(
                path.key("identity_options"),
                "`identity_options` has no effect, because the column has no `identity`",
                "add `identity = 'always`",
            );
        }
        if column.identity.is_some() {
            // `check_type` has reported an unknown type.
            let type_exists = !self.is_unknown_type(&column.kind);
            if type_exists && !INTEGER_TYPES.contains(&column.kind.as_str()) {
                self.report(path.key("identity"), "an identity column needs a whole-number type", "use bigint");
            }
            if column.nullable {
                self.report(path.key("nullable"), "an identity column cannot be nullable", "remove `nullable`");
            }
        }
    }
}
