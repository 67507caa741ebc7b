//! `LIKE` in CREATE TABLE, which copies the columns that another table has when the statement runs.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, object_name, path, start_offset, tokens, unsupported};
use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// Properties that can follow INCLUDING and EXCLUDING.
const PROPERTIES: [&str; 9] =
    ["comments", "compression", "constraints", "defaults", "generated", "identity", "indexes", "statistics", "storage"];

/// Returns the properties that LIKE copies: the options INCLUDING and EXCLUDING are applied in their order.
fn included_properties(parts: &mut Parts) -> BTreeSet<String> {
    let mut included = BTreeSet::new();
    for option in parts.take_rest() {
        let word = tokens(&option).last().map(|token| token.text().to_ascii_lowercase()).unwrap_or_default();
        let properties: Vec<String> = match word.as_str() {
            "all" => PROPERTIES.iter().map(|property| (*property).to_owned()).collect(),
            _ => vec![word],
        };
        for property in properties {
            if option.kind() == SyntaxKind::INCLUDING_PROPERTY {
                included.insert(property);
            } else {
                included.remove(&property);
            }
        }
    }
    included
}

impl Reader {
    /// Copies the columns of a table, and the properties after INCLUDING, to a new table.
    pub(super) fn add_columns_like(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let reference = parts.require(SyntaxKind::RELATION_NAME_REF)?;
        let included = included_properties(&mut parts);
        parts.refuse_rest_except("LIKE")?;
        let source_name = object_name(&reference)?;
        let source = self.table(&source_name, &reference)?.clone();
        let columns = self.schema.columns_of(&source_name);
        for name in self.columns_of_relation(&path(&reference), &reference)? {
            let column = columns[&name].as_copied(|property| included.contains(property));
            self.column_order.entry(table.clone()).or_default().push(name.clone());
            if self.table(table, node)?.columns.insert(name.clone(), column).is_some() {
                return unsupported(node, format!("there are two columns `{name}`"));
            }
        }
        if included.contains("constraints") {
            let target = self.table(table, node)?;
            target.checks.extend(source.checks.clone());
            if included.contains("comments") {
                let comments = source.constraint_comments.iter().filter(|(name, _)| source.checks.contains_key(*name));
                target.constraint_comments.extend(comments.map(|(name, text)| (name.clone(), text.clone())));
            }
        }
        let is_statistics = |key: &ObjectKey, object: &SqlObject| {
            key.as_str().starts_with("statistics ")
                && mentioned_names(object.create.as_str()).any(|word| word == source_name.name())
        };
        if included.contains("statistics") && self.schema.objects.iter().any(|(key, object)| is_statistics(key, object))
        {
            return unsupported(
                node,
                "nself cannot copy extended statistics; use EXCLUDING STATISTICS, and CREATE STATISTICS in a separate statement",
            );
        }
        if included.contains("indexes") { self.copy_indexes(table, &source, &included, node) } else { Ok(()) }
    }

    /// Copies the keys and indexes of a table. The server gives the copies default names.
    fn copy_indexes(
        &mut self,
        table: &ObjectName,
        source: &Table,
        included: &BTreeSet<String>,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let has_expression = source.indexes.values().any(|index| index.column_names().is_none());
        if has_expression || !source.excludes.is_empty() {
            return unsupported(
                node,
                "nself cannot copy exclusion constraints or indexes of expressions; use EXCLUDING INDEXES and separate statements",
            );
        }
        if !source.primary_key.is_empty() {
            let name = self.default_relation_name(table, None, "pkey", node)?;
            let target = self.table(table, node)?;
            target.primary_key.clone_from(&source.primary_key);
            target.primary_key_include.clone_from(&source.primary_key_include);
            target.primary_key_deferrable = source.primary_key_deferrable;
            target.primary_key_storage.clone_from(&source.primary_key_storage);
            target.primary_key_name = Some(name).filter(|name| *name != crate::database::ddl::default_key_name(table));
        }
        let joined_names = |columns: &mut dyn Iterator<Item = &SqlName>| {
            columns.map(ToString::to_string).collect::<Vec<_>>().join("_")
        };
        for unique in source.uniques.values() {
            let part = joined_names(&mut unique.columns.iter().chain(&unique.include));
            let name = self.default_relation_name(table, Some(&part), "key", node)?;
            self.table(table, node)?.uniques.insert(name, unique.clone());
        }
        for index in source.indexes.values() {
            let columns = index.column_names().unwrap_or_default();
            let part = joined_names(&mut columns.iter().chain(&index.include));
            let name = self.default_relation_name(table, Some(&part), "idx", node)?;
            let mut index = index.clone();
            index.comment = index.comment.filter(|_| included.contains("comments"));
            self.declared_at.insert(format!("indexes.{}", table.in_same_schema(&name)), start_offset(node));
            self.table(table, node)?.indexes.insert(name, index);
        }
        Ok(())
    }
}
