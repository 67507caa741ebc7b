//! Replaces `*` in queries that the server stores, such as those of views, by the names of the columns in the order of
//! the table. The server does the same when it creates the object. A definition does not keep this order.

use std::ops::Range;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::derived_name::derived_name;
use super::reader::Reader;
use super::tree::{
    AtNode, Parsed, Parts, expression, folded_name, idents, object_from_path, path, tokens, unsupported,
    without_comments,
};
use super::view::selects_all;
use crate::database::model::*;
use crate::values::Checked;

/// A column of a FROM clause.
#[derive(Clone)]
struct FromColumn {
    /// The name before the dot; `None` for a column that USING or NATURAL merged.
    relation: Option<SqlName>,
    name: SqlName,
}

impl FromColumn {
    /// Returns the column in SQL: `orders.id`, or `id` for a merged column.
    fn sql(&self) -> String {
        let name = quoted_if_needed(self.name.as_str());
        self.relation
            .as_ref()
            .map_or(name.clone(), |relation| format!("{}.{name}", quoted_if_needed(relation.as_str())))
    }
}

/// The columns of an item of a FROM clause, such as a table or a join.
#[derive(Default)]
struct ItemColumns {
    /// The columns that `*` selects.
    star_columns: Vec<FromColumn>,
    /// The columns that `t.*` selects, for all relations `t` of the item. A join merges columns only for `*`.
    qualified_columns: Vec<FromColumn>,
}

/// Returns an error about a `*` whose columns are unknown.
fn unknown_star<T>(node: &SyntaxNode) -> Parsed<T> {
    unsupported(
        node,
        "nself cannot represent this `*`, which the server replaces by the columns of that time; write the names of the columns",
    )
}

impl Reader {
    /// Returns the text of a query or expression without comments and with the names of columns in place of `*`.
    pub(super) fn text_without_stars(&self, node: &SyntaxNode) -> Parsed<String> {
        self.require_no_names_by_position(node)?;
        if !selects_all(node) {
            return Ok(without_comments(&node.text().to_string()));
        }
        let start = usize::from(node.text_range().start());
        let mut replacements: Vec<(Range<usize>, String)> = Vec::new();
        for target in node.descendants().filter(|part| part.kind() == SyntaxKind::TARGET && is_star(part)) {
            let range = target.text_range();
            let names = match self.columns_of_star(&target) {
                Ok(columns) => columns.iter().map(FromColumn::sql).collect::<Vec<_>>().join(", "),
                // EXISTS does not read the columns.
                Err(_) if is_below_exists(&target) => "1".to_owned(),
                Err(error) => return Err(error),
            };
            replacements.push((usize::from(range.start()) - start..usize::from(range.end()) - start, names));
        }
        let mut text = node.text().to_string();
        for (range, names) in replacements.into_iter().rev() {
            text.replace_range(range, &names);
        }
        Ok(without_comments(&text))
    }

    /// Reads an expression, with the names of columns in place of `*` in its queries.
    pub(super) fn expression_without_stars(&self, node: &SyntaxNode) -> Parsed<Expression> {
        if !selects_all(node) {
            self.require_no_names_by_position(node)?;
            return expression(node);
        }
        let text = self.text_without_stars(node)?;
        Expression::new(&text).map_err(|reason| format!("an expression: {reason}")).at(node)
    }

    /// Refuses `FROM t AS u (a, b)` if `t` is a table: the names depend on the order of the columns, which a definition
    /// does not have. Views and WITH queries keep the order of their columns.
    fn require_no_names_by_position(&self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        require_lists_of_columns(node)?;
        for item in node.descendants().filter(|part| part.kind() == RELATION_FROM_ITEM) {
            let alias = item.children().find(|part| part.kind() == FROM_ALIAS);
            let list = alias.and_then(|alias| alias.children().find(|part| part.kind() == COLUMN_LIST));
            let names = path(&Parts::of(&item).require(RELATION_NAME_REF)?);
            let is_table = || {
                let is_query = matches!(names.as_slice(), [name] if with_query(&item, name).is_some());
                let is_view = object_from_path(&names, &item).is_ok_and(|name| self.schema.views.contains_key(&name));
                !is_query && !is_view
            };
            if let Some(list) = list.filter(|_| is_table()) {
                let what = "nself cannot represent new names for the columns of a table in FROM, which depend on the order of \
                            the columns; write `AS name` where a column is selected";
                return unsupported(&list, what);
            }
        }
        Ok(())
    }

