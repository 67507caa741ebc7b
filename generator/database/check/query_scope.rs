//! The tables and other sources of rows that a query names in FROM, and the names that it can use.

use std::borrow::Cow;
use std::collections::BTreeSet;

use squawk_syntax::ast::{AstNode, FromItem};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// A table or other source of rows in FROM.
pub(super) struct RowSource<'a> {
    /// The name before the dot of its columns; empty for a source without a name.
    pub(super) alias: String,
    /// The table and its columns. `None` if the columns are not known, for sources other than tables of the definition.
    pub(super) table: Option<SourceTable<'a>>,
}

/// A table of the definition in FROM.
pub(super) struct SourceTable<'a> {
    pub(super) name: &'a ObjectName,
    /// The names of its columns in the query.
    pub(super) columns: BTreeSet<Cow<'a, str>>,
    /// The number of columns that get new names in FROM, as in `orders AS o (a, b)`.
    pub(super) renamed_columns: usize,
}

impl SourceTable<'_> {
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns.contains(name)
    }
}

/// The names that a query can use.
pub(super) struct QueryScope<'a, 'b> {
    pub(super) sources: Vec<RowSource<'a>>,
    /// The names that the query gives its results, for ORDER BY and GROUP BY.
    pub(super) results: BTreeSet<String>,
    /// The query that contains this one as a subquery.
    pub(super) outer: Option<&'b QueryScope<'a, 'b>>,
}

/// The tables that queries can name.
pub(super) struct QueryTables<'a> {
    pub(super) schema: &'a Schema,
    /// Names of the WITH queries in the text. Each may hide a table.
    pub(super) with_queries: BTreeSet<String>,
}

/// Returns the last name of a node as the server stores it: `id` for `shop.orders.ID`.
pub(super) fn last_name(node: &SyntaxNode) -> Option<String> {
    mentioned_names(&node.text().to_string()).last().map(std::borrow::Cow::into_owned)
}

/// Returns the first child of a node that has a kind.
pub(super) fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    node.children().find(|part| part.kind() == kind)
}

/// Returns the name of the function that a node calls, if it has no schema; `None` for a node that is no such call.
pub(super) fn called_function(node: &SyntaxNode) -> Option<String> {
    let first = node.children().next().filter(|_| node.kind() == SyntaxKind::CALL_EXPR)?;
    last_name(&first).filter(|_| first.kind() == SyntaxKind::NAME_REF)
}

/// Returns the alias before a column, if there is one, and the column that a node names; `None` for any other node.
pub(super) fn column_reference(node: &SyntaxNode) -> Option<(Option<String>, String)> {
    match node.kind() {
        // The name is only a part of `o.id`.
        SyntaxKind::NAME_REF if node.parent().is_some_and(|parent| parent.kind() == SyntaxKind::FIELD_EXPR) => None,
        SyntaxKind::NAME_REF => Some((None, last_name(node)?)),
        SyntaxKind::FIELD_EXPR => {
            let first = node.children().next().filter(|first| first.kind() == SyntaxKind::NAME_REF)?;
            Some((Some(last_name(&first)?), last_name(node)?))
        }
        _ => None,
    }
}

/// Returns whether a node is the name of the function in a call.
pub(super) fn is_called(node: &SyntaxNode) -> bool {
    node.parent()
        .is_some_and(|parent| parent.kind() == SyntaxKind::CALL_EXPR && parent.children().next().as_ref() == Some(node))
}

impl<'a> QueryScope<'a, '_> {
    /// Returns the scope of this query, and those of the queries that contain it, from the inside out.
    pub(super) fn and_outer(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.outer)
    }

    /// Returns the sources of rows of this query and of the queries that contain it.
    pub(super) fn sources(&self) -> impl Iterator<Item = &RowSource<'a>> {
        self.and_outer().flat_map(|scope| &scope.sources)
    }

    /// Returns the columns of all tables that the query can use.
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.sources().filter_map(|source| source.table.as_ref()).flat_map(|table| &table.columns).map(AsRef::as_ref)
    }
}

