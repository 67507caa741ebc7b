//! Partitions of tables.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{CreatedPartition, Reader};
use super::tree;
use super::tree::{AtNode, Parsed, Parts, expression, number, unsupported};
use crate::database::model::*;

impl Reader {
    /// Records a table that is created as a partition.
    pub(super) fn partition(
        &mut self,
        whole: &ObjectName,
        name: &ObjectName,
        bound: Bound,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        if whole.schema() != name.schema() {
            return unsupported(node, format!("the partition is in a different schema than {whole}"));
        }
        let part = tree::name_at(name.name(), node)?;
        let created = CreatedPartition { at: tree::start(node), whole: whole.clone(), row_security: RowSecurity::Off };
        self.partitions.insert(name.clone(), created);
        self.table(whole, node)?.partitions.insert(part, bound);
        Ok(())
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
        item.expect_only("")?;
    }
    list.expect_only("( ) ,")?;
    parts.expect_only("PARTITION BY")?;
    Ok(PartitionBy { strategy, columns })
}

/// Reads the bound of a partition.
pub fn bound(parts: &mut Parts) -> Parsed<Bound> {
    use SyntaxKind::*;
    let row = |node: &SyntaxNode| -> Parsed<Vec<Expression>> {
        let mut parts = Parts::of(node);
        let all = parts.take_rest().iter().map(expression).collect();
        parts.expect_only("FROM TO IN FOR VALUES ( ) ,")?;
        all
    };
    if parts.take_node(PARTITION_DEFAULT).is_some() {
        return Ok(Bound::Default);
    }
    if let Some(range) = parts.take_node(PARTITION_FOR_VALUES_FROM) {
        let mut range = Parts::of(&range);
        let (from, to) = (range.require(PARTITION_FROM_VALUES)?, range.require(PARTITION_TO_VALUES)?);
        range.expect_only("FOR VALUES FROM TO")?;
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