    /// Returns the columns that `*` or `t.*` in the list of a query means.
    fn columns_of_star(&self, target: &SyntaxNode) -> Parsed<Vec<FromColumn>> {
        // `*` after RETURNING, in a statement inside of WITH, is not about a FROM clause.
        let has_target_list =
            |outer: &SyntaxNode| matches!(outer.kind(), SyntaxKind::SELECT | SyntaxKind::RETURNING_CLAUSE);
        let Some(select) = target.ancestors().find(has_target_list).filter(|outer| outer.kind() == SyntaxKind::SELECT)
        else {
            return unknown_star(target);
        };
        let Some(from) = select.children().find(|part| part.kind() == SyntaxKind::FROM_CLAUSE) else {
            return unknown_star(target);
        };
        let names = path(target);
        let mut from_columns = ItemColumns::default();
        for item in from.children() {
            let item_columns = match (self.columns_of_item(&item), names.last()) {
                (Err(_), Some(relation)) => ItemColumns {
                    star_columns: Vec::new(),
                    qualified_columns: self.columns_of_named_item(&item, relation).unwrap_or_default(),
                },
                (result, _) => result?,
            };
            from_columns.star_columns.extend(item_columns.star_columns);
            from_columns.qualified_columns.extend(item_columns.qualified_columns);
        }
        let Some(relation) = names.last() else {
            // A merged column has no table before its name, so no other column may have the name.
            let columns = from_columns.star_columns;
            let has_twin = |column: &FromColumn| columns.iter().filter(|other| other.name == column.name).count() > 1;
            let is_ambiguous = columns.iter().any(|column| column.relation.is_none() && has_twin(column));
            return if is_ambiguous { unknown_star(target) } else { Ok(columns) };
        };
        let is_of_relation =
            |column: &FromColumn| column.relation.as_ref().is_some_and(|name| name.as_str() == relation);
        let columns: Vec<FromColumn> = from_columns.qualified_columns.into_iter().filter(is_of_relation).collect();
        if columns.is_empty() { unknown_star(target) } else { Ok(columns) }
    }

    /// Returns the columns of the relation with this name or alias inside an item of a FROM clause. The item may also
    /// contain functions and VALUES, whose columns are unknown.
    fn columns_of_named_item(&self, item: &SyntaxNode, relation: &str) -> Option<Vec<FromColumn>> {
        use SyntaxKind::*;
        match item.kind() {
            JOIN_EXPR | JOIN => item.children().find_map(|part| self.columns_of_named_item(&part, relation)),
            RELATION_FROM_ITEM | PAREN_FROM_ITEM => {
                let mut columns = self.columns_of_item(item).ok()?.qualified_columns;
                columns.retain(|column| column.relation.as_ref().is_some_and(|name| name.as_str() == relation));
                Some(columns).filter(|columns| !columns.is_empty())
            }
            _ => None,
        }
    }

    /// Returns the columns of an item of a FROM clause.
    fn columns_of_item(&self, item: &SyntaxNode) -> Parsed<ItemColumns> {
        use SyntaxKind::*;
        match item.kind() {
            RELATION_FROM_ITEM => {
                let reference = Parts::of(item).require(RELATION_NAME_REF)?;
                let names = path(&reference);
                let columns = self.columns_of_relation(&names, &reference)?;
                columns_under_alias(item, names.last().map_or("", String::as_str), columns)
            }
            PAREN_FROM_ITEM => match query_inside(item) {
                Some(query) if is_query(query.kind()) => columns_under_alias(item, "", self.output_columns(&query)?),
                Some(join) if !item.children().any(|part| part.kind() == FROM_ALIAS) => self.columns_of_item(&join),
                _ => unknown_star(item),
            },
            JOIN_EXPR => self.columns_of_join(item),
            _ => unknown_star(item),
        }
    }

