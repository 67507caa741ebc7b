//! `ALTER TABLE … DETACH PARTITION`: the partition becomes a plain table with copies of all that it inherited.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{self, Parsed, Parts, object_name, unsupported};
use crate::database::ddl::default_key_name;
use crate::database::default_names::default_name;
use crate::database::model::*;

impl Reader {
    /// Reads DETACH PARTITION.
    pub(super) fn detach_partition(&mut self, partitioned: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::DETACH_CONCURRENTLY);
        parts.take_node(SyntaxKind::DETACH_FINALIZE);
        let name = object_name(&parts.require(SyntaxKind::TABLE_NAME_REF)?)?;
        parts.refuse_rest_except("DETACH PARTITION")?;
        self.require_no_pending_attachment(partitioned, node)?;
        self.resolve_keys_to_primary_key();
        let parent = self.table(partitioned, node)?.clone();
        let partition = self.table(&name, node)?.clone();
        if partition.partition_of.as_ref().is_none_or(|partition| partition.table != *partitioned) {
            return unsupported(node, format!("{name} is not a partition of {partitioned}"));
        }
        require_plain_partition(&parent, &partition, node)?;
        let mut table = Table { columns: self.schema.columns_of(&name), partition_of: None, ..partition };
        let inherited_checks = parent.checks.iter().filter(|(_, check)| !check.no_inherit);
        for (check_name, check) in inherited_checks {
            table.checks.entry(check_name.clone()).or_insert_with(|| check.clone());
        }
        for (key_name, foreign_key) in &parent.foreign_keys {
            table.foreign_keys.entry(key_name.clone()).or_insert_with(|| foreign_key.clone());
        }
        // The server gave default names to the partition's copies of keys and indexes.
        if !parent.primary_key.is_empty() {
            self.require_default_name(&name, &default_key_name(&name), node)?;
            table.primary_key.clone_from(&parent.primary_key);
            table.primary_key_include.clone_from(&parent.primary_key_include);
            table.primary_key_deferrable = parent.primary_key_deferrable;
            table.primary_key_storage.clone_from(&parent.primary_key_storage);
            table.primary_key_name = None;
        }
        self.copy_uniques_and_indexes(&parent, (&name, &mut table), node)?;
        if let Some(order) = self.column_order.get(partitioned).cloned() {
            self.column_order.insert(name.clone(), order);
        }
        self.adopted_indexes.retain(|index| index.partition != name);
        self.schema.tables.insert(name, table);
        Ok(())
    }

    /// Gives a detached partition copies of its parent's unique constraints and indexes.
    fn copy_uniques_and_indexes(
        &self,
        parent: &Table,
        (name, table): (&ObjectName, &mut Table),
        node: &SyntaxNode,
    ) -> Parsed<()> {
        for unique in parent.uniques.values() {
            let columns: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlName::as_str).collect();
            let key = tree::name_at(&default_name(name.name(), Some(&columns.join("_")), "key"), node)?;
            self.require_default_name(name, &key, node)?;
            if table.uniques.insert(key.clone(), unique.clone()).is_some() {
                return unsupported(node, format!("nself does not know the name of a second key `{key}`"));
            }
        }
        for (parent_index, index) in &parent.indexes {
            let key = match self.adopted_index(name, parent_index) {
                Some(own_name) => own_name,
                None => self.name_of_inherited_index(name, index, node)?,
            };
            let index = Index { comment: None, ..index.clone() };
            if table.indexes.insert(key.clone(), index).is_some() {
                return unsupported(node, format!("nself does not know the name of a second index `{key}`"));
            }
        }
        Ok(())
    }

    /// Returns the name that an index of a partition had before it was attached to an index of the partitioned table.
    fn adopted_index(&self, partition: &ObjectName, parent_index: &SqlName) -> Option<SqlName> {
        let mut adopted_indexes = self.adopted_indexes.iter();
        adopted_indexes
            .find(|index| index.partition == *partition && index.parent_index == *parent_index)
            .map(|index| index.name.clone())
    }

    /// Returns the name that the server gave a partition's copy of an index.
    fn name_of_inherited_index(&self, partition: &ObjectName, index: &Index, node: &SyntaxNode) -> Parsed<SqlName> {
        let Some(columns) = index.column_names() else {
            return unsupported(node, "nself does not know the name of an index with expressions; drop it first");
        };
        let columns: Vec<&str> = columns.iter().chain(&index.include).map(SqlName::as_str).collect();
        let key = tree::name_at(&default_name(partition.name(), Some(&columns.join("_")), "idx"), node)?;
        self.require_default_name(partition, &key, node)?;
        Ok(key)
    }

    /// Refuses the default name of an inherited key or index if another relation has it: the server chose a different
    /// one.
    fn require_default_name(&self, table: &ObjectName, key: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        match self.is_relation_name_taken(&table.in_same_schema(key)) {
            true => unsupported(
                node,
                format!("the name `{key}` of the partition's index is taken; drop the other one first"),
            ),
            false => Ok(()),
        }
    }
}

/// Refuses to detach a partition whose table afterwards depends on more than the two tables.
fn require_plain_partition(parent: &Table, partition: &Table, node: &SyntaxNode) -> Parsed<()> {
    let has_identity = parent.columns.values().any(|column| column.identity.is_some());
    if has_identity || parent.partition_of.is_some() || partition.partition_by.is_some() || !parent.excludes.is_empty()
    {
        let what = "nself cannot follow the partition, since its table has an identity or an exclusion constraint, or one of the \
             two is a table with partitions in a partition; create the table without PARTITION OF instead";
        return unsupported(node, what);
    }
    Ok(())
}
