//! The two schemas of a migration plan, and the two sides of each table and type.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{Graph, ObjectNode};
use super::late_drops::{LateDrops, late_drops};
use super::recreated_parts::RecreatedParts;
use super::rename::{RenamedSchema, all_names};
use super::stored_rows::StoredRows;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// The two schemas of a plan. After the renames, both use the new names.
pub struct Diff<'a> {
    /// The old schema with its old names.
    pub before_renames: &'a Schema,
    /// Maps the new name of a renamed table to its old name.
    pub old_table_names: &'a BTreeMap<ObjectName, ObjectName>,
    /// The old schema with the new names.
    pub old: &'a Schema,
    pub new: &'a Schema,
    pub old_graph: Graph<'a>,
    pub new_graph: Graph<'a>,
    pub affected: &'a Affected,
    /// Objects that are dropped, recreated or changed, by name without schema.
    pub changed_or_dropped: BTreeMap<Cow<'a, str>, Vec<ObjectNode<'a>>>,
    /// Dropped functions and objects that can be dropped only after what uses them.
    pub late_drops: LateDrops<'a>,
    /// Defaults, checks and other parts of tables that are dropped before the functions that they call.
    pub recreated_parts: RecreatedParts,
    /// The new tables by their column names; of several tables with the same columns, the first. If a dropped table has
    /// the same columns, the user may have renamed it without `renamed_from`.
    pub new_tables_by_columns: BTreeMap<Vec<&'a SqlName>, &'a ObjectName>,
    /// Tables of the old schema whose row type is the type of a column, directly or inside another type.
    pub stored_rows: StoredRows,
    /// Names of the new schema's relations and types.
    pub new_names: BTreeSet<ObjectName>,
    /// Maps the temporary name of an object that will be dropped to its old name, which a different object gets.
    freed_names: &'a BTreeMap<ObjectName, ObjectName>,
}

impl<'a> Diff<'a> {
    /// Returns the comparison of an old schema, before and after its renames, with the new one.
    pub fn new(
        before_renames: &'a Schema,
        renamed: &'a RenamedSchema,
        new: &'a Schema,
        (old_graph, new_graph): (Graph<'a>, Graph<'a>),
        affected: &'a Affected,
    ) -> Self {
        let recreated_parts = RecreatedParts::of(before_renames, &renamed.schema, new, affected);
        Diff {
            before_renames,
            old_table_names: &renamed.old_table_names,
            old: &renamed.schema,
            new,
            late_drops: late_drops(&renamed.schema, new, affected, (&old_graph, &recreated_parts)),
            recreated_parts,
            old_graph,
            new_graph,
            affected,
            changed_or_dropped: affected.changed_or_dropped(&renamed.schema, new),
            new_tables_by_columns: new_tables_by_columns(&renamed.schema, new),
            stored_rows: StoredRows::of(&renamed.schema),
            new_names: all_names(new),
            freed_names: &renamed.freed_names,
        }
    }

    /// Returns the old name of a dropped object by its temporary name (see `freed_names`); `None` for other objects.
    pub fn freed_name(&self, name: &ObjectName) -> Option<&'a ObjectName> {
        self.freed_names.get(name)
    }
}

/// Returns the value of the field [`Diff::new_tables_by_columns`]. Partitions are left out.
fn new_tables_by_columns<'a>(old: &Schema, new: &'a Schema) -> BTreeMap<Vec<&'a SqlName>, &'a ObjectName> {
    let mut tables = BTreeMap::new();
    let is_new = |name: &ObjectName, table: &Table| !old.tables.contains_key(name) && table.partition_of.is_none();
    for (name, table) in new.tables.iter().filter(|(name, table)| is_new(name, table)) {
        tables.entry(table.columns.keys().collect()).or_insert(name);
    }
    tables
}

/// What happens to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChangeKind {
    Create,
    Alter,
    Drop,
}

/// The change of one table.
#[derive(Clone, Copy)]
pub struct TableChange<'a> {
    pub kind: TableChangeKind,
    pub name: &'a ObjectName,
    /// The old table; for a new table, a table without columns.
    pub old: &'a Table,
    /// The new table; for a dropped table, a table without columns.
    pub new: &'a Table,
    /// Path of the table in the stack; the path `tables` if the table is dropped.
    pub path: &'a FieldPath,
}

/// The change of a user-defined type that both sides have.
pub struct TypeChange<'a, T> {
    pub name: &'a ObjectName,
    pub old: &'a T,
    pub new: &'a T,
    /// Position of the steps in their phase: that of the type among all objects.
    pub order_in_phase: usize,
    /// Path of the type in the stack.
    pub path: &'a FieldPath,
}

impl<'a, T> TypeChange<'a, T> {
    /// Returns this change with `old` and `new` in place of its definitions, for example as enumerations.
    pub fn with<U>(&self, old: &'a U, new: &'a U) -> TypeChange<'a, U> {
        TypeChange { name: self.name, old, new, order_in_phase: self.order_in_phase, path: self.path }
    }
}