    /// Returns the columns of a join. In those of `*`, the merged columns are first, then the other columns of the left
    /// and of the right side.
    fn columns_of_join(&self, node: &SyntaxNode) -> Parsed<ItemColumns> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let left = self.columns_of_item(&parts.take_any()?)?;
        let join = parts.require(JOIN)?;
        let is_item = |part: &SyntaxNode| {
            matches!(
                part.kind(),
                RELATION_FROM_ITEM | PAREN_FROM_ITEM | JOIN_EXPR | FUNCTION_FROM_ITEM | EXPR_FROM_ITEM | ROWS_FROM_ITEM
            )
        };
        let Some(right_item) = join.children().find(is_item) else { return unknown_star(node) };
        let right = self.columns_of_item(&right_item)?;
        let is_natural = tokens(&join).next().is_some_and(|token| token.text().eq_ignore_ascii_case("natural"));
        let using = join.children().find(|part| part.kind() == JOIN_USING_CLAUSE);
        let merged: Vec<SqlName> = match using {
            Some(clause) => idents(&Parts::of(&clause).require(COLUMN_REF_LIST)?, COLUMN_NAME_REF)?,
            None if is_natural => {
                let is_in_right =
                    |column: &&FromColumn| right.star_columns.iter().any(|other| other.name == column.name);
                left.star_columns.iter().filter(is_in_right).map(|column| column.name.clone()).collect()
            }
            None => Vec::new(),
        };
        let is_not_merged = |column: &FromColumn| !merged.contains(&column.name);
        let merged_columns = merged.iter().map(|name| FromColumn { relation: None, name: name.clone() });
        let other_columns = left.star_columns.into_iter().chain(right.star_columns).filter(is_not_merged);
        let qualified_columns = left.qualified_columns.into_iter().chain(right.qualified_columns).collect();
        Ok(ItemColumns { star_columns: merged_columns.chain(other_columns).collect(), qualified_columns })
    }

    /// Returns the columns of a table, view or WITH query in their order. If the order is unknown, returns an error.
    pub(super) fn columns_of_relation(&self, names: &[String], node: &SyntaxNode) -> Parsed<Vec<SqlName>> {
        if let [name] = names
            && let Some(query) = with_query(node, name)
        {
            return self.columns_of_with_query(&query, node);
        }
        let name = object_from_path(names, node)?;
        let ordered = self.column_order.get(&name).cloned().unwrap_or_default();
        if self.schema.views.contains_key(&name) {
            return if ordered.is_empty() { unknown_star(node) } else { Ok(ordered) };
        }
        let columns = self.schema.columns_of(&name);
        let partitioned = self.schema.tables.get(&name).and_then(|table| table.partition_of.as_ref());
        if let Some(partitioned) = partitioned.filter(|_| ordered.is_empty()) {
            let schema = partitioned.table.schema().to_owned();
            return self.columns_of_relation(&[schema, partitioned.table.name().to_owned()], node);
        }
        let ordered: Vec<SqlName> = ordered.into_iter().filter(|column| columns.contains_key(column)).collect();
        if ordered.is_empty() || ordered.len() != columns.len() { unknown_star(node) } else { Ok(ordered) }
    }

    /// Returns the columns of a WITH query that `node` mentions.
    fn columns_of_with_query(&self, query: &SyntaxNode, node: &SyntaxNode) -> Parsed<Vec<SqlName>> {
        if !has_known_columns(query, node) {
            return unknown_star(node);
        }
        if let Some(list) = query.children().find(|part| part.kind() == SyntaxKind::COLUMN_LIST) {
            return idents(&list, SyntaxKind::COLUMN_NAME);
        }
        match query.children().find(|part| is_query(part.kind())) {
            Some(inner) => self.output_columns(&inner),
            None => unknown_star(query),
        }
    }

    /// Returns the names of the columns that a query returns.
    pub(super) fn output_columns(&self, query: &SyntaxNode) -> Parsed<Vec<SqlName>> {
        use SyntaxKind::*;
        match query.kind() {
            COMPOUND_SELECT | PAREN_SELECT | PAREN_EXPR => {
                // The first part of a UNION names the columns.
                let first = query.children().find(|part| is_query(part.kind()) || part.kind() == PAREN_EXPR);
                first.map_or_else(|| unknown_star(query), |first| self.output_columns(&first))
            }
            SELECT => {
                let clause = query.children().find(|part| part.kind() == SELECT_CLAUSE);
                let list = clause.and_then(|clause| clause.children().find(|part| part.kind() == TARGET_LIST));
                let Some(list) = list else { return unknown_star(query) };
                let mut columns = Vec::new();
                for target in list.children().filter(|part| part.kind() == TARGET) {
                    if is_star(&target) {
                        columns.extend(self.columns_of_star(&target)?.into_iter().map(|column| column.name));
                    } else {
                        columns.push(output_name(&target)?);
                    }
                }
                Ok(columns)
            }
            _ => unknown_star(query),
        }
    }
}

