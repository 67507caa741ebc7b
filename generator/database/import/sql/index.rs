//! `CREATE INDEX`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::storage::{parameters, with_parameters};
use super::tree::{AtNode, Parsed, Parts, expression, ident, object, path, unsupported};
use super::{collation, tree};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

impl Reader {
    pub(super) fn create_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(IF_NOT_EXISTS).is_some();
        let name = parts.take_node(INDEX);
        let on = parts.require(TABLE_RELATION_NAME)?;
        let table = object(&on)?;
        let name = name.map(|name| self.index_name(&name)).transpose()?;
        let (index, words) = index(&mut parts)?;
        parts.expect_end("CREATE INDEX CONCURRENTLY ON ;")?;
        let is_partitioned = self.schema.tables.get(&table).is_some_and(|table| table.partition_by.is_some());
        let is_only = tree::tokens(&on).next().is_some_and(|token| token.text().eq_ignore_ascii_case("only"));
        if is_only && !is_partitioned {
            return unsupported(&on, "nself cannot represent `ONLY`");
        }
        let words = numbered(words).join("_");
        let name = name.map_or_else(|| self.default_relation_name(&table, Some(&words), "idx", node), Ok)?;
        if if_not_exists && self.relation_taken(&table.beside(&name)) {
            return Ok(());
        }
        self.place("indexes", table.beside(&name).as_str(), node)?;
        if let Some(view) = self.schema.views.get_mut(&table).filter(|view| view.materialized) {
            view.indexes.insert(name, index);
        } else {
            self.table(&table, &on)?.indexes.insert(name, index);
        }
        Ok(())
    }

    /// Reads the name of an index, without the schema of its table.
    fn index_name(&mut self, node: &SyntaxNode) -> Parsed<SqlName> {
        let names = path(node);
        self.subject = format!("the index {}", names.join("."));
        tree::named(names.last().map_or("", String::as_str), node)
    }
}

/// Reads the definition of an index; returns it with the parts of its default name.
fn index(parts: &mut Parts) -> Parsed<(Index, Vec<String>)> {
    use SyntaxKind::*;
    let mut index = Index { unique: parts.take_token("UNIQUE"), ..Index::default() };
    if let Some(clause) = parts.take_node(USING_METHOD) {
        let mut clause = Parts::of(&clause);
        index.using = method(&clause.require(ACCESS_METHOD_REF)?)?;
        clause.expect_end("USING")?;
    }
    let mut words = Vec::new();
    let mut list = Parts::of(&parts.require(PARTITION_ITEM_LIST)?);
    for item in list.take_all(PARTITION_ITEM) {
        words.push(column_name(&Parts::of(&item).take_any()?));
        index.columns.push(index_column(&item)?);
    }
    list.expect_end("( ) ,")?;
    if let Some(clause) = parts.take_node(INDEX_INCLUDE_CLAUSE) {
        index.include = included_columns(&clause)?;
    }
    words.extend(index.include.iter().map(ToString::to_string));
    index.nulls_not_distinct = parts.take_node(NULLS_NOT_DISTINCT).is_some();
    parts.take_node(NULLS_DISTINCT);
    index.storage = with_parameters(parts)?;
    if let Some(clause) = parts.take_node(WHERE_CLAUSE) {
        let mut clause = Parts::of(&clause);
        index.predicate = Some(expression(&clause.take_any()?)?);
        clause.expect_end("WHERE")?;
    }
    Ok((index, words))
}

/// Reads INCLUDE.
fn included_columns(node: &SyntaxNode) -> Parsed<Vec<SqlName>> {
    let mut clause = Parts::of(node);
    let mut list = Parts::of(&clause.require(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns = Vec::new();
    for item in list.take_all(SyntaxKind::PARTITION_ITEM) {
        let mut item = Parts::of(&item);
        columns.push(ident(&item.require(SyntaxKind::NAME_REF)?)?);
        item.expect_end("")?;
    }
    list.expect_end("( ) ,")?;
    clause.expect_end("INCLUDE")?;
    Ok(columns)
}

/// Numbers equal parts of a default name, as the server does.
fn numbered(mut words: Vec<String>) -> Vec<String> {
    for i in 0..words.len() {
        let count = words[..i].iter().filter(|other| **other == words[i]).count();
        if count > 0 {
            words[i] = format!("{}{count}", words[i]);
        }
    }
    words
}

/// Returns the part of a default name that stands for an expression.
pub fn column_name(node: &SyntaxNode) -> String {
    match node.kind() {
        SyntaxKind::COLLATE => Parts::of(node).take_any().map_or_else(|_| "expr".into(), |inner| column_name(&inner)),
        SyntaxKind::NAME_REF => path(node).concat(),
        SyntaxKind::CALL_EXPR => {
            let function = Parts::of(node).take_any().map(|name| path(&name)).unwrap_or_default();
            function.last().cloned().unwrap_or_else(|| "expr".into())
        }
        _ => "expr".into(),
    }
}

/// Reads a column of an index.
fn index_column(node: &SyntaxNode) -> Parsed<IndexColumn> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let mut column = IndexColumn::default();
    let mut collate = Parts::of(node).take_node(COLLATE).map(|clause| Parts::of(&clause));
    if let Some(clause) = &mut collate {
        column.collation = index_collation(&clause.require(COLLATION_REF)?)?;
    }
    let value = match parts.take_any()? {
        value if value.kind() == COLLATE => collate.as_mut().map_or(Ok(value), Parts::take_any)?,
        value => value,
    };
    parts.take_node(COLLATE);
    match value.kind() {
        NAME_REF => column.column = Some(ident(&value)?),
        _ => column.expression = Some(expression(&value)?),
    }
    if let Some(class) = parts.take_node(OP_CLASS_REF) {
        let names = path(&class);
        column.opclass = Some(SqlIdent::new(names.last().map_or("", String::as_str)).at(&class)?);
    }
    if let Some(list) = parts.take_node(ATTRIBUTE_LIST) {
        column.opclass_options = parameters(&list)?;
    }
    parts.take_node(SORT_ASC);
    column.descending = parts.take_node(SORT_DESC).is_some();
    let (first, last) = (parts.take_node(NULLS_FIRST).is_some(), parts.take_node(NULLS_LAST).is_some());
    column.nulls = match (column.descending, first, last) {
        (false, true, _) => Some(Nulls::First),
        (true, _, true) => Some(Nulls::Last),
        _ => None,
    };
    parts.expect_end("")?;
    Ok(column)
}

/// Reads the collation of an index. The default of the database is not that of the column.
fn index_collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    match collation::collation(node)? {
        None => unsupported(node, "nself cannot represent the default collation of an index; leave it out"),
        collation => Ok(collation),
    }
}

/// Reads the method of an index.
pub fn method(node: &SyntaxNode) -> Parsed<Method> {
    let name = path(node).concat();
    let methods = [
        Method::Btree,
        Method::Hash,
        Method::Gin,
        Method::Gist,
        Method::Spgist,
        Method::Brin,
        Method::Hnsw,
        Method::Ivfflat,
    ];
    match methods.iter().find(|method| method.sql() == name) {
        Some(method) => Ok(*method),
        None => unsupported(node, format!("nself cannot represent the index method `{name}`")),
    }
}
