//! `CREATE TABLE`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::constraint::take_name;
use super::partition::{partition_by, take_bound};
use super::reader::{GrantObject, Reader};
use super::storage::take_with_parameters;
use super::tree::{Parsed, Parts, object_name, unsupported};
use crate::database::ddl::default_key_name;
use crate::database::model::*;

/// The reason why inherited tables are refused, with the way out.
pub const INHERITS_REFUSAL: &str = "nself cannot represent the inheritance of tables, since a definition has no inherited tables; write the columns and \
     constraints in each table, or make the tables partitions";

/// Refuses INHERITS and OF, which give a table the columns of a different object.
fn refuse_derived_columns(parts: &mut Parts) -> Parsed<()> {
    if let Some(clause) = parts.take_node(SyntaxKind::INHERITS) {
        return unsupported(&clause, INHERITS_REFUSAL);
    }
    let Some(clause) = parts.take_node(SyntaxKind::OF_TYPE) else { return Ok(()) };
    unsupported(
        &clause,
        "nself cannot represent a table of a composite type; write CREATE TABLE with the columns of the type",
    )
}

/// The names that CREATE TABLE declares for its keys.
struct KeyNames {
    has_named_primary_key: bool,
    /// The names of unique constraints, in the order of the SQL.
    uniques: Vec<SqlName>,
}

impl KeyNames {
    fn of(create_table: &SyntaxNode) -> Parsed<KeyNames> {
        let mut names = KeyNames { has_named_primary_key: false, uniques: Vec::new() };
        for constraint in create_table.descendants() {
            match constraint.kind() {
                SyntaxKind::PRIMARY_KEY_CONSTRAINT => {
                    names.has_named_primary_key |= take_name(&mut Parts::of(&constraint))?.is_some();
                }
                SyntaxKind::UNIQUE_CONSTRAINT => names.uniques.extend(take_name(&mut Parts::of(&constraint))?),
                _ => {}
            }
        }
        Ok(names)
    }
}

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
        refuse_derived_columns(&mut parts)?;
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

    /// Merges equal keys of CREATE TABLE into one constraint, as the server does: the primary key stays, or else the first
    /// unique constraint. It gets the first name that the SQL declares for one of them.
    fn merge_repeated_keys(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let key_names = KeyNames::of(node)?;
        let Some(table) = self.schema.tables.get_mut(name) else { return Ok(()) };
        let repeats_primary_key: Vec<SqlName> = table
            .uniques
            .iter()
            .filter(|(_, unique)| table.repeats_primary_key(unique))
            .map(|(key, _)| key.clone())
            .collect();
        if !key_names.has_named_primary_key
            && let Some(chosen) = key_names.uniques.iter().find(|chosen| repeats_primary_key.contains(chosen))
        {
            table.primary_key_name = Some(chosen.clone()).filter(|chosen| *chosen != default_key_name(name));
        }
        table.uniques.retain(|key, _| !repeats_primary_key.contains(key));
        while let Some(key) = table.uniques.keys().find(|key| table.earlier_equal_unique(key).is_some()).cloned() {
            let Some(earlier) = table.earlier_equal_unique(&key).cloned() else { break };
            if table.uniques.get(&earlier).map(|unique| &unique.storage)
                != table.uniques.get(&key).map(|unique| &unique.storage)
            {
                let what = format!(
                    "the server makes one constraint of `{key}` and an equal one with different storage parameters; leave one out"
                );
                return unsupported(node, what);
            }
            let position = |key: &SqlName| key_names.uniques.iter().position(|chosen| chosen == key);
            // A constraint with a declared name replaces one with a default name.
            let removed = match (position(&earlier), position(&key)) {
                (Some(first), Some(second)) if second < first => earlier,
                (None, Some(_)) => earlier,
                _ => key,
            };
            table.uniques.remove(&removed);
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

#[cfg(test)]
mod tests {
    use crate::database::import::sql::read;

    #[test]
    fn a_table_of_a_type_is_refused_with_the_way_out() {
        let findings = read("CREATE TYPE c AS (a int); CREATE TABLE t OF c;").map(|_| ()).unwrap_err();
        assert!(findings.len() == 1 && findings[0].what.contains("with the columns of the type"), "{findings:#?}");
    }

    #[test]
    fn equal_keys_of_a_new_table_become_one_constraint() {
        // Each table, and the equal one after the server merged its keys.
        for (repeated, merged) in [
            ("id int PRIMARY KEY UNIQUE", "id int PRIMARY KEY"),
            ("id int PRIMARY KEY, CONSTRAINT k UNIQUE (id)", "id int CONSTRAINT k PRIMARY KEY"),
            ("id int CONSTRAINT p PRIMARY KEY, CONSTRAINT k UNIQUE (id)", "id int CONSTRAINT p PRIMARY KEY"),
            ("id int, CONSTRAINT t_pkey PRIMARY KEY (id), CONSTRAINT k UNIQUE (id)", "id int PRIMARY KEY"),
            (
                "id int PRIMARY KEY, CONSTRAINT z UNIQUE (id), CONSTRAINT a UNIQUE (id)",
                "id int CONSTRAINT z PRIMARY KEY",
            ),
            ("a int UNIQUE, CONSTRAINT k UNIQUE (a)", "a int, CONSTRAINT k UNIQUE (a)"),
            ("a int, CONSTRAINT z UNIQUE (a), CONSTRAINT k UNIQUE (a)", "a int, CONSTRAINT z UNIQUE (a)"),
            ("a int, UNIQUE (a), UNIQUE (a)", "a int UNIQUE"),
        ] {
            let schema = |parts: &str| read(&format!("CREATE TABLE t ({parts});")).unwrap().schema;
            assert_eq!(schema(repeated), schema(merged), "{repeated}");
        }
    }
}
