//! Columns and constraints that `ALTER TABLE` drops.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::drop::DropOptions;
use super::reader::{GrantObject, Reader};
use super::relation::has_class;
use super::tree::{Parsed, Parts, ident, unsupported};
use crate::database::ddl::{has_constraint, primary_key_name};
use crate::database::identifiers::mentions_column;
use crate::database::migrate::with_partitions;
use crate::database::model::*;

impl Reader {
    /// Reads DROP COLUMN. As on the server, the indexes and constraints with the column are dropped, too.
    pub(super) fn drop_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let options = DropOptions::take(&mut parts);
        let column = ident(&parts.require(SyntaxKind::COLUMN_NAME_REF)?)?;
        parts.refuse_rest_except("DROP COLUMN")?;
        self.require_no_pending_attachment(table, node)?;
        self.resolve_keys_to_primary_key();
        if !self.schema.columns_of(table).contains_key(&column) {
            self.table(table, node)?;
            return options.missing(node, &format!("column `{column}`"));
        }
        let tables = with_partitions(&self.schema, table);
        for name in &tables {
            self.require_unused_column(name, &column, node)?;
        }
        let refers_to_column =
            |key: &ForeignKey| tables.contains(&key.references.table) && key.references.columns.contains(&column);
        let is_referenced = |(other, table): (&ObjectName, &Table)| {
            !tables.contains(other) && table.foreign_keys.values().any(refers_to_column)
        };
        if !options.cascade && self.schema.tables.iter().any(is_referenced) {
            return unsupported(node, format!("a foreign key refers to `{column}`; drop the key first"));
        }
        if options.cascade {
            self.require_no_dependent(table, node)?;
        }
        self.remove_foreign_keys(refers_to_column);
        for name in &tables {
            if let Some(table) = self.schema.tables.get_mut(name) {
                let dropped_indexes = remove_column_and_dependents(table, &column);
                dropped_indexes.iter().for_each(|index| self.forget_index(name, index));
            }
            self.grants.retain(|grant| {
                !matches!(&grant.object, GrantObject::Column(other, name_of_column)
                    if other == name && *name_of_column == column)
            });
            self.remove_owned_sequences(|owner| owner.table == *name && owner.column == column);
            self.remove_objects(|object| is_statistics_of_column(object, name, &column));
        }
        Ok(())
    }

    /// Refuses to drop a column that a generated column, policy or trigger of its table uses: the server would refuse
    /// it, too, or also drop this part by CASCADE.
    fn require_unused_column(&mut self, name: &ObjectName, column: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let column_set: BTreeSet<SqlName> = [column.clone()].into();
        let uses = |text: &Expression| mentions_column(text.as_str(), &column_set);
        let table = self.table(name, node)?;
        let generated = table.columns.iter().find(|(_, other)| other.generated.as_ref().is_some_and(uses));
        let policy = table.policies.iter().find(|(_, policy)| policy.using.iter().chain(&policy.check).any(uses));
        let trigger = table
            .triggers
            .iter()
            .find(|(_, trigger)| trigger.update_of.contains(column) || trigger.condition.iter().any(uses));
        let part = generated.map(|(name, _)| format!("the column {name}"));
        let part = part.or_else(|| policy.map(|(name, _)| format!("the policy {name}")));
        match part.or_else(|| trigger.map(|(name, _)| format!("the trigger {name}"))) {
            Some(part) => unsupported(node, format!("{part} uses the column `{column}`; drop it first")),
            None => Ok(()),
        }
    }

    /// Removes the comments of constraints that a statement has dropped, since a later constraint may get the same name.
    pub(super) fn forget_comments_of_dropped_constraints(&mut self) {
        for (name, table) in &mut self.schema.tables {
            let mut comments = std::mem::take(&mut table.constraint_comments);
            comments.retain(|constraint, _| has_constraint(name, table, constraint));
            table.constraint_comments = comments;
        }
    }

    /// Reads DROP CONSTRAINT.
    pub(super) fn drop_constraint(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let options = DropOptions::take(&mut parts);
        let constraint = ident(&parts.require(SyntaxKind::CONSTRAINT_NAME_REF)?)?;
        parts.refuse_rest_except("DROP CONSTRAINT")?;
        self.require_no_pending_attachment(name, node)?;
        self.resolve_keys_to_primary_key();
        let table = self.table(name, node)?;
        let key_name = primary_key_name(name, table);
        // The columns of a primary key or unique constraint, to which foreign keys can refer.
        let mut key_columns = table.uniques.remove(&constraint).map(|unique| unique.columns);
        if !table.primary_key.is_empty() && key_name == constraint {
            key_columns = Some(table.take_primary_key());
        }
        if let Some(columns) = key_columns {
            // A key of a partitioned table is part of its partitions.
            let refers_to_key = |key: &ForeignKey| key.references.table == *name && key.references.columns == columns;
            let is_referenced = |table: &Table| table.foreign_keys.values().any(refers_to_key);
            if !options.cascade && self.schema.tables.values().any(is_referenced) {
                return unsupported(node, format!("a foreign key refers to `{constraint}`; drop the key first"));
            }
            self.remove_foreign_keys(refers_to_key);
            return Ok(());
        }
        let is_removed = table.checks.remove(&constraint).is_some()
            || table.foreign_keys.remove(&constraint).is_some()
            || table.excludes.remove(&constraint).is_some();
        self.foreign_keys_to_primary_key.retain(|(_, table, key)| table != name || *key != constraint);
        if is_removed { Ok(()) } else { options.missing(node, &format!("constraint `{constraint}`")) }
    }
}

