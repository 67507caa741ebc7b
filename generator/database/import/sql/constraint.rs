//! Constraints, of a column or of a table. Those without a name get the one that the server would give them.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parts, Placed, Take, expression, ident, idents, loss, object, tokens};
use super::{Reader, index, tree};
use crate::database::ddl::usual_key_name;
use crate::database::identifiers;
use crate::database::import::names;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// The name that a constraint was given.
pub fn name(parts: &mut Parts) -> Take<Option<SqlIdent>> {
    let Some(found) = parts.node(SyntaxKind::CONSTRAINT_NAME_CLAUSE) else { return Ok(None) };
    let mut found = Parts::of(&found);
    let name = ident(&found.must(SyntaxKind::CONSTRAINT_NAME)?)?;
    found.end("CONSTRAINT")?;
    Ok(Some(name))
}

/// When it is checked.
fn deferrable(parts: &mut Parts) -> Deferrable {
    let given = parts.node(SyntaxKind::DEFERRABLE_CONSTRAINT_OPTION).is_some();
    let later = parts.node(SyntaxKind::INITIALLY_DEFERRED_CONSTRAINT_OPTION).is_some();
    parts.node(SyntaxKind::INITIALLY_IMMEDIATE_CONSTRAINT_OPTION);
    parts.node(SyntaxKind::NOT_DEFERRABLE_CONSTRAINT_OPTION);
    match (given, later) {
        (_, true) => Deferrable::Deferred,
        (true, false) => Deferrable::Immediate,
        (false, false) => Deferrable::No,
    }
}

/// What the index of a key holds: its columns, those it includes, whether NULLs are equal.
fn key(parts: &mut Parts, column: Option<&SqlIdent>) -> Take<Unique> {
    let mut found = Parts::of(&parts.must(SyntaxKind::INDEX_PARAMETERS)?);
    let mut unique = Unique { columns: column.into_iter().cloned().collect(), ..Unique::default() };
    if let Some(list) = found.node(SyntaxKind::CONSTRAINT_COLUMN_REF_LIST) {
        unique.columns = idents(&list, SyntaxKind::COLUMN_NAME_REF)?;
    }
    if let Some(include) = found.node(SyntaxKind::CONSTRAINT_INCLUDE_CLAUSE) {
        let mut include = Parts::of(&include);
        unique.include = idents(&include.must(SyntaxKind::COLUMN_REF_LIST)?, SyntaxKind::COLUMN_NAME_REF)?;
        include.end("INCLUDE")?;
    }
    unique.nulls_not_distinct = found.node(SyntaxKind::NULLS_NOT_DISTINCT).is_some();
    found.node(SyntaxKind::NULLS_DISTINCT);
    found.end("")?;
    Ok(unique)
}

