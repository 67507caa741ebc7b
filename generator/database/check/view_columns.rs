//! Finds columns in the query of a view that its tables do not have. Only a single SELECT from tables of the definition is
//! checked.

use std::collections::BTreeMap;

use super::Check;
use crate::database::identifiers::mentioned_names;
use crate::database::lexer::{self, Token, TokenKind};
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Words that end FROM and the conditions of its joins.
const ENDS: [&str; 10] =
    ["where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "tablesample"];
/// Words that begin a join.
const JOINS: [&str; 7] = ["join", "inner", "left", "right", "full", "cross", "natural"];
/// The columns that every table has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The tables of a query by the names that it uses for them, and the indexes of the tokens of FROM that name them.
struct FromTables {
    tables: BTreeMap<String, ObjectName>,
    named_at: Vec<usize>,
}

/// The tokens of a query without comments.
struct Query<'a>(Vec<Token<'a>>);

impl Query<'_> {
    fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", |token| token.text)
    }

    fn is_word(&self, at: usize, words: &[&str]) -> bool {
        let token = self.0.get(at).filter(|token| token.kind == TokenKind::Word);
        token.is_some_and(|token| words.iter().any(|word| token.text.eq_ignore_ascii_case(word)))
    }

    /// Returns the name at an index, as the server stores it.
    fn name(&self, at: usize) -> Option<String> {
        let token = self.0.get(at)?;
        let is_name = matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        is_name.then(|| mentioned_names(token.text).next().map(std::borrow::Cow::into_owned)).flatten()
    }

    /// Returns the index after the brackets that begin at `at`, or the next index.
    fn after_brackets(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        let mut index = at;
        loop {
            match self.text(index) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            index += 1;
            if depth == 0 || index >= self.0.len() {
                return index;
            }
        }
    }

    /// Returns the tables of the only SELECT; `None` for a query with other parts.
    fn read_tables(&self) -> Option<FromTables> {
        let selects =
            (0..self.0.len()).filter(|at| self.is_word(*at, &["select", "with", "values", "lateral", "table"]));
        if selects.count() != 1 || !self.is_word(0, &["select"]) {
            return None;
        }
        let mut at = 0;
        while !self.is_word(at, &["from"]) || self.is_word(at.checked_sub(1)?, &["distinct"]) {
            at = self.after_brackets(at);
            if at >= self.0.len() {
                return None;
            }
        }
        at += 1;
        let mut found = FromTables { tables: BTreeMap::new(), named_at: Vec::new() };
        loop {
            at = self.read_table(at, &mut found)?;
            at = self.after_condition(at)?;
            match self.text(at) {
                "," => at += 1,
                _ if self.is_word(at, &JOINS) => {
                    while self.is_word(at, &JOINS) || self.is_word(at, &["outer"]) {
                        at += 1;
                    }
                }
                "" | ";" => return Some(found),
                _ if self.is_word(at, &ENDS) => return Some(found),
                _ => return None,
            }
        }
    }

    /// Reads a table of FROM with its alias, and returns the index after it.
    fn read_table(&self, mut at: usize, found: &mut FromTables) -> Option<usize> {
        if self.is_word(at, &["only"]) {
            at += 1;
        }
        let mut alias = self.name(at)?;
        let mut table = ObjectName::new_in(PUBLIC_SCHEMA, &alias);
        found.named_at.push(at);
        at += 1;
        if self.text(at) == "." {
            let schema = alias;
            alias = self.name(at + 1)?;
            table = ObjectName::new_in(&schema, &alias);
            found.named_at.extend([at, at + 1]);
            at += 2;
        }
        if self.is_word(at, &["as"]) {
            alias = self.name(at + 1)?;
            at += 2;
        } else if !self.is_word(at, &JOINS)
            && !self.is_word(at, &ENDS)
            && !self.is_word(at, &["on", "using"])
            && let Some(name) = self.name(at)
        {
            alias = name;
            at += 1;
        }
        // A function, or names for the columns.
        if self.text(at) == "(" || found.tables.insert(alias, table).is_some() {
            return None;
        }
        Some(at)
    }

    /// Returns the index after the condition of a join.
    fn after_condition(&self, mut at: usize) -> Option<usize> {
        if self.is_word(at, &["using"]) {
            let end = self.after_brackets(at + 1);
            return (!self.is_word(end, &["as"])).then_some(end);
        }
        if !self.is_word(at, &["on"]) {
            return Some(at);
        }
        let is_join = |at: usize| self.is_word(at, &JOINS) && self.text(at + 1) != "(";
        while at < self.0.len() && self.text(at) != "," && !is_join(at) && !self.is_word(at, &ENDS) {
            at = self.after_brackets(at);
        }
        Some(at)
    }

    /// Returns the pairs of a table's name in the query and a column: `o` and `total` of `o.total`.
    fn qualified_columns(&self, from: &FromTables) -> Vec<(String, String)> {
        let is_pair = |at: &usize| {
            let before = at.checked_sub(1).map_or("", |before| self.text(before));
            let is_part = [".", "::"].contains(&before) || before == ":" || before.eq_ignore_ascii_case("collate");
            self.text(at + 1) == "."
                && !is_part
                && ![".", "("].contains(&self.text(at + 3))
                && !from.named_at.contains(at)
        };
        let pairs = (0..self.0.len()).filter(is_pair);
        pairs.filter_map(|at| Some((self.name(at)?, self.name(at + 2)?))).collect()
    }
}