impl<'a> QueryTables<'a> {
    /// Returns the tables that the queries in a tree can name.
    pub(super) fn of(schema: &'a Schema, tree: &SyntaxNode) -> Self {
        let with_queries = tree.descendants().filter(|part| part.kind() == SyntaxKind::WITH_TABLE);
        let with_queries = with_queries.filter_map(|query| last_name(&child(&query, SyntaxKind::CTE_NAME)?)).collect();
        QueryTables { schema, with_queries }
    }

    /// Returns a table of the definition whose first columns have new names; for a partition that a table lists, that
    /// table.
    fn table(&self, name: &ObjectName, new_names: Vec<String>) -> Option<SourceTable<'a>> {
        let name = self.schema.table_of_partition(name).unwrap_or(name);
        let (name, _) = self.schema.tables.get_key_value(name)?;
        let (_, root) = *self.schema.table_and_ancestors(name).last()?;
        let old_names = root.columns_in_order().map(|(column, _)| Cow::Borrowed(column.as_str())).skip(new_names.len());
        let renamed_columns = new_names.len();
        let columns = new_names.into_iter().map(Cow::Owned).chain(old_names).collect();
        Some(SourceTable { name, columns, renamed_columns })
    }

    /// Returns the source of rows that a name in FROM means. A name of a WITH query hides a table. `new_names` are the
    /// names that FROM gives the columns, as in `orders AS o (a, b)`.
    pub(super) fn relation(
        &self,
        reference: &SyntaxNode,
        alias: Option<String>,
        new_names: Vec<String>,
    ) -> RowSource<'a> {
        let text = reference.text().to_string();
        let names: Vec<String> = mentioned_names(&text).filter(|name| name != "only").map(Into::into).collect();
        let name = match names.as_slice() {
            [name] => Some(ObjectName::new_in(PUBLIC_SCHEMA, name)),
            [schema, name] => Some(ObjectName::new_in(schema, name)),
            _ => None,
        };
        let is_hidden = matches!(names.as_slice(), [name] if self.with_queries.contains(name));
        let table = name.filter(|_| !is_hidden).and_then(|name| self.table(&name, new_names));
        RowSource { alias: alias.or_else(|| names.last().cloned()).unwrap_or_default(), table }
    }

    /// Adds the sources of rows in a FROM clause, USING clause or join.
    pub(super) fn add_sources(&self, node: &SyntaxNode, sources: &mut Vec<RowSource<'a>>) {
        use SyntaxKind::*;
        let alias = child(node, FROM_ALIAS);
        let name = alias.as_ref().and_then(|alias| last_name(&child(alias, TABLE_ALIAS)?));
        match node.kind() {
            RELATION_FROM_ITEM => {
                let list = alias.and_then(|alias| child(&alias, COLUMN_LIST));
                let new_names = list.iter().flat_map(SyntaxNode::children).filter_map(|name| last_name(&name));
                let reference = child(node, RELATION_NAME_REF);
                sources.extend(reference.map(|reference| self.relation(&reference, name, new_names.collect())));
            }
            FROM_CLAUSE | USING_CLAUSE | JOIN_EXPR | JOIN | PAREN_EXPR => {
                for part in node.children() {
                    self.add_sources(&part, sources);
                }
            }
            PAREN_FROM_ITEM if alias.is_none() => {
                let count = sources.len();
                for part in node.children() {
                    self.add_sources(&part, sources);
                }
                if sources.len() == count {
                    sources.push(RowSource { alias: String::new(), table: None });
                }
            }
            kind if FromItem::can_cast(kind) => {
                // Without an alias, the rows of a function have the name of the function.
                let function_name = || node.children().next().and_then(|call| last_name(&call.children().next()?));
                sources.push(RowSource { alias: name.or_else(function_name).unwrap_or_default(), table: None });
            }
            _ => {}
        }
    }
}

/// Returns the names that a query gives its results with AS.
pub(super) fn results_of(node: &SyntaxNode) -> BTreeSet<String> {
    let lists = node.children().filter_map(|clause| child(&clause, SyntaxKind::TARGET_LIST));
    let targets = lists.flat_map(|list| list.children().collect::<Vec<_>>());
    targets.filter_map(|target| last_name(&child(&target, SyntaxKind::AS_NAME)?)).collect()
}