/// Refuses `TABLE t`, and INSERT without a list of columns: both depend on the order of the columns.
fn require_lists_of_columns(node: &SyntaxNode) -> Parsed<()> {
    use SyntaxKind::*;
    if tokens(node).any(|token| token.kind() == TABLE_KW) {
        let what =
            "nself cannot represent `TABLE t`, whose columns depend on their order; write SELECT with their names";
        return unsupported(node, what);
    }
    let is_open =
        |insert: &SyntaxNode| !insert.children().any(|part| matches!(part.kind(), COLUMN_TARGET_LIST | DEFAULT_VALUES));
    match node.descendants().find(|part| matches!(part.kind(), INSERT | MERGE_INSERT) && is_open(part)) {
        Some(insert) => unsupported(
            &insert,
            "nself cannot represent INSERT without a list of columns; write their names after the table",
        ),
        None => Ok(()),
    }
}

/// Returns whether a part of a query's list is `*` or `t.*`.
pub(super) fn is_star(target: &SyntaxNode) -> bool {
    tokens(target).last().is_some_and(|token| token.kind() == SyntaxKind::STAR)
}

fn is_query(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(kind, SELECT | COMPOUND_SELECT | PAREN_SELECT | VALUES)
}

/// Returns the query or FROM item inside of brackets, also of several pairs.
fn query_inside(node: &SyntaxNode) -> Option<SyntaxNode> {
    use SyntaxKind::*;
    let content = node.children().find(|part| part.kind() != FROM_ALIAS)?;
    let has_inner_brackets = matches!(content.kind(), PAREN_EXPR | PAREN_SELECT);
    if has_inner_brackets { query_inside(&content).or(Some(content)) } else { Some(content) }
}

/// Returns the WITH query that a name means at a place. Without RECURSIVE, a WITH query sees only those before it.
fn with_query(node: &SyntaxNode, name: &str) -> Option<SyntaxNode> {
    use SyntaxKind::WITH_TABLE;
    let is_named = |query: &SyntaxNode| tokens(query).next().is_some_and(|token| folded_name(&token) == name);
    let is_before = |query: &SyntaxNode| query.text_range().end() <= node.text_range().start();
    node.ancestors().find_map(|outer| {
        let clause = with_clause(&outer)?;
        let is_recursive = tokens(&clause).nth(1).is_some_and(|token| token.text().eq_ignore_ascii_case("recursive"));
        let mut queries = clause.children().filter(|query| query.kind() == WITH_TABLE && is_named(query));
        queries.find(|query| is_recursive || is_before(query))
    })
}

/// Returns the WITH clause of a statement. The clause before a UNION is in its first part, and all parts see its queries.
fn with_clause(statement: &SyntaxNode) -> Option<SyntaxNode> {
    use SyntaxKind::{COMPOUND_SELECT, SELECT, WITH_CLAUSE};
    let clause = statement.children().find(|part| part.kind() == WITH_CLAUSE);
    let first_part = || {
        let is_compound = statement.kind() == COMPOUND_SELECT;
        statement.first_child().filter(|part| is_compound && matches!(part.kind(), SELECT | COMPOUND_SELECT))
    };
    clause.or_else(|| with_clause(&first_part()?))
}

/// Returns whether the columns of a WITH query are known where `node` mentions it: after the query, or in a later part of
/// its UNION, whose first part names the columns.
fn has_known_columns(query: &SyntaxNode, node: &SyntaxNode) -> bool {
    let place = node.text_range();
    if query.text_range().end() <= place.start() {
        return true;
    }
    let union = query.children().find(|part| part.kind() == SyntaxKind::COMPOUND_SELECT);
    let first_part = union.and_then(|union| union.children().find(|part| part.kind() != SyntaxKind::WITH_CLAUSE));
    let is_after_first_part = first_part.is_some_and(|part| part.text_range().end() <= place.start());
    query.text_range().contains_range(place) && is_after_first_part
}