/// Returns whether an object is statistics about a column of a table.
fn is_statistics_of_column(object: &SqlObject, table: &ObjectName, column: &SqlName) -> bool {
    let create = object.create.as_str();
    if !has_class(object, &["STATISTICS"]) || !object_statement::relations(create).contains(table) {
        return false;
    }
    let tree = SourceFile::parse(&format!("{create};")).syntax_node();
    let mut clauses = tree.descendants().filter(|node| node.kind() == SyntaxKind::STATISTICS_ON_CLAUSE);
    clauses.any(|clause| mentions_column(&clause.text().to_string(), &[column.clone()].into()))
}

/// Removes a column from a table, with the keys, checks and indexes that use it. Returns the names of the indexes.
fn remove_column_and_dependents(table: &mut Table, column: &SqlName) -> Vec<SqlName> {
    let column_set: BTreeSet<SqlName> = [column.clone()].into();
    let uses = |text: &Expression| mentions_column(text.as_str(), &column_set);
    table.columns.remove(column);
    if table.primary_key.contains(column) || table.primary_key_include.contains(column) {
        table.take_primary_key();
    }
    table.uniques.retain(|_, unique| !unique.columns.iter().chain(&unique.include).any(|name| name == column));
    table.foreign_keys.retain(|_, key| !key.columns.contains(column));
    table.checks.retain(|_, check| !uses(&check.expression));
    table.excludes.retain(|_, exclude| {
        let elements = exclude.elements.iter().map(|element| &element.expression);
        !elements.chain(&exclude.predicate).any(uses)
    });
    let index_uses = |index: &Index| {
        let is_part = |part: &IndexColumn| part.column.as_ref() == Some(column) || part.expression.iter().any(uses);
        index.columns.iter().any(is_part) || index.include.contains(column) || index.predicate.iter().any(uses)
    };
    let dropped_indexes: Vec<SqlName> =
        table.indexes.iter().filter(|(_, index)| index_uses(index)).map(|(name, _)| name.clone()).collect();
    table.indexes.retain(|name, _| !dropped_indexes.contains(name));
    if let ReplicaIdentity::Index(name) = &table.replica_identity
        && !table.indexes.contains_key(name)
        && !table.uniques.contains_key(name)
    {
        // The table has no identity then, and pg_dump prints none.
        table.replica_identity = ReplicaIdentity::Default;
    }
    dropped_indexes
}
