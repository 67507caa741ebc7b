//! Constraints of columns and tables. A constraint without a name gets the name that the server would choose.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{AtNode, Parsed, Parts, expression, ident, idents, object, tokens, unsupported};
use super::{Reader, index, tree};
use crate::database::ddl::usual_key_name;
use crate::database::identifiers;
use crate::database::import::names;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Reads the name of a constraint, if it has one.
pub fn name(parts: &mut Parts) -> Parsed<Option<SqlIdent>> {
    let Some(found) = parts.take_node(SyntaxKind::CONSTRAINT_NAME_CLAUSE) else { return Ok(None) };
    let mut found = Parts::of(&found);
    let name = ident(&found.require(SyntaxKind::CONSTRAINT_NAME)?)?;
    found.expect_end("CONSTRAINT")?;
    Ok(Some(name))
}

/// Reads when a constraint is checked.
fn deferrable(parts: &mut Parts) -> Deferrable {
    let given = parts.take_node(SyntaxKind::DEFERRABLE_CONSTRAINT_OPTION).is_some();
    let later = parts.take_node(SyntaxKind::INITIALLY_DEFERRED_CONSTRAINT_OPTION).is_some();
    parts.take_node(SyntaxKind::INITIALLY_IMMEDIATE_CONSTRAINT_OPTION);
    parts.take_node(SyntaxKind::NOT_DEFERRABLE_CONSTRAINT_OPTION);
    match (given, later) {
        (_, true) => Deferrable::Deferred,
        (true, false) => Deferrable::Immediate,
        (false, false) => Deferrable::No,
    }
}

/// Reads the columns of a key, the columns that its index includes, and whether NULLs are equal.
fn key(parts: &mut Parts, column: Option<&SqlIdent>) -> Parsed<Unique> {
    let mut found = Parts::of(&parts.require(SyntaxKind::INDEX_PARAMETERS)?);
    let mut unique = Unique { columns: column.into_iter().cloned().collect(), ..Unique::default() };
    if let Some(list) = found.take_node(SyntaxKind::CONSTRAINT_COLUMN_REF_LIST) {
        unique.columns = idents(&list, SyntaxKind::COLUMN_NAME_REF)?;
    }
    if let Some(include) = found.take_node(SyntaxKind::CONSTRAINT_INCLUDE_CLAUSE) {
        let mut include = Parts::of(&include);
        unique.include = idents(&include.require(SyntaxKind::COLUMN_REF_LIST)?, SyntaxKind::COLUMN_NAME_REF)?;
        include.expect_end("INCLUDE")?;
    }
    unique.nulls_not_distinct = found.take_node(SyntaxKind::NULLS_NOT_DISTINCT).is_some();
    found.take_node(SyntaxKind::NULLS_DISTINCT);
    found.expect_end("")?;
    Ok(unique)
}

