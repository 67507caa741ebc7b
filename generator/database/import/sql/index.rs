//! Indexes.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parts, Take, expression, ident, loss, object, path};
use super::{Reader, tree};
use crate::database::model::*;

impl Reader {
    pub(super) fn create_index(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let again = parts.node(IF_NOT_EXISTS).is_some();
        let given = parts.node(INDEX);
        let on = parts.must(TABLE_RELATION_NAME)?;
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
        let mut index = Index { unique: parts.word("UNIQUE"), ..Index::default() };
        if let Some(found) = parts.node(USING_METHOD) {
            let mut found = Parts::of(&found);
            index.using = method(&found.must(ACCESS_METHOD_REF)?)?;
            found.end("USING")?;
        }
        let mut of = Vec::new();
        let mut list = Parts::of(&parts.must(PARTITION_ITEM_LIST)?);
        for item in list.nodes(PARTITION_ITEM) {
            of.push(column_name(&Parts::of(&item).any()?));
            index.columns.push(column(&item)?);
        }
        list.end("( ) ,")?;
        if let Some(found) = parts.node(INDEX_INCLUDE_CLAUSE) {
            let mut found = Parts::of(&found);
            let mut list = Parts::of(&found.must(PARTITION_ITEM_LIST)?);
            for item in list.nodes(PARTITION_ITEM) {
                let mut item = Parts::of(&item);
                index.include.push(ident(&item.must(NAME_REF)?)?);
                item.end("")?;
            }
            list.end("( ) ,")?;
            found.end("INCLUDE")?;
        }
        of.extend(index.include.iter().map(ToString::to_string));
        index.nulls_not_distinct = parts.node(NULLS_NOT_DISTINCT).is_some();
        parts.node(NULLS_DISTINCT);
        if let Some(found) = parts.node(WHERE_CLAUSE) {
            let mut found = Parts::of(&found);
            index.predicate = Some(expression(&found.any()?)?);
            found.end("WHERE")?;
        }
        parts.end("CREATE INDEX CONCURRENTLY ON ;")?;
        let divided = self.schema.tables.get(&table).is_some_and(|table| table.partition_by.is_some());
        if only && !divided {
            return loss(&on, "`ONLY` has no place in the model");
        }
        // Two expressions of one function are told apart by a number.
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

/// What an expression is called in the name that the server makes up.
pub fn column_name(node: &SyntaxNode) -> String {
    match node.kind() {
        SyntaxKind::NAME_REF => path(node).concat(),
        SyntaxKind::CALL_EXPR => {
            let function = Parts::of(node).any().map(|found| path(&found)).unwrap_or_default();
            function.last().cloned().unwrap_or_else(|| "expr".into())
        }
        _ => "expr".into(),
    }
}

fn column(node: &SyntaxNode) -> Take<IndexColumn> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let found = parts.any()?;
    let mut column = IndexColumn::default();
    match found.kind() {
        NAME_REF => column.column = Some(ident(&found)?),
        COLLATE => return loss(&found, "the collation of an index has no place in the model"),
        _ => column.expression = Some(expression(&found)?),
    }
    if let Some(class) = parts.node(OP_CLASS_REF) {
        let names = path(&class);
        column.opclass = Some(tree::named(names.last().map_or("", String::as_str), &class)?);
    }
    parts.node(SORT_ASC);
    column.descending = parts.node(SORT_DESC).is_some();
    let (first, last) = (parts.node(NULLS_FIRST).is_some(), parts.node(NULLS_LAST).is_some());
    column.nulls = match (column.descending, first, last) {
        (false, true, _) => Some(Nulls::First),
        (true, _, true) => Some(Nulls::Last),
        _ => None,
    };
    parts.end("")?;
    Ok(column)
}

pub fn method(node: &SyntaxNode) -> Take<Method> {
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
        None => loss(node, format!("the index method `{name}` has no place in the model")),
    }
}
