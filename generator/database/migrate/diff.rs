//! Both sides of a migration plan.

use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{Graph, ObjectNode};
use super::rename::RenamedSchema;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Both sides of a plan, under the new names.
pub struct Diff<'a> {
    /// The old schema before renames.
    pub before: &'a Schema,
    /// Maps new names of renamed tables to old names.
    pub names: &'a BTreeMap<ObjectName, ObjectName>,
    pub old: &'a Schema,
    pub new: &'a Schema,
    pub old_graph: Graph<'a>,
    pub new_graph: Graph<'a>,
    pub affected: &'a Affected,
    /// Objects that are dropped or recreated, by name.
    pub recreated: BTreeMap<&'a str, Vec<ObjectNode<'a>>>,
    /// The first new table for each set of columns.
    pub new_by_columns: BTreeMap<Vec<&'a SqlName>, &'a ObjectName>,
    /// Names of relations in the new schema; they share one namespace per schema of the server.
    pub relations: BTreeSet<ObjectName>,
}

impl<'a> Diff<'a> {
    pub fn new(
        before: &'a Schema,
        renamed: &'a RenamedSchema,
        new: &'a Schema,
        (old_graph, new_graph): (Graph<'a>, Graph<'a>),
        affected: &'a Affected,
    ) -> Self {
        Diff {
            before,
            names: &renamed.names,
            old: &renamed.schema,
            new,
            old_graph,
            new_graph,
            affected,
            recreated: affected.recreated(&renamed.schema, new),
            new_by_columns: new_by_columns(&renamed.schema, new),
            relations: relations(new),
        }
    }
}

fn new_by_columns<'a>(old: &Schema, new: &'a Schema) -> BTreeMap<Vec<&'a SqlName>, &'a ObjectName> {
    let mut tables = BTreeMap::new();
    let is_new = |name: &ObjectName, table: &Table| !old.tables.contains_key(name) && table.partition_of.is_none();
    for (name, table) in new.tables.iter().filter(|(name, table)| is_new(name, table)) {
        tables.entry(table.columns.keys().collect()).or_insert(name);
    }
    tables
}

fn relations(schema: &Schema) -> BTreeSet<ObjectName> {
    let tables = schema.tables.iter().flat_map(|(name, table)| {
        let inner = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
        let inner = inner.map(|index| name.beside(index));
        std::iter::once(name.clone()).chain(inner)
    });
    tables.chain(schema.views.keys().cloned()).chain(schema.sequences.keys().cloned()).collect()
}

/// What happens to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChangeKind {
    Create,
    Alter,
    Drop,
}

/// Both sides of one table.
#[derive(Clone, Copy)]
pub struct TableChange<'a> {
    pub kind: TableChangeKind,
    pub name: &'a ObjectName,
    /// The old table; an empty one if the table is created.
    pub old: &'a Table,
    /// The new table; an empty one if the table is dropped.
    pub new: &'a Table,
    /// Path of the table in the stack; of all tables if the table is dropped.
    pub path: &'a FieldPath,
}

/// Both sides of one user-defined type that stays.
pub struct TypeChange<'a, T> {
    pub name: &'a ObjectName,
    pub old: &'a T,
    pub new: &'a T,
    /// Position of the type among all objects.
    pub rank: usize,
    /// Path of the type in the stack.
    pub path: &'a FieldPath,
}

impl<'a, T> TypeChange<'a, T> {
    /// Returns the same change with the definitions of one kind of type.
    pub fn with<U>(&self, old: &'a U, new: &'a U) -> TypeChange<'a, U> {
        TypeChange { name: self.name, old, new, rank: self.rank, path: self.path }
    }
}