/// Returns whether a part of a query's list belongs to the query of EXISTS.
fn is_below_exists(target: &SyntaxNode) -> bool {
    let select = target.ancestors().find(|outer| outer.kind() == SyntaxKind::SELECT);
    let outer = select.and_then(|select| select.ancestors().skip(1).find(|outer| !is_brackets(outer.kind())));
    outer.is_some_and(|outer| outer.kind() == SyntaxKind::EXISTS_FN)
}

fn is_brackets(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::PAREN_SELECT | SyntaxKind::PAREN_EXPR)
}

/// Returns the columns of an item with its alias, or the name of its table, as their relation. In `t AS u (a, b)`, `a`
/// and `b` replace the names of the first columns.
fn columns_under_alias(item: &SyntaxNode, name: &str, mut columns: Vec<SqlName>) -> Parsed<ItemColumns> {
    use SyntaxKind::*;
    let alias = item.children().find(|part| part.kind() == FROM_ALIAS);
    let table_alias = alias.as_ref().and_then(|alias| alias.children().find(|part| part.kind() == TABLE_ALIAS));
    let relation = match table_alias.as_ref().and_then(|alias| tokens(alias).next()) {
        Some(token) => folded_name(&token),
        None => name.to_owned(),
    };
    if let Some(list) = alias.and_then(|alias| alias.children().find(|part| part.kind() == COLUMN_LIST)) {
        for (column, new_name) in columns.iter_mut().zip(idents(&list, COLUMN_NAME)?) {
            *column = new_name;
        }
    }
    let relation = SqlName::new(&relation).ok();
    let star_columns: Vec<FromColumn> =
        columns.into_iter().map(|name| FromColumn { relation: relation.clone(), name }).collect();
    Ok(ItemColumns { qualified_columns: star_columns.clone(), star_columns })
}

/// Returns the name of a column that a query returns: its alias, else the name that the server derives from it.
pub(super) fn output_name(target: &SyntaxNode) -> Parsed<SqlName> {
    use SyntaxKind::*;
    let alias = target.children().find(|part| part.kind() == AS_NAME);
    let name = match alias {
        Some(alias) => tokens(&alias).last().map(|token| folded_name(&token)),
        None => target.children().next().and_then(|expression| derived_name(&expression)),
    };
    match name.and_then(|name| SqlName::new(&name).ok()) {
        Some(name) => Ok(name),
        None => unknown_star(target),
    }
}

#[cfg(test)]
mod tests {
    use crate::database::import::sql::read;

    #[test]
    fn all_parts_of_a_union_see_the_queries_before_it() {
        let schema = |query: &str| {
            read(&format!("CREATE TABLE t (id int, name text); CREATE VIEW v AS {query};")).unwrap().schema
        };
        let stars = "WITH a AS (SELECT * FROM t) SELECT * FROM a UNION ALL SELECT x.* FROM a x UNION SELECT * FROM a";
        let names = "WITH a AS (SELECT t.id, t.name FROM t) SELECT a.id, a.name FROM a UNION ALL SELECT x.id, x.name FROM a x \
                     UNION SELECT a.id, a.name FROM a";
        assert_eq!(schema(stars), schema(names));
    }

    #[test]
    fn a_star_of_one_table_needs_no_columns_of_others() {
        let schema = |list: &str, from: &str| {
            read(&format!("CREATE TABLE t (id int, tags jsonb); CREATE VIEW v AS SELECT {list} FROM {from};"))
                .map(|read| read.schema)
        };
        for from in [
            "t JOIN (VALUES (1, 'a')) AS x (id, n) ON x.id = t.id",
            "t CROSS JOIN LATERAL jsonb_each(t.tags) x",
            "t, generate_series(1, 3) x",
        ] {
            assert_eq!(schema("t.*", from).unwrap(), schema("t.id, t.tags", from).unwrap(), "{from}");
            assert!(schema("*", from).is_err() && schema("x.*", from).is_err(), "{from}");
        }
    }
}
