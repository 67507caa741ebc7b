//! `CREATE INDEX`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parsed, Parts, expression, ident, object, path, unsupported};
use super::{Reader, tree};
use crate::database::model::*;

impl Reader {
    pub(super) fn create_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let again = parts.take_node(IF_NOT_EXISTS).is_some();
        let given = parts.take_node(INDEX);
        let on = parts.require(TABLE_RELATION_NAME)?;
        let table = object(&on)?;
        let only = tree::tokens(&on).next().is_some_and(|token| token.text().eq_ignore_ascii_case("only"));
        let given = match &given {
            Some(given) => {
                let names = path(given);
                self.subject = format!("the index {}", names.join("."));
                Some(tree::named(names.last().map_or("", String::as_str), given)?)
            }
            None => None,
        };
        let mut index = Index { unique: parts.take_token("UNIQUE"), ..Index::default() };
        if let Some(found) = parts.take_node(USING_METHOD) {
            let mut found = Parts::of(&found);
            index.using = method(&found.require(ACCESS_METHOD_REF)?)?;
            found.expect_end("USING")?;
        }
        let mut of = Vec::new();
        let mut list = Parts::of(&parts.require(PARTITION_ITEM_LIST)?);
        for item in list.take_all(PARTITION_ITEM) {
            of.push(column_name(&Parts::of(&item).take_any()?));
            index.columns.push(column(&item)?);
        }
        list.expect_end("( ) ,")?;
        if let Some(found) = parts.take_node(INDEX_INCLUDE_CLAUSE) {
            let mut found = Parts::of(&found);
            let mut list = Parts::of(&found.require(PARTITION_ITEM_LIST)?);
            for item in list.take_all(PARTITION_ITEM) {
                let mut item = Parts::of(&item);
                index.include.push(ident(&item.require(NAME_REF)?)?);
                item.expect_end("")?;
            }
            list.expect_end("( ) ,")?;
            found.expect_end("INCLUDE")?;
        }
        of.extend(index.include.iter().map(ToString::to_string));
        index.nulls_not_distinct = parts.take_node(NULLS_NOT_DISTINCT).is_some();
        parts.take_node(NULLS_DISTINCT);
        if let Some(found) = parts.take_node(WHERE_CLAUSE) {
            let mut found = Parts::of(&found);
            index.predicate = Some(expression(&found.take_any()?)?);
            found.expect_end("WHERE")?;
        }
        parts.expect_end("CREATE INDEX CONCURRENTLY ON ;")?;
        let divided = self.schema.tables.get(&table).is_some_and(|table| table.partition_by.is_some());
        if only && !divided {
            return unsupported(&on, "nself cannot represent `ONLY`");
        }
        // The server numbers equal parts of a default name.
        for i in 0..of.len() {
            let same = of[..i].iter().filter(|other| **other == of[i]).count();
            if same > 0 {
                of[i] = format!("{}{same}", of[i]);
            }
        }
        let name = self.relation_name(given, &table, &of.join("_"), "idx", node)?;
        if again && self.relation_taken(&table.beside(&name)) {
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
}

/// Returns the part of a default name that stands for an expression.
pub fn column_name(node: &SyntaxNode) -> String {
    match node.kind() {
        SyntaxKind::NAME_REF => path(node).concat(),
        SyntaxKind::CALL_EXPR => {
            let function = Parts::of(node).take_any().map(|found| path(&found)).unwrap_or_default();
            function.last().cloned().unwrap_or_else(|| "expr".into())
        }
        _ => "expr".into(),
    }
}

fn column(node: &SyntaxNode) -> Parsed<IndexColumn> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let found = parts.take_any()?;
    let mut column = IndexColumn::default();
    match found.kind() {
        NAME_REF => column.column = Some(ident(&found)?),
        COLLATE => return unsupported(&found, "nself cannot represent the collation of an index"),
        _ => column.expression = Some(expression(&found)?),
    }
    if let Some(class) = parts.take_node(OP_CLASS_REF) {
        let names = path(&class);
        column.opclass = Some(tree::named(names.last().map_or("", String::as_str), &class)?);
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

pub fn method(node: &SyntaxNode) -> Parsed<Method> {
    let name = path(node).concat();
    let known = [
        Method::Btree,
        Method::Hash,
        Method::Gin,
        Method::Gist,
        Method::Spgist,
        Method::Brin,
        Method::Hnsw,
        Method::Ivfflat,
    ];
    match known.iter().find(|method| method.sql() == name) {
        Some(method) => Ok(*method),
        None => unsupported(node, format!("nself cannot represent the index method `{name}`")),
    }
}
