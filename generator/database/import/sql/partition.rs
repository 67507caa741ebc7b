//! Partitioned tables and their partitions. A partition that only has a bound becomes an item in the list of its
//! partitioned table; every other partition is a table of the model.

use std::collections::BTreeMap;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::constraint::default_and_collation;
use super::index::index_column;
use super::reader::{AttachedTable, GrantObject, Reader};
use super::tree;
use super::tree::{AtNode, Parsed, Parts, Unsupported, expression, number, unsupported};
use crate::database::ddl::primary_key_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Adds a table that is created as a partition.
    pub(super) fn add_partition(&mut self, name: &ObjectName, partition: PartitionOf, node: &SyntaxNode) -> Parsed<()> {
        self.table(&partition.table, node)?;
        self.record_declaration("tables", name.as_str(), node)?;
        let table = Table { partition_of: Some(partition), ..Table::default() };
        self.schema.tables.insert(name.clone(), table);
        self.grant_defaults(&GrantObject::Relation(name.clone()), name.schema(), node);
        Ok(())
    }

    /// Reads the list after PARTITION OF: constraints of the partition, and columns whose options differ from the
    /// partitioned table.
    pub(super) fn read_partition_parts(&mut self, name: &ObjectName, list: &SyntaxNode) -> Parsed<()> {
        let mut list = Parts::of(list);
        for part in list.take_rest() {
            let result = match part.kind() {
                SyntaxKind::COLUMN => self.read_partition_column(name, &part),
                _ => self.add_constraint(name, &part, None),
            };
            self.record_error(result);
        }
        list.refuse_rest_except("( ) ,")
    }

    /// Reads a column of a partition, which has no type: its default, NOT NULL and constraints.
    fn read_partition_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = tree::ident(&parts.require(COLUMN_NAME)?)?;
        parts.take_node(WITH_OPTIONS);
        let column = self.column_mut(table, &name, node)?;
        if let Some(clause) = parts.take_node(DEFAULT_CONSTRAINT) {
            column.default = Some(default_and_collation(&clause)?.0);
        }
        if parts.take_node(NOT_NULL_CONSTRAINT).is_some() {
            column.nullable = false;
        }
        for kind in [PRIMARY_KEY_CONSTRAINT, UNIQUE_CONSTRAINT, CHECK_CONSTRAINT, REFERENCES_CONSTRAINT] {
            for clause in parts.take_all(kind) {
                self.add_constraint(table, &clause, Some(&name))?;
            }
        }
        parts.refuse_rest_except("")
    }

    /// Returns a column of a table, to be changed. A partition, which inherits its columns, first gets a copy of the
    /// column.
    pub(super) fn column_mut(&mut self, table: &ObjectName, name: &SqlName, node: &SyntaxNode) -> Parsed<&mut Column> {
        let inherited = self.schema.columns_of(table).remove(name);
        let columns = &mut self.table(table, node)?.columns;
        match inherited {
            Some(column) => Ok(columns.entry(name.clone()).or_insert(column)),
            None => unsupported(node, format!("there is no column `{name}`")),
        }
    }

    /// Refuses a change of a table that ATTACH PARTITION names: the partition is compared with its table at the end.
    pub(super) fn require_no_pending_attachment(&self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let is_attached = |attached: &AttachedTable| attached.partition == *table || attached.partitioned == *table;
        match self.attached_tables.iter().any(is_attached) {
            true => {
                unsupported(node, "nself cannot represent a change after ATTACH PARTITION; write PARTITION OF instead")
            }
            false => Ok(()),
        }
    }

    /// Records that ATTACH PARTITION attaches the keys and indexes of a partition that equal those of the partitioned
    /// table, as the server does.
    pub(super) fn attach_equal_indexes(&mut self, partitioned: &ObjectName, partition: &ObjectName, node: &SyntaxNode) {
        let tables = &self.schema.tables;
        let (Some(parent), Some(child)) = (tables.get(partitioned), tables.get(partition)) else { return };
        let mut pairs: Vec<(SqlName, SqlName)> = Vec::new();
        if !parent.primary_key.is_empty() && child.has_primary_key_of(parent) {
            pairs.push((primary_key_name(partitioned, parent), primary_key_name(partition, child)));
        }
        let uniques = parent.uniques.iter().flat_map(|(name, unique)| {
            let equal_uniques = child.uniques.iter().filter(move |(_, other)| *other == unique);
            equal_uniques.map(move |(other, _)| (name, other))
        });
        let indexes = parent.indexes.iter().flat_map(|(name, index)| {
            let is_equal =
                move |other: &Index| other.comment.is_none() && other.structure(true) == index.structure(true);
            let equal_indexes = child.indexes.iter().filter(move |(_, other)| is_equal(other));
            equal_indexes.map(move |(other, _)| (name, other))
        });
        for (parent_index, index) in uniques.chain(indexes) {
            // Each index is attached to one, and each index of the partitioned table has one in the partition.
            if pairs.iter().all(|(parent, child)| parent != parent_index && child != index) {
                pairs.push((parent_index.clone(), index.clone()));
            }
        }
        let at = tree::start_offset(node);
        let attached = pairs.into_iter().map(|(parent, child)| (at, parent.to_string(), child.to_string()));
        self.attached_indexes.extend(attached);
    }

    /// Turns attached tables into partitions, and lists plain partitions in their table.
    pub(super) fn attach_partitions(&mut self) {
        let parents: BTreeMap<ObjectName, ObjectName> = self
            .attached_tables
            .iter()
            .map(|attached| (attached.partition.clone(), attached.partitioned.clone()))
            .collect();
        // The number of partitioned tables above a table. The limit ends the search if tables are attached in a circle.
        let depth = |name: &ObjectName| {
            std::iter::successors(parents.get(name), |name| parents.get(*name)).take(parents.len() + 1).count()
        };
        let mut attached_tables = std::mem::take(&mut self.attached_tables);
        // Attach partitions of partitions first: attaching a table removes the columns and keys that it inherits, with
        // which its own partitions are compared.
        attached_tables.sort_by_key(|attached| std::cmp::Reverse(depth(&attached.partition)));
        attached_tables.retain(|attached| {
            ![&attached.partition, &attached.partitioned].into_iter().any(|name| self.refused.contains(name))
        });
        for AttachedTable { at, partitioned, partition, bound } in attached_tables {
            if let Err(what) = self.attach_partition(&partitioned, &partition, bound) {
                self.problems
                    .push(Unsupported { at, what: format!("the partition {partition} of {partitioned}: {what}") });
            }
        }
        // `attach_partition` has removed the attachments of equal indexes.
        for (at, parent_index, index) in std::mem::take(&mut self.attached_indexes) {
            let what = format!(
                "the index {index}: the index {parent_index}, to which it is attached, is missing or different"
            );
            self.problems.push(Unsupported { at, what });
        }
        self.list_partitions();
    }

    /// Makes a table a partition, and removes the parts of it that equal those of the partitioned table.
    fn attach_partition(
        &mut self,
        partitioned_name: &ObjectName,
        partition_name: &ObjectName,
        bound: Bound,
    ) -> Result<(), String> {
        let mut partition = self.schema.tables.get(partition_name).ok_or("there is no such table")?.clone();
        let partitioned = self.schema.tables.get(partitioned_name).ok_or("the partitioned table is missing")?;
        let inherited: BTreeMap<SqlName, Column> =
            partitioned.columns.iter().map(|(name, column)| (name.clone(), column.as_in_partition())).collect();
        partition.columns.retain(|name, column| inherited.get(name) != Some(column));
        // Leave out keys and indexes that are attached to keys and indexes of the partitioned table. The closure
        // removes a pair from the attached indexes, and returns whether it was there.
        let attached_indexes = &mut self.attached_indexes;
        let mut take_attached = |parent: &SqlName, child: &SqlName| {
            let is_pair = |(_, parent_index, index): &(usize, String, String)| {
                parent_index == parent.as_str() && index == child.as_str()
            };
            let position = attached_indexes.iter().position(is_pair);
            position.map(|position| attached_indexes.remove(position)).is_some()
        };
        let parent_key = primary_key_name(partitioned_name, partitioned);
        let child_key = primary_key_name(partition_name, &partition);
        let is_same_key = partition.has_primary_key_of(partitioned)
            && partition.primary_key_storage == partitioned.primary_key_storage;
        if is_same_key && take_attached(&parent_key, &child_key) {
            partition.take_primary_key();
        }
        partition.uniques.retain(|child, unique| {
            let mut parents = partitioned.uniques.iter().filter(|(_, other)| *other == unique);
            !parents.any(|(parent, _)| take_attached(parent, child))
        });
        partition.indexes.retain(|child, index| {
            // Comments belong to the index of the partitioned table only.
            let has_same_structure =
                |other: &Index| index.comment.is_none() && index.structure(true) == other.structure(true);
            let mut parents = partitioned.indexes.iter().filter(|(_, other)| has_same_structure(other));
            !parents.any(|(parent, _)| take_attached(parent, child))
        });
        partition.checks.retain(|name, check| partitioned.checks.get(name) != Some(check));
        partition.partition_of = Some(PartitionOf { table: partitioned_name.clone(), bound, is_listed: false });
        self.schema.tables.insert(partition_name.clone(), partition);
        Ok(())
    }

    /// Moves each partition that has only a bound from the tables into the list of its partitioned table. In the model,
    /// the row security of the partitioned table also applies to the partitions in its list.
    fn list_partitions(&mut self) {
        let tables = &self.schema.tables;
        // A plain partition has only a bound. Its schema and its row security are those of the partitioned table.
        let is_plain = |name: &ObjectName, table: &Table, partition: &PartitionOf| {
            let partitioned = tables.get(&partition.table);
            let plain_table = Table {
                partition_of: table.partition_of.clone(),
                row_security: partitioned.map(|partitioned| partitioned.row_security).unwrap_or_default(),
                ..Table::default()
            };
            *table == plain_table && name.schema() == partition.table.schema()
        };
        let plain_partitions = tables.iter().filter_map(|(name, table)| {
            let partition = table.partition_of.as_ref().filter(|partition| is_plain(name, table, partition))?;
            Some((name.clone(), partition.clone()))
        });
        for (name, partition) in plain_partitions.collect::<Vec<_>>() {
            let (Ok(name_in_list), Some(partitioned)) =
                (SqlName::new(name.name()), self.schema.tables.get_mut(&partition.table))
            else {
                continue;
            };
            partitioned.partitions.insert(name_in_list, partition.bound);
            self.schema.tables.remove(&name);
            self.declared_at.remove(&format!("tables.{name}"));
        }
    }
}

