//! Partitions of tables.

use std::collections::BTreeMap;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{AttachedTable, Reader};
use super::tree;
use super::tree::{AtNode, Parsed, Parts, Unsupported, expression, number, unsupported};
use crate::database::ddl::primary_key_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Adds a table that is created as a partition.
    pub(super) fn partition(&mut self, name: &ObjectName, partition: PartitionOf, node: &SyntaxNode) -> Parsed<()> {
        self.table(&partition.table, node)?;
        self.place("tables", name.as_str(), node)?;
        let table = Table { partition_of: Some(partition), ..Table::default() };
        self.schema.tables.insert(name.clone(), table);
        Ok(())
    }

    /// Returns a column of a table that must exist. A partition gets its own copy.
    pub(super) fn column_of(&mut self, table: &ObjectName, name: &SqlName, node: &SyntaxNode) -> Parsed<&mut Column> {
        let inherited = self.schema.columns_of(table).remove(name);
        let columns = &mut self.table(table, node)?.columns;
        match inherited {
            Some(column) => Ok(columns.entry(name.clone()).or_insert(column)),
            None => unsupported(node, format!("there is no column `{name}`")),
        }
    }

    /// Turns attached tables into partitions, and lists plain partitions in their table.
    pub(super) fn attach(&mut self) {
        let wholes: BTreeMap<ObjectName, ObjectName> =
            self.attached_tables.iter().map(|it| (it.part.clone(), it.whole.clone())).collect();
        let depth = |name: &ObjectName| {
            std::iter::successors(wholes.get(name), |name| wholes.get(*name)).take(wholes.len() + 1).count()
        };
        let mut attached = std::mem::take(&mut self.attached_tables);
        // Partitions of partitions first, while the tables above them have all their parts.
        attached.sort_by_key(|it| std::cmp::Reverse(depth(&it.part)));
        for AttachedTable { at, whole, part, bound } in attached {
            if let Err(what) = self.attach_one(&whole, &part, bound) {
                self.problems.push(Unsupported { at, what: format!("the partition {part} of {whole}: {what}") });
            }
        }
        for (at, whole, part) in std::mem::take(&mut self.attached_indexes) {
            let what = format!("the index {part}: the index {whole}, to which it is attached, is missing or different");
            self.problems.push(Unsupported { at, what });
        }
        self.list_partitions();
    }

    fn attach_one(&mut self, whole: &ObjectName, part: &ObjectName, bound: Bound) -> Result<(), String> {
        let mut rest = self.schema.tables.get(part).ok_or("there is no such table")?.clone();
        let divided = self.schema.tables.get(whole).ok_or("the partitioned table is missing")?;
        let inherited: BTreeMap<SqlName, Column> =
            divided.columns.iter().map(|(name, column)| (name.clone(), column.inherited())).collect();
        rest.columns.retain(|name, column| inherited.get(name) != Some(column));
        // Leave out keys and indexes that are attached to keys and indexes of the partitioned table.
        let attached = &mut self.attached_indexes;
        let mut belongs = |whole_name: &str, name: &str| {
            let index = attached.iter().position(|(_, whole, part)| whole == whole_name && part == name);
            index.map(|index| attached.remove(index)).is_some()
        };
        let (key, part_key) = (primary_key_name(whole, divided), primary_key_name(part, &rest));
        if rest.primary_key == divided.primary_key && belongs(key.as_str(), part_key.as_str()) {
            rest.primary_key.clear();
            rest.primary_key_name = None;
        }
        rest.uniques.retain(|name, unique| {
            !divided.uniques.iter().any(|(of, it)| it == unique && belongs(of.as_str(), name.as_str()))
        });
        rest.indexes.retain(|name, index| {
            // Comments belong to the index of the partitioned table only.
            let same = |it: &Index| index.comment.is_none() && index.structure(true) == it.structure(true);
            !divided.indexes.iter().any(|(of, it)| same(it) && belongs(of.as_str(), name.as_str()))
        });
        rest.checks.retain(|name, check| divided.checks.get(name) != Some(check));
        rest.partition_of = Some(PartitionOf { table: whole.clone(), bound, is_listed: false });
        self.schema.tables.insert(part.clone(), rest);
        Ok(())
    }

    /// Moves plain partitions into the list of their table. In the model, row security of a
    /// partitioned table also applies to these.
    fn list_partitions(&mut self) {
        let tables = &self.schema.tables;
        let is_plain = |name: &ObjectName, table: &Table, partition: &PartitionOf| {
            let whole = tables.get(&partition.table);
            let plain = Table {
                partition_of: table.partition_of.clone(),
                row_security: whole.map(|whole| whole.row_security).unwrap_or_default(),
                ..Table::default()
            };
            *table == plain && name.schema() == partition.table.schema()
        };
        let listed = tables.iter().filter_map(|(name, table)| {
            let partition = table.partition_of.as_ref().filter(|partition| is_plain(name, table, partition))?;
            Some((name.clone(), partition.clone()))
        });
        for (name, partition) in listed.collect::<Vec<_>>() {
            let (Ok(part), Some(whole)) = (SqlName::new(name.name()), self.schema.tables.get_mut(&partition.table))
            else {
                continue;
            };
            whole.partitions.insert(part, partition.bound);
            self.schema.tables.remove(&name);
            self.places.remove(&format!("tables.{name}"));
        }
    }
}

