//! `CREATE TABLE`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::partition::{bound, partition_by};
use super::reader::Reader;
use super::storage::with_parameters;
use super::tree::{Parsed, Parts, object, unsupported};
use crate::database::model::*;

impl Reader {
    pub(super) fn create_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object(&parts.require(SyntaxKind::TABLE_NAME)?)?;
        self.subject = format!("the table {name}");
        if if_not_exists && self.schema.tables.contains_key(&name) {
            return unsupported(node, "it already exists, and the two definitions may differ");
        }
        if let Some(clause) = parts.take_node(SyntaxKind::PARTITION_OF) {
            let mut clause = Parts::of(&clause);
            let whole = object(&clause.require(SyntaxKind::TABLE_NAME_REF)?)?;
            clause.expect_end("PARTITION OF")?;
            let bound = bound(&mut parts)?;
            let by = parts.take_node(SyntaxKind::PARTITION_BY).map(|by| partition_by(&by)).transpose()?;
            parts.expect_end("CREATE TABLE ;")?;
            self.partition(&name, PartitionOf { table: whole, bound, is_listed: false }, node)?;
            self.table(&name, node)?.partition_by = by;
            return Ok(());
        }
        let mut table = Table { unlogged: parts.take_node(SyntaxKind::UNLOGGED).is_some(), ..Table::default() };
        table.storage = with_parameters(&mut parts)?;
        let list = parts.require(SyntaxKind::TABLE_ARG_LIST)?;
        if let Some(by) = parts.take_node(SyntaxKind::PARTITION_BY) {
            table.partition_by = Some(partition_by(&by)?);
        }
        self.place("tables", name.as_str(), node)?;
        self.schema.tables.insert(name.clone(), table);
        let mut list = Parts::of(&list);
        for column in list.take_all(SyntaxKind::COLUMN) {
            let result = self.column(&name, Parts::of(&column)).and_then(|rest| rest.expect_end(""));
            self.record_error(result);
        }
        for constraint in list.take_rest() {
            let result = self.constraint(&name, &constraint, None);
            self.record_error(result);
        }
        let result = list.expect_end("( ) ,");
        self.record_error(result);
        // The server ignores NOT VALID for a table that has no rows yet.
        if let Some(table) = self.schema.tables.get_mut(&name) {
            table.checks.values_mut().for_each(|check| check.not_valid = false);
            table.foreign_keys.values_mut().for_each(|key| key.not_valid = false);
        }
        parts.expect_end("CREATE TABLE ;")
    }
}