/// Reads PARTITION BY.
pub fn partition_by(node: &SyntaxNode) -> Parsed<PartitionBy> {
    let mut parts = Parts::of(node);
    let strategy_node = parts.require(SyntaxKind::PARTITION_STRATEGY)?;
    let strategy = match tree::path(&strategy_node).concat().as_str() {
        "range" => Strategy::Range,
        "list" => Strategy::List,
        "hash" => Strategy::Hash,
        _ => return unsupported(&strategy_node, "nself cannot represent this partition strategy"),
    };
    let mut list = Parts::of(&parts.require(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns: Vec<PartitionKey> = Vec::new();
    for item in list.take_all(SyntaxKind::PARTITION_ITEM) {
        let IndexColumn { column, expression, opclass, collation, .. } = index_column(&item)?;
        columns.push(PartitionKey { column, expression, opclass, collation });
    }
    list.refuse_rest_except("( ) ,")?;
    parts.refuse_rest_except("PARTITION BY")?;
    Ok(PartitionBy { strategy, columns })
}

/// Takes the bound of a partition, such as `FOR VALUES IN ('eu')`.
pub fn take_bound(parts: &mut Parts) -> Parsed<Bound> {
    use SyntaxKind::*;
    let values = |node: &SyntaxNode| -> Parsed<Vec<Expression>> {
        let mut parts = Parts::of(node);
        let expressions = parts.take_rest().iter().map(expression).collect();
        parts.refuse_rest_except("FROM TO IN FOR VALUES ( ) ,")?;
        expressions
    };
    if parts.take_node(PARTITION_DEFAULT).is_some() {
        return Ok(Bound::Default);
    }
    if let Some(range) = parts.take_node(PARTITION_FOR_VALUES_FROM) {
        let mut range = Parts::of(&range);
        let (from, to) = (range.require(PARTITION_FROM_VALUES)?, range.require(PARTITION_TO_VALUES)?);
        range.refuse_rest_except("FOR VALUES FROM TO")?;
        return Ok(Bound::Range { from: values(&from)?, to: values(&to)? });
    }
    if let Some(list) = parts.take_node(PARTITION_FOR_VALUES_IN) {
        return values(&list).map(Bound::In);
    }
    let hash = parts.require(PARTITION_FOR_VALUES_WITH)?;
    let mut list = Parts::of(&hash);
    let (mut modulus, mut remainder) = (None, None);
    for part in list.take_all(HASH_PARTITION_BOUND) {
        let value =
            u32::try_from(number(&Parts::of(&part).take_any()?)?).map_err(|error| error.to_string()).at(&part)?;
        let keyword = tree::tokens(&part).next().map(|token| token.text().to_ascii_lowercase());
        match keyword.as_deref() {
            Some("modulus") => modulus = Some(value),
            _ => remainder = Some(value),
        }
    }
    match (modulus, remainder) {
        (Some(modulus), Some(remainder)) => Ok(Bound::Hash { modulus, remainder }),
        _ => unsupported(&hash, "the bound is incomplete"),
    }
}