impl Check<'_> {
    /// Reports the qualified columns of a view's query that the tables of the definition do not have.
    pub(super) fn check_columns_of_query(&mut self, query: &str, path: &FieldPath) {
        let Ok(mut tokens) = lexer::tokens(query) else { return };
        tokens.retain(|token| token.kind != TokenKind::Comment);
        let query = Query(tokens);
        let Some(from) = query.read_tables() else { return };
        let schema = self.schema;
        for (alias, column) in query.qualified_columns(&from) {
            let table = from.tables.get(&alias).and_then(|name| schema.tables.get_key_value(name));
            let Some((name, table)) = table else { continue };
            // `orders.label` also calls a function `label(orders)`.
            let is_function = schema.functions.iter().any(|(key, function)| function.name_in_sql(key).name() == column);
            let is_known = table.columns.contains_key(column.as_str()) || SYSTEM_COLUMNS.contains(&column.as_str());
            // A partition has the columns of its table, which it need not declare.
            if is_known || is_function || table.partition_of.is_some() {
                continue;
            }
            let hint = crate::words::suggestion(&column, table.columns.keys().map(SqlName::as_str));
            let message = format!("the query mentions `{column}` of `{name}`, which has no such column");
            self.report(path.clone(), message, &hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> String {
        let mut tokens = lexer::tokens(query).unwrap();
        tokens.retain(|token| token.kind != TokenKind::Comment);
        let query = Query(tokens);
        let Some(from) = query.read_tables() else { return "-".into() };
        let pairs = query.qualified_columns(&from).into_iter();
        let pairs = pairs.filter_map(|(alias, column)| Some(format!("{}.{column}", from.tables.get(&alias)?)));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn qualified_columns_belong_to_the_tables_of_a_simple_query() {
        for (query, expected) in [
            ("SELECT o.id, O.\"Total\" FROM orders o WHERE o.paid", "orders.id orders.Total orders.paid"),
            (
                "SELECT orders.id, c.name FROM public.orders JOIN shop.customers AS c ON c.id = orders.customer_id",
                "orders.id shop.customers.name shop.customers.id orders.customer_id",
            ),
            ("SELECT a.x FROM a LEFT JOIN b USING (id), c ORDER BY a.x", "a.x a.x"),
            ("SELECT a.x, (b.y).z, left(b.n, 1) FROM a INNER JOIN b ON left(a.n, 1) = b.n", "a.x b.y b.n a.n b.n"),
            ("SELECT extract(year FROM a.t) FROM a", "a.t"),
            ("SELECT a.f(1), a.b.c, x::a.b, t.* FROM a, t", ""),
            ("SELECT x FROM (SELECT 1) a", "-"),
            ("SELECT a.x FROM f(1) a", "-"),
            ("SELECT a.x FROM t AS a (x)", "-"),
            ("SELECT a.x FROM t a, t2 a", "-"),
            ("WITH a AS (SELECT 1 AS x) SELECT a.x FROM a", "-"),
            ("SELECT a.x FROM a UNION SELECT b.x FROM b", "-"),
        ] {
            assert_eq!(pairs(query), expected, "{query}");
        }
    }
}
