//! `CREATE TABLE`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::partition::{partition_by, take_bound};
use super::reader::Reader;
use super::storage::take_with_parameters;
use super::tree::{Parsed, Parts, object_name, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads CREATE TABLE. The columns and constraints are read separately, so that all problems are reported.
    pub(super) fn create_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object_name(&parts.require(SyntaxKind::TABLE_NAME)?)?;
        self.object_in_messages = format!("the table {name}");
        if if_not_exists && self.schema.tables.contains_key(&name) {
            return unsupported(
                node,
                "it already exists, and IF NOT EXISTS would keep the first definition; remove one of the two definitions",
            );
        }
        if let Some(clause) = parts.take_node(SyntaxKind::PARTITION_OF) {
            let mut clause = Parts::of(&clause);
            let partitioned = object_name(&clause.require(SyntaxKind::TABLE_NAME_REF)?)?;
            clause.refuse_rest_except("PARTITION OF")?;
            let bound = take_bound(&mut parts)?;
            let partition_by =
                parts.take_node(SyntaxKind::PARTITION_BY).map(|clause| partition_by(&clause)).transpose()?;
            parts.refuse_rest_except("CREATE TABLE ;")?;
            self.add_partition(&name, PartitionOf { table: partitioned, bound, is_listed: false }, node)?;
            self.table(&name, node)?.partition_by = partition_by;
            return Ok(());
        }
        let mut table = Table { unlogged: parts.take_node(SyntaxKind::UNLOGGED).is_some(), ..Table::default() };
        table.storage = take_with_parameters(&mut parts)?;
        let list = parts.require(SyntaxKind::TABLE_ARG_LIST)?;
        if let Some(clause) = parts.take_node(SyntaxKind::PARTITION_BY) {
            table.partition_by = Some(partition_by(&clause)?);
        }
        self.record_declaration("tables", name.as_str(), node)?;
        self.schema.tables.insert(name.clone(), table);
        let mut list = Parts::of(&list);
        for column in list.take_all(SyntaxKind::COLUMN) {
            let result = self
                .add_column(&name, Parts::of(&column))
                .and_then(|remaining_parts| remaining_parts.refuse_rest_except(""));
            self.record_error(result);
        }
        for constraint in list.take_rest() {
            let result = self.add_constraint(&name, &constraint, None);
            self.record_error(result);
        }
        let result = list.refuse_rest_except("( ) ,");
        self.record_error(result);
        // The server ignores NOT VALID for a table that has no rows yet.
        if let Some(table) = self.schema.tables.get_mut(&name) {
            table.checks.values_mut().for_each(|check| check.not_valid = false);
            table.foreign_keys.values_mut().for_each(|key| key.not_valid = false);
        }
        parts.refuse_rest_except("CREATE TABLE ;")
    }
}
