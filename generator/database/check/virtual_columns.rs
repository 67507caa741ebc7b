//! Refuses virtual columns where PostgreSQL 18 requires a stored value: in keys, indexes and exclusions, and with a type
//! that is a domain. No generated column can divide a table into partitions.

use std::collections::BTreeSet;

use super::Check;
use crate::database::identifiers::mentions_column;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    /// Checks the virtual columns of a table, and the generated columns of its partitioning.
    pub(super) fn check_virtual_columns(&mut self, table: &Table, path: &FieldPath) {
        self.check_partitioning_of_generated(table, path);
        let columns = table.columns.iter().filter(|(_, column)| column.is_virtual && column.generated.is_some());
        let virtual_columns: BTreeSet<&SqlName> = columns.clone().map(|(name, _)| name).collect();
        if virtual_columns.is_empty() {
            return;
        }
        for (name, column) in columns {
            self.check_type_of_virtual(column, &path.key("columns").key(name.as_str()));
        }
        for (place, field) in places(table, &virtual_columns) {
            let field = field.into_iter().fold(path.clone(), |path, name| path.key(name));
            let message = format!("{place} cannot contain a virtual column, which has no stored value");
            self.report(field, message, "remove `virtual` from the column, so that its value is stored");
        }
    }

    /// Reports a virtual column whose type is a domain.
    fn check_type_of_virtual(&mut self, column: &Column, path: &FieldPath) {
        let kind = column.kind.object().and_then(|name| self.schema.types.get(&name));
        if matches!(kind, Some(UserType::Domain(_))) && !column.kind.is_array() {
            let message = format!("a virtual column cannot have the type {}, which is a domain", column.kind);
            self.report(path.key("type"), message, "use the type of the domain, or remove `virtual`");
        }
    }

    /// Reports generated columns by which a table is divided into partitions.
    fn check_partitioning_of_generated(&mut self, table: &Table, path: &FieldPath) {
        let Some(partitioning) = &table.partition_by else { return };
        let columns = table.columns.iter().filter(|(_, column)| column.generated.is_some());
        let generated_columns: BTreeSet<&str> = columns.map(|(name, _)| name.as_str()).collect();
        let is_generated = |key: &PartitionKey| {
            let is_column = key.column.as_ref().is_some_and(|name| generated_columns.contains(name.as_str()));
            is_column || key.expression.as_ref().is_some_and(|text| mentions_column(text.as_str(), &generated_columns))
        };
        if partitioning.columns.iter().any(is_generated) {
            let message = "a generated column cannot divide a table into partitions";
            self.report(path.key("partition_by").key("columns"), message, "name a column that is not generated");
        }
    }
}

/// Returns the parts of a table that contain one of the columns: each in words, with the path of its field.
fn places<'a>(table: &'a Table, columns: &BTreeSet<&SqlName>) -> Vec<(&'static str, Vec<&'a str>)> {
    let names: BTreeSet<&str> = columns.iter().map(|name| name.as_str()).collect();
    let has = |list: &[SqlName]| list.iter().any(|name| columns.contains(name));
    let mentions = |text: Option<&Expression>| text.is_some_and(|text| mentions_column(text.as_str(), &names));
    let mut places = Vec::new();
    if has(&table.primary_key) || has(&table.primary_key_include) {
        places.push(("a primary key", vec!["primary_key"]));
    }
    let uniques = table.uniques.iter().filter(|(_, unique)| has(&unique.columns) || has(&unique.include));
    places.extend(uniques.map(|(name, _)| ("a unique constraint", vec!["uniques", name.as_str()])));
    let keys = table.foreign_keys.iter().filter(|(_, key)| has(&key.columns));
    places.extend(keys.map(|(name, _)| ("a foreign key", vec!["foreign_keys", name.as_str()])));
    let indexes = table.indexes.iter().filter(|(_, index)| {
        let has_part = index.columns.iter().any(|part| {
            part.column.as_ref().is_some_and(|name| columns.contains(name)) || mentions(part.expression.as_ref())
        });
        has_part || has(&index.include) || mentions(index.predicate.as_ref())
    });
    places.extend(indexes.map(|(name, _)| ("an index", vec!["indexes", name.as_str()])));
    let excludes = table.excludes.iter().filter(|(_, exclude)| {
        exclude.elements.iter().any(|element| mentions(Some(&element.expression)))
            || mentions(exclude.predicate.as_ref())
    });
    places.extend(excludes.map(|(name, _)| ("an exclusion", vec!["excludes", name.as_str()])));
    places
}