/// Reads PARTITION BY.
pub fn partition_by(node: &SyntaxNode) -> Parsed<PartitionBy> {
    let mut parts = Parts::of(node);
    let word = parts.require(SyntaxKind::PARTITION_STRATEGY)?;
    let strategy = match tree::path(&word).concat().as_str() {
        "range" => Strategy::Range,
        "list" => Strategy::List,
        "hash" => Strategy::Hash,
        _ => return unsupported(&word, "nself cannot represent this partition strategy"),
    };
    let mut list = Parts::of(&parts.require(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns: Vec<SqlName> = Vec::new();
    for item in list.take_all(SyntaxKind::PARTITION_ITEM) {
        let mut item = Parts::of(&item);
        let column = item.take_any()?;
        if column.kind() != SyntaxKind::NAME_REF {
            return unsupported(&column, "nself can represent partitions by columns, but not by expressions");
        }
        columns.push(tree::ident(&column)?);
        item.expect_end("")?;
    }
    list.expect_end("( ) ,")?;
    parts.expect_end("PARTITION BY")?;
    Ok(PartitionBy { strategy, columns })
}

/// Reads the bound of a partition.
pub fn bound(parts: &mut Parts) -> Parsed<Bound> {
    use SyntaxKind::*;
    let row = |node: &SyntaxNode| -> Parsed<Vec<Expression>> {
        let mut parts = Parts::of(node);
        let all = parts.take_rest().iter().map(expression).collect();
        parts.expect_end("FROM TO IN FOR VALUES ( ) ,")?;
        all
    };
    if parts.take_node(PARTITION_DEFAULT).is_some() {
        return Ok(Bound::Default);
    }
    if let Some(range) = parts.take_node(PARTITION_FOR_VALUES_FROM) {
        let mut range = Parts::of(&range);
        let (from, to) = (range.require(PARTITION_FROM_VALUES)?, range.require(PARTITION_TO_VALUES)?);
        range.expect_end("FOR VALUES FROM TO")?;
        return Ok(Bound::Range { from: row(&from)?, to: row(&to)? });
    }
    if let Some(list) = parts.take_node(PARTITION_FOR_VALUES_IN) {
        return row(&list).map(Bound::In);
    }
    let hash = parts.require(PARTITION_FOR_VALUES_WITH)?;
    let mut list = Parts::of(&hash);
    let (mut modulus, mut remainder) = (None, None);
    for part in list.take_all(HASH_PARTITION_BOUND) {
        let value =
            u32::try_from(number(&Parts::of(&part).take_any()?)?).map_err(|error| error.to_string()).at(&part)?;
        let word = tree::tokens(&part).next().map(|token| token.text().to_ascii_lowercase());
        *(if word.as_deref() == Some("modulus") { &mut modulus } else { &mut remainder }) = Some(value);
    }
    match (modulus, remainder) {
        (Some(modulus), Some(remainder)) => Ok(Bound::Hash { modulus, remainder }),
        _ => unsupported(&hash, "the bound is incomplete"),
    }
}
