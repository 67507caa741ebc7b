//! Constraints of columns and tables. A constraint without a name gets the name that the server would choose.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, expression, ident, idents, object, tokens, unsupported};
use super::{index, tree};
use crate::database::ddl;
use crate::database::ddl::usual_key_name;
use crate::database::identifiers;
use crate::database::import::names;
use crate::database::model::*;
use crate::values::Checked;

/// Reads the name of a constraint, if it has one.
pub fn name(parts: &mut Parts) -> Parsed<Option<SqlName>> {
    let Some(clause) = parts.take_node(SyntaxKind::CONSTRAINT_NAME_CLAUSE) else { return Ok(None) };
    let mut clause = Parts::of(&clause);
    let name = ident(&clause.require(SyntaxKind::CONSTRAINT_NAME)?)?;
    clause.expect_end("CONSTRAINT")?;
    Ok(Some(name))
}

/// Reads the expression after DEFAULT. NULL is kept: for some types the server stores it.
pub fn default(node: &SyntaxNode) -> Parsed<Expression> {
    let mut parts = Parts::of(node);
    name(&mut parts)?;
    let value = parts.take_any()?;
    if value.kind() == SyntaxKind::COLLATE {
        return unsupported(&value, "write COLLATE before DEFAULT, so that it belongs to the column");
    }
    let text = expression(&value)?;
    parts.expect_end("SET DEFAULT")?;
    Ok(text)
}

/// Reads when a constraint is checked.
fn deferrable(parts: &mut Parts) -> Deferrable {
    let is_deferrable = parts.take_node(SyntaxKind::DEFERRABLE_CONSTRAINT_OPTION).is_some();
    let is_deferred = parts.take_node(SyntaxKind::INITIALLY_DEFERRED_CONSTRAINT_OPTION).is_some();
    parts.take_node(SyntaxKind::INITIALLY_IMMEDIATE_CONSTRAINT_OPTION);
    parts.take_node(SyntaxKind::NOT_DEFERRABLE_CONSTRAINT_OPTION);
    match (is_deferrable, is_deferred) {
        (_, true) => Deferrable::Deferred,
        (true, false) => Deferrable::Immediate,
        (false, false) => Deferrable::No,
    }
}

/// Reads the columns of a key, the columns that its index includes, and whether NULLs are equal.
fn key(parts: &mut Parts, column: Option<&SqlName>) -> Parsed<Unique> {
    let mut parameters = Parts::of(&parts.require(SyntaxKind::INDEX_PARAMETERS)?);
    let mut unique = Unique { columns: column.into_iter().cloned().collect(), ..Unique::default() };
    if let Some(list) = parameters.take_node(SyntaxKind::CONSTRAINT_COLUMN_REF_LIST) {
        unique.columns = idents(&list, SyntaxKind::COLUMN_NAME_REF)?;
    }
    if let Some(include) = parameters.take_node(SyntaxKind::CONSTRAINT_INCLUDE_CLAUSE) {
        let mut include = Parts::of(&include);
        unique.include = idents(&include.require(SyntaxKind::COLUMN_REF_LIST)?, SyntaxKind::COLUMN_NAME_REF)?;
        include.expect_end("INCLUDE")?;
    }
    unique.nulls_not_distinct = parameters.take_node(SyntaxKind::NULLS_NOT_DISTINCT).is_some();
    parameters.take_node(SyntaxKind::NULLS_DISTINCT);
    parameters.expect_end("")?;
    Ok(unique)
}

/// A constraint of a table that is being read.
struct ConstraintClause<'a> {
    table: &'a ObjectName,
    node: &'a SyntaxNode,
    /// The name, if the constraint has one.
    name: Option<SqlName>,
    /// The column, if the constraint belongs to one.
    column: Option<&'a SqlName>,
}