impl Reader {
    /// Reads a constraint of a table, or of one column if `column` is given.
    pub(super) fn constraint(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        column: Option<&SqlIdent>,
    ) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let given = name(&mut parts)?;
        match node.kind() {
            PRIMARY_KEY_CONSTRAINT => self.primary_key(table, node, parts, given, column),
            UNIQUE_CONSTRAINT => {
                let mut unique = key(&mut parts, column)?;
                unique.deferrable = deferrable(&mut parts);
                parts.expect_end("UNIQUE")?;
                let of: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlIdent::as_str).collect();
                let name = self.relation_name(given, table, &of.join("_"), "key", node)?;
                self.table(table, node)?.uniques.insert(name, unique);
                Ok(())
            }
            CHECK_CONSTRAINT => {
                let text = expression(&parts.take_any()?)?;
                parts.expect_end("CHECK ( )")?;
                let found = self.table(table, node)?;
                // If the check mentions exactly one column, the server makes that column part of the name.
                let words: BTreeSet<_> = identifiers::words(text.as_str()).collect();
                let mut of = found.columns.keys().filter(|column| words.contains(column.as_str()));
                let of = of.next().filter(|_| of.next().is_none()).cloned();
                let name = self.constraint_name(given, table, of.as_ref().map(SqlIdent::as_str), "check", node)?;
                self.table(table, node)?.checks.insert(name, text);
                Ok(())
            }
            REFERENCES_CONSTRAINT | FOREIGN_KEY_CONSTRAINT => self.foreign_key(table, node, parts, given, column),
            EXCLUDE_CONSTRAINT => self.exclude(table, node, parts, given),
            _ => unsupported(node, format!("nself cannot represent `{}`", tree::clause(node))),
        }
    }

    fn primary_key(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        mut parts: Parts,
        given: Option<SqlIdent>,
        column: Option<&SqlIdent>,
    ) -> Parsed<()> {
        let unique = key(&mut parts, column)?;
        parts.expect_end("PRIMARY KEY")?;
        if !unique.include.is_empty() {
            return unsupported(node, "nself cannot represent a primary key that includes columns");
        }
        let taken = |name: &str| SqlIdent::new(name).is_ok_and(|name| self.relation_taken(&table.beside(&name)));
        let given = given
            .map_or_else(|| tree::named(&names::free_default_name(table.name(), None, "pkey", taken), node), Ok)?;
        let found = self.table(table, node)?;
        for column in &unique.columns {
            found.columns.entry(column.clone()).and_modify(|column| column.nullable = false);
        }
        found.primary_key = unique.columns;
        found.primary_key_name = Some(given).filter(|given| *given != usual_key_name(table));
        Ok(())
    }

    fn foreign_key(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        mut parts: Parts,
        given: Option<SqlIdent>,
        column: Option<&SqlIdent>,
    ) -> Parsed<()> {
        use SyntaxKind::*;
        let target = object(&parts.require(TABLE_NAME_REF)?)?;
        let mut lists = parts.take_all(FOREIGN_KEY_COLUMN_LIST).into_iter();
        let (columns, theirs) = match column {
            Some(column) => {
                let theirs = parts.take_all(COLUMN_NAME_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                (vec![column.clone()], theirs)
            }
            None => {
                let own = lists.next().map_or_else(|| unsupported(node, "the columns of the key are missing"), Ok)?;
                let theirs = lists.next().map(|list| idents(&list, COLUMN_NAME_REF)).transpose()?;
                (idents(&own, COLUMN_NAME_REF)?, theirs.unwrap_or_default())
            }
        };
        parts.take_node(MATCH_SIMPLE);
        let on_delete = parts.take_node(ON_DELETE_ACTION).map(|found| action(&found)).transpose()?.unwrap_or_default();
        let on_update = parts.take_node(ON_UPDATE_ACTION).map(|found| action(&found)).transpose()?.unwrap_or_default();
        let deferrable = deferrable(&mut parts);
        parts.expect_end("FOREIGN KEY REFERENCES ( )")?;
        let of: Vec<&str> = columns.iter().map(SqlIdent::as_str).collect();
        let name = self.constraint_name(given, table, Some(&of.join("_")), "fkey", node)?;
        // The primary key of the target may come later in the file.
        if theirs.is_empty() {
            self.keys_without_columns.push((tree::start(node), table.clone(), name.clone()));
        }
        let references = Target { table: target, columns: theirs };
        let key = ForeignKey { columns, references, on_delete, on_delete_columns: Vec::new(), on_update, deferrable };
        self.table(table, node)?.foreign_keys.insert(name, key);
        Ok(())
    }

    fn exclude(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        mut parts: Parts,
        given: Option<SqlIdent>,
    ) -> Parsed<()> {
        use SyntaxKind::*;
        let mut method = Method::Btree;
        if let Some(found) = parts.take_node(CONSTRAINT_INDEX_METHOD) {
            let mut found = Parts::of(&found);
            method = index::method(&found.require(ACCESS_METHOD_REF)?)?;
            found.expect_end("USING")?;
        }
        let mut list = Parts::of(&parts.require(CONSTRAINT_EXCLUSION_LIST)?);
        let mut elements = Vec::new();
        let mut of = Vec::new();
        for element in list.take_all(CONSTRAINT_EXCLUSION) {
            let mut element = Parts::of(&element);
            let sign = element.require(OP)?;
            let found = element.take_any()?;
            let text: String = tokens(&sign).map(|token| token.text().to_owned()).collect();
            of.push(index::column_name(&found));
            elements.push(ExcludeElement { expression: expression(&found)?, with: Operator::new(&text).at(&sign)? });
            element.expect_end("WITH")?;
        }
        list.expect_end("( ) ,")?;
        let predicate = match parts.take_node(WHERE_CONDITION_CLAUSE) {
            Some(found) => Some(expression(&Parts::of(&found).take_any()?)?),
            None => None,
        };
        parts.expect_end("EXCLUDE")?;
        let name = self.relation_name(given, table, &of.join("_"), "excl", node)?;
        self.table(table, node)?.excludes.insert(name, Exclude { using: method, elements, predicate });
        Ok(())
    }

    /// Returns the given name, or the default name of a constraint with an index, which must be free among all
    /// relations.
    pub(super) fn relation_name(
        &self,
        given: Option<SqlIdent>,
        table: &ObjectName,
        of: &str,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlIdent> {
        given.map_or_else(
            || {
                let taken =
                    |name: &str| SqlIdent::new(name).is_ok_and(|name| self.relation_taken(&table.beside(&name)));
                tree::named(&names::free_default_name(table.name(), Some(of), label, taken), node)
            },
            Ok,
        )
    }

    fn constraint_name(
        &self,
        given: Option<SqlIdent>,
        table: &ObjectName,
        of: Option<&str>,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlIdent> {
        let taken = |name: &str| {
            let beside = self.schema.tables.iter().filter(|(other, _)| other.schema() == table.schema());
            beside
                .into_iter()
                .any(|(_, table)| table.checks.contains_key(name) || table.foreign_keys.contains_key(name))
        };
        given.map_or_else(|| tree::named(&names::free_default_name(table.name(), of, label, taken), node), Ok)
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