impl Reader {
    /// A constraint, of one column when that is given.
    pub(super) fn constraint(&mut self, table: &ObjectName, node: &SyntaxNode, column: Option<&SqlIdent>) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let given = name(&mut parts)?;
        match node.kind() {
            PRIMARY_KEY_CONSTRAINT => self.primary_key(table, node, parts, given, column),
            UNIQUE_CONSTRAINT => {
                let mut unique = key(&mut parts, column)?;
                unique.deferrable = deferrable(&mut parts);
                parts.end("UNIQUE")?;
                let of: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlIdent::as_str).collect();
                let name = self.relation_name(given, table, &of.join("_"), "key", node)?;
                self.table(table, node)?.uniques.insert(name, unique);
                Ok(())
            }
            CHECK_CONSTRAINT => {
                let text = expression(&parts.any()?)?;
                parts.end("CHECK ( )")?;
                let found = self.table(table, node)?;
                // One column that it speaks of is part of the name.
                let words: BTreeSet<_> = identifiers::words(text.as_str()).collect();
                let mut of = found.columns.keys().filter(|column| words.contains(column.as_str()));
                let of = of.next().filter(|_| of.next().is_none()).cloned();
                let name = self.constraint_name(given, table, of.as_ref().map(SqlIdent::as_str), "check", node)?;
                self.table(table, node)?.checks.insert(name, text);
                Ok(())
            }
            REFERENCES_CONSTRAINT | FOREIGN_KEY_CONSTRAINT => self.foreign_key(table, node, parts, given, column),
            EXCLUDE_CONSTRAINT => self.exclude(table, node, parts, given),
            _ => loss(node, format!("`{}` has no place in the model", tree::clause(node))),
        }
    }

    fn primary_key(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        mut parts: Parts,
        given: Option<SqlIdent>,
        column: Option<&SqlIdent>,
    ) -> Take<()> {
        let unique = key(&mut parts, column)?;
        parts.end("PRIMARY KEY")?;
        if !unique.include.is_empty() {
            return loss(node, "a primary key that includes columns has no place in the model");
        }
        let taken = |name: &str| SqlIdent::new(name).is_ok_and(|name| self.relation_taken(&table.beside(&name)));
        let given = given.map_or_else(|| tree::named(&names::free(table.name(), None, "pkey", taken), node), Ok)?;
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
    ) -> Take<()> {
        use SyntaxKind::*;
        let target = object(&parts.must(TABLE_NAME_REF)?)?;
        let mut lists = parts.nodes(FOREIGN_KEY_COLUMN_LIST).into_iter();
        let (columns, theirs) = match column {
            Some(column) => {
                let theirs = parts.nodes(COLUMN_NAME_REF).iter().map(ident).collect::<Take<Vec<_>>>()?;
                (vec![column.clone()], theirs)
            }
            None => {
                let own = lists.next().map_or_else(|| loss(node, "its columns are missing"), Ok)?;
                let theirs = lists.next().map(|list| idents(&list, COLUMN_NAME_REF)).transpose()?;
                (idents(&own, COLUMN_NAME_REF)?, theirs.unwrap_or_default())
            }
        };
        parts.node(MATCH_SIMPLE);
        let on_delete = parts.node(ON_DELETE_ACTION).map(|found| action(&found)).transpose()?.unwrap_or_default();
        let on_update = parts.node(ON_UPDATE_ACTION).map(|found| action(&found)).transpose()?.unwrap_or_default();
        let deferrable = deferrable(&mut parts);
        parts.end("FOREIGN KEY REFERENCES ( )")?;
        let of: Vec<&str> = columns.iter().map(SqlIdent::as_str).collect();
        let name = self.constraint_name(given, table, Some(&of.join("_")), "fkey", node)?;
        if theirs.is_empty() {
            self.keys.push((tree::start(node), table.clone(), name.clone()));
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
    ) -> Take<()> {
        use SyntaxKind::*;
        let mut method = Method::Btree;
        if let Some(found) = parts.node(CONSTRAINT_INDEX_METHOD) {
            let mut found = Parts::of(&found);
            method = index::method(&found.must(ACCESS_METHOD_REF)?)?;
            found.end("USING")?;
        }
        let mut list = Parts::of(&parts.must(CONSTRAINT_EXCLUSION_LIST)?);
        let mut elements = Vec::new();
        let mut of = Vec::new();
        for element in list.nodes(CONSTRAINT_EXCLUSION) {
            let mut element = Parts::of(&element);
            let sign = element.must(OP)?;
            let found = element.any()?;
            let text: String = tokens(&sign).map(|token| token.text().to_owned()).collect();
            of.push(index::column_name(&found));
            elements.push(ExcludeElement { expression: expression(&found)?, with: Operator::new(&text).at(&sign)? });
            element.end("WITH")?;
        }
        list.end("( ) ,")?;
        let predicate = match parts.node(WHERE_CONDITION_CLAUSE) {
            Some(found) => Some(expression(&Parts::of(&found).any()?)?),
            None => None,
        };
        parts.end("EXCLUDE")?;
        let name = self.relation_name(given, table, &of.join("_"), "excl", node)?;
        self.table(table, node)?.excludes.insert(name, Exclude { using: method, elements, predicate });
        Ok(())
    }

    /// The given name, or the one that the server makes for what has an index.
    pub(super) fn relation_name(
        &self,
        given: Option<SqlIdent>,
        table: &ObjectName,
        of: &str,
        label: &str,
        node: &SyntaxNode,
    ) -> Take<SqlIdent> {
        given.map_or_else(
            || {
                let taken =
                    |name: &str| SqlIdent::new(name).is_ok_and(|name| self.relation_taken(&table.beside(&name)));
                tree::named(&names::free(table.name(), Some(of), label, taken), node)
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
    ) -> Take<SqlIdent> {
        let taken = |name: &str| {
            let beside = self.schema.tables.iter().filter(|(other, _)| other.schema() == table.schema());
            beside
                .into_iter()
                .any(|(_, table)| table.checks.contains_key(name) || table.foreign_keys.contains_key(name))
        };
        given.map_or_else(|| tree::named(&names::free(table.name(), of, label, taken), node), Ok)
    }
}

fn action(node: &SyntaxNode) -> Take<Action> {
    let words: Vec<String> = tokens(node).skip(2).map(|token| token.text().to_ascii_lowercase()).collect();
    match words.join(" ").as_str() {
        "no action" => Ok(Action::NoAction),
        "restrict" => Ok(Action::Restrict),
        "cascade" => Ok(Action::Cascade),
        "set null" => Ok(Action::SetNull),
        "set default" => Ok(Action::SetDefault),
        _ => loss(node, format!("`{}` of single columns has no place in the model", tree::clause(node))),
    }
}