impl Reader {
    /// Reads a constraint of a table, or of one column if `column` is given.
    pub(super) fn constraint(&mut self, table: &ObjectName, node: &SyntaxNode, column: Option<&SqlName>) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let clause = ConstraintClause { table, node, name: name(&mut parts)?, column };
        match node.kind() {
            PRIMARY_KEY_CONSTRAINT => self.primary_key(clause, parts),
            UNIQUE_CONSTRAINT => self.unique(clause, parts),
            CHECK_CONSTRAINT => self.check(clause, parts),
            REFERENCES_CONSTRAINT | FOREIGN_KEY_CONSTRAINT => self.foreign_key(clause, parts),
            EXCLUDE_CONSTRAINT => self.exclude(clause, parts),
            _ => unsupported(node, format!("nself cannot represent `{}`", tree::clause(node))),
        }
    }

    fn primary_key(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, column } = clause;
        let (name, unique) = match self.used_index(table, &mut parts)? {
            Some((index, unique)) => (name.or(Some(index)), unique),
            None => (name, key(&mut parts, column)?),
        };
        parts.expect_end("PRIMARY KEY")?;
        if !unique.include.is_empty() {
            return unsupported(node, "nself cannot represent a primary key that includes columns");
        }
        let name = name.map_or_else(|| self.default_relation_name(table, None, "pkey", node), Ok)?;
        let target = self.table(table, node)?;
        for column in &unique.columns {
            target.columns.entry(column.clone()).and_modify(|column| column.nullable = false);
        }
        target.primary_key = unique.columns;
        target.primary_key_name = Some(name).filter(|name| *name != usual_key_name(table));
        Ok(())
    }

    /// Reads USING INDEX: takes the index, which becomes a constraint and by default gives it its name.
    fn used_index(&mut self, table: &ObjectName, parts: &mut Parts) -> Parsed<Option<(SqlName, Unique)>> {
        let Some(clause) = parts.take_node(SyntaxKind::USING_INDEX_NAME) else { return Ok(None) };
        let mut inner = Parts::of(&clause);
        let name = ident(&inner.require(SyntaxKind::INDEX_REF)?)?;
        inner.expect_end("USING INDEX")?;
        let indexes = &mut self.table(table, &clause)?.indexes;
        let Some(index) = indexes.get(&name) else {
            return unsupported(&clause, format!("the table has no index `{name}`"));
        };
        let columns: Vec<SqlName> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
        let plain = Index { comment: None, ..ddl::unique_index(&columns, &index.include, index.nulls_not_distinct) };
        if (Index { comment: None, ..index.clone() }) != plain {
            return unsupported(&clause, format!("the index `{name}` is not a plain index over columns"));
        }
        let unique = Unique {
            columns,
            include: index.include.clone(),
            nulls_not_distinct: index.nulls_not_distinct,
            deferrable: Deferrable::No,
        };
        indexes.remove(&name);
        self.places.remove(&format!("indexes.{}", table.beside(&name)));
        Ok(Some((name, unique)))
    }

    fn unique(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, column } = clause;
        let (name, mut unique) = match self.used_index(table, &mut parts)? {
            Some((index, unique)) => (name.or(Some(index)), unique),
            None => (name, key(&mut parts, column)?),
        };
        unique.deferrable = deferrable(&mut parts);
        parts.expect_end("UNIQUE")?;
        let columns: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlName::as_str).collect();
        let name = name.map_or_else(|| self.default_relation_name(table, Some(&columns.join("_")), "key", node), Ok)?;
        self.table(table, node)?.uniques.insert(name, unique);
        Ok(())
    }

    fn check(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, .. } = clause;
        let text = expression(&parts.take_any()?)?;
        let not_valid = parts.take_node(SyntaxKind::NOT_VALID).is_some();
        let no_inherit = parts.take_node(SyntaxKind::NO_INHERIT).is_some();
        parts.expect_end("CHECK ( )")?;
        // If the check mentions exactly one column, the server makes that column part of the name.
        let words: BTreeSet<_> = identifiers::words(text.as_str()).collect();
        let columns = &self.table(table, node)?.columns;
        let mut mentioned = columns.keys().filter(|column| words.contains(column.as_str()));
        let column = mentioned.next().filter(|_| mentioned.next().is_none()).cloned();
        let column = column.as_ref().map(SqlName::as_str);
        let name = name.map_or_else(|| self.default_constraint_name(table, column, "check", node), Ok)?;
        self.table(table, node)?.checks.insert(name, CheckConstraint { expression: text, not_valid, no_inherit });
        Ok(())
    }

    fn foreign_key(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        use SyntaxKind::*;
        let ConstraintClause { table, node, name, column } = clause;
        let target = object(&parts.require(TABLE_NAME_REF)?)?;
        let mut lists = parts.take_all(FOREIGN_KEY_COLUMN_LIST).into_iter();
        let (columns, target_columns) = match column {
            Some(column) => {
                let target_columns = parts.take_all(COLUMN_NAME_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                (vec![column.clone()], target_columns)
            }
            None => {
                let own = lists.next().map_or_else(|| unsupported(node, "the columns of the key are missing"), Ok)?;
                let target_columns = lists.next().map(|list| idents(&list, COLUMN_NAME_REF)).transpose()?;
                (idents(&own, COLUMN_NAME_REF)?, target_columns.unwrap_or_default())
            }
        };
        parts.take_node(MATCH_SIMPLE);
        let on_delete = parts.take_node(ON_DELETE_ACTION).map(|node| action(&node)).transpose()?.unwrap_or_default();
        let on_update = parts.take_node(ON_UPDATE_ACTION).map(|node| action(&node)).transpose()?.unwrap_or_default();
        let deferrable = deferrable(&mut parts);
        let not_valid = parts.take_node(NOT_VALID).is_some();
        parts.expect_end("FOREIGN KEY REFERENCES ( )")?;
        let words: Vec<&str> = columns.iter().map(SqlName::as_str).collect();
        let name =
            name.map_or_else(|| self.default_constraint_name(table, Some(&words.join("_")), "fkey", node), Ok)?;
        // The primary key of the target may come later in the file.
        if target_columns.is_empty() {
            self.keys_without_columns.push((tree::start(node), table.clone(), name.clone()));
        }
        let references = Target { table: target, columns: target_columns };
        let on_delete_columns = Vec::new();
        let key = ForeignKey { columns, references, on_delete, on_delete_columns, on_update, deferrable, not_valid };
        self.table(table, node)?.foreign_keys.insert(name, key);
        Ok(())
    }

    fn exclude(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        use SyntaxKind::*;
        let ConstraintClause { table, node, name, .. } = clause;
        let mut method = Method::Btree;
        if let Some(clause) = parts.take_node(CONSTRAINT_INDEX_METHOD) {
            let mut clause = Parts::of(&clause);
            method = index::method(&clause.require(ACCESS_METHOD_REF)?)?;
            clause.expect_end("USING")?;
        }
        let mut list = Parts::of(&parts.require(CONSTRAINT_EXCLUSION_LIST)?);
        let mut elements = Vec::new();
        let mut words = Vec::new();
        for element in list.take_all(CONSTRAINT_EXCLUSION) {
            let mut element = Parts::of(&element);
            let sign = element.require(OP)?;
            let value = element.take_any()?;
            let operator: String = tokens(&sign).map(|token| token.text().to_owned()).collect();
            words.push(index::column_name(&value));
            elements
                .push(ExcludeElement { expression: expression(&value)?, with: Operator::new(&operator).at(&sign)? });
            element.expect_end("WITH")?;
        }
        list.expect_end("( ) ,")?;
        let predicate = match parts.take_node(WHERE_CONDITION_CLAUSE) {
            Some(clause) => Some(expression(&Parts::of(&clause).take_any()?)?),
            None => None,
        };
        parts.expect_end("EXCLUDE")?;
        let name = name.map_or_else(|| self.default_relation_name(table, Some(&words.join("_")), "excl", node), Ok)?;
        self.table(table, node)?.excludes.insert(name, Exclude { using: method, elements, predicate });
        Ok(())
    }

    /// Returns the default name of an index, or of a constraint with an index. It is free among all relations.
    pub(super) fn default_relation_name(
        &self,
        table: &ObjectName,
        part: Option<&str>,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlName> {
        let is_taken = |name: &str| SqlName::new(name).is_ok_and(|name| self.relation_taken(&table.beside(&name)));
        tree::named(&names::free_default_name(table.name(), part, label, is_taken), node)
    }

    /// Returns the default name of a constraint without an index. It is free among such constraints of the schema.
    fn default_constraint_name(
        &self,
        table: &ObjectName,
        part: Option<&str>,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlName> {
        let is_taken = |name: &str| {
            let mut siblings = self.schema.tables.iter().filter(|(other, _)| other.schema() == table.schema());
            siblings.any(|(_, table)| table.checks.contains_key(name) || table.foreign_keys.contains_key(name))
        };
        tree::named(&names::free_default_name(table.name(), part, label, is_taken), node)
    }
}

fn action(node: &SyntaxNode) -> Parsed<Action> {
    let words: Vec<String> = tokens(node).skip(2).map(|token| token.text().to_ascii_lowercase()).collect();
    match words.join(" ").as_str() {
        "no action" => Ok(Action::NoAction),
        "restrict" => Ok(Action::Restrict),
        "cascade" => Ok(Action::Cascade),
        "set null" => Ok(Action::SetNull),
        "set default" => Ok(Action::SetDefault),
        _ => unsupported(node, format!("nself cannot represent `{}` with a list of columns", tree::clause(node))),
    }
}
