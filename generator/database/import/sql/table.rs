//! `CREATE TABLE`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::partition::{partition_by, take_bound};
use super::reader::{GrantObject, Reader};
use super::storage::take_with_parameters;
use super::tree::{Parsed, Parts, object_name, unsupported};
use crate::database::model::*;

/// The reason why inherited tables are refused, with the way out.
pub const INHERITS_REFUSAL: &str = "nself cannot represent the inheritance of tables, since a definition has no inherited tables; write the columns and \
     constraints in each table, or make the tables partitions";

impl Reader {
    /// Reads CREATE TABLE. The columns and constraints are read separately, so that all problems are reported.
    pub(super) fn create_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object_name(&parts.require(SyntaxKind::TABLE_NAME)?)?;
        self.object_in_messages = format!("the table {name}");
        if if_not_exists && self.leaves_out_second_relation("CREATE TABLE", &name, node) {
            return Ok(());
        }
        if let Some(clause) = parts.take_node(SyntaxKind::PARTITION_OF) {
            return self.create_partition(&name, &clause, parts, node);
        }
        let mut table = Table { unlogged: parts.take_node(SyntaxKind::UNLOGGED).is_some(), ..Table::default() };
        table.storage = take_with_parameters(&mut parts)?;
        Self::take_default_access_method(&mut parts)?;
        self.leave_out_tablespace(&mut parts);
        parts.take_node(SyntaxKind::WITHOUT_OIDS);
        if let Some(clause) = parts.take_node(SyntaxKind::INHERITS) {
            return unsupported(&clause, INHERITS_REFUSAL);
        }
        let list = parts.require(SyntaxKind::TABLE_ARG_LIST)?;
        if let Some(clause) = parts.take_node(SyntaxKind::PARTITION_BY) {
            table.partition_by = Some(partition_by(&clause)?);
        }
        self.record_declaration("tables", name.as_str(), node)?;
        self.schema.tables.insert(name.clone(), table);
        self.grant_defaults(&GrantObject::Relation(name.clone()), name.schema(), node);
        let mut list = Parts::of(&list);
        // All columns are read first, since a constraint may mention a column that follows it.
        let (columns, constraints): (Vec<_>, Vec<_>) = list
            .take_rest()
            .into_iter()
            .partition(|part| matches!(part.kind(), SyntaxKind::COLUMN | SyntaxKind::LIKE_CLAUSE));
        for column in columns {
            let result = match column.kind() {
                SyntaxKind::LIKE_CLAUSE => self.add_columns_like(&name, &column),
                _ => self
                    .add_column(&name, Parts::of(&column))
                    .and_then(|remaining_parts| remaining_parts.refuse_rest_except("")),
            };
            self.record_error(result);
        }
        for constraint in constraints {
            let result = self.add_constraint(&name, &constraint, None);
            self.record_error(result);
        }
        let result = list.refuse_rest_except("( ) ,");
        self.record_error(result);
        let result = self.merge_repeated_keys(&name, node);
        self.record_error(result);
        // The server ignores NOT VALID for a table that has no rows yet.
        if let Some(table) = self.schema.tables.get_mut(&name) {
            table.checks.values_mut().for_each(|check| check.not_valid = false);
            table.foreign_keys.values_mut().for_each(|key| key.not_valid = false);
        }
        parts.refuse_rest_except("CREATE TABLE ;")
    }

    /// Merges equal keys of CREATE TABLE into one constraint, as the server does: removes a repeated key with a default
    /// name, and refuses one with a chosen name.
    fn merge_repeated_keys(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let Some(table) = self.schema.tables.get_mut(name) else { return Ok(()) };
        let repeated: Vec<SqlName> = table.uniques.keys().filter(|key| table.is_repeated_key(key)).cloned().collect();
        for key in repeated {
            let Some(unique) = table.uniques.get(&key) else { continue };
            let columns: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlName::as_str).collect();
            let default_name =
                crate::database::default_names::default_name(name.name(), Some(&columns.join("_")), "key");
            if !key.as_str().starts_with(&default_name) {
                let what = format!(
                    "the server makes one constraint of `{key}` and an equal one; leave it out, or add it with ALTER TABLE"
                );
                return unsupported(node, what);
            }
            table.uniques.remove(&key);
        }
        Ok(())
    }

    /// Reads CREATE TABLE … PARTITION OF.
    fn create_partition(
        &mut self,
        name: &ObjectName,
        clause: &SyntaxNode,
        mut parts: Parts,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let mut clause = Parts::of(clause);
        let partitioned = object_name(&clause.require(SyntaxKind::TABLE_NAME_REF)?)?;
        clause.refuse_rest_except("PARTITION OF")?;
        let bound = take_bound(&mut parts)?;
        let partition_by = parts.take_node(SyntaxKind::PARTITION_BY).map(|clause| partition_by(&clause)).transpose()?;
        let storage = take_with_parameters(&mut parts)?;
        let list = parts.take_node(SyntaxKind::TABLE_ARG_LIST);
        Self::take_default_access_method(&mut parts)?;
        self.leave_out_tablespace(&mut parts);
        parts.refuse_rest_except("CREATE TABLE ;")?;
        self.add_partition(name, PartitionOf { table: partitioned, bound, is_listed: false }, node)?;
        let table = self.table(name, node)?;
        (table.partition_by, table.storage) = (partition_by, storage);
        list.map_or(Ok(()), |list| self.read_partition_parts(name, &list))
    }
}
