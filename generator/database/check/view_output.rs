//! Checks a view against the columns that its query outputs: their names, and whether rows can be written through it.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::Check;
use super::columns_in_text::{SYSTEM_COLUMNS, mentioned_columns};
use super::expressions::{AGGREGATES, is_declared, parameters};
use super::query_output::outputs;
use super::query_scope::{called_function, child};
use crate::database::model::*;
use crate::database::parse;
use crate::diagnostic::FieldPath;
use crate::words;

/// Functions that return several rows.
const FUNCTIONS_WITH_ROWS: [&str; 6] = [
    "generate_series",
    "generate_subscripts",
    "jsonb_array_elements",
    "regexp_matches",
    "regexp_split_to_table",
    "unnest",
];

/// What the text of a view's query tells.
struct QueryFacts {
    /// The names of the columns, each if it is known; `None` if their number is unknown.
    columns: Option<Vec<Option<String>>>,
    changes_rows: bool,
    /// The reason why no rows can be written through the view.
    read_only: Option<String>,
}

impl QueryFacts {
    fn of(query: &str, schema: &Schema) -> Option<QueryFacts> {
        parse::with_enough_stack(query, || {
            let parsed = SourceFile::parse(&format!("{query}\n;"));
            let query = parsed.syntax_node().children().next().filter(|_| parsed.errors().is_empty())?;
            let columns = outputs(&query).map(|outputs| outputs.into_iter().map(|output| output.name).collect());
            use SyntaxKind::{DELETE, INSERT, MERGE, UPDATE};
            let changes_rows = query.descendants().any(|node| matches!(node.kind(), INSERT | UPDATE | DELETE | MERGE));
            Some(QueryFacts { columns, changes_rows, read_only: reason_to_be_read_only(&query, schema) })
        })
    }
}

impl Check<'_> {
    /// Reports columns that the view names twice or lacks, and what the server refuses in the query of a view.
    pub(super) fn check_view_output(&mut self, view: &View, path: &FieldPath) {
        let query = view.query.as_str();
        if let Some(parameter) = parameters(query).first() {
            let message = format!("a view has no arguments, so there is no `${parameter}`");
            self.report(path.key("query"), message, "remove the condition, and write it where the view is queried");
        }
        let Some(facts) = QueryFacts::of(query, self.schema) else { return };
        if facts.changes_rows {
            let message = "a view can only read rows, and the query changes rows";
            self.report(path.key("query"), message, "write a function with this query");
        }
        if view.check_option != CheckOption::None
            && let Some(reason) = facts.read_only
        {
            let message = format!("rows cannot be written through the view, because {reason}");
            self.report(path.key("check_option"), message, "leave `check_option` out");
        }
        let Some(columns) = facts.columns else { return };
        if view.columns.len() > columns.len() {
            let message = format!("the query has {} columns, fewer than `columns`", columns.len());
            self.report(path.key("columns"), message, "list one name for each column of the query");
            return;
        }
        let given = view.columns.iter().map(|name| Some(name.to_string()));
        let columns: Vec<Option<String>> = given.chain(columns.into_iter().skip(view.columns.len())).collect();
        self.check_distinct_columns(view, &columns, path);
        if let Some(names) = columns.into_iter().collect::<Option<BTreeSet<String>>>() {
            self.check_columns_of_view(view, &names, path);
        }
    }

    /// Reports a name that two columns of a view have.
    fn check_distinct_columns(&mut self, view: &View, columns: &[Option<String>], path: &FieldPath) {
        let mut names = BTreeSet::new();
        for (i, name) in columns.iter().enumerate() {
            let Some(name) = name else { continue };
            let field = if i < view.columns.len() { "columns" } else { "query" };
            if view.materialized && SYSTEM_COLUMNS.contains(&name.as_str()) {
                let message = format!("a materialised view cannot have a column `{name}`, since the server has one");
                self.report(path.key(field), message, "give the column a different name");
            }
            if !names.insert(name) {
                let message = match name.as_str() {
                    "?column?" => "two columns of the view have no name".to_owned(),
                    _ => format!("two columns of the view have the name `{name}`"),
                };
                self.report(path.key(field), message, "give each column a different name, such as `… AS total`");
                return;
            }
        }
    }

    /// Reports columns in the other fields of a view that it does not have.
    fn check_columns_of_view(&mut self, view: &View, columns: &BTreeSet<String>, path: &FieldPath) {
        let mut named: Vec<(FieldPath, String)> = Vec::new();
        for (field, names) in [
            ("column_comments", view.column_comments.keys().collect::<Vec<_>>()),
            ("column_defaults", view.column_defaults.keys().collect()),
            ("column_grants", view.column_grants.keys().collect()),
            ("column_grant_options", view.column_grant_options.keys().collect()),
        ] {
            named.extend(names.into_iter().map(|name| (path.key(field).key(name.as_str()), name.to_string())));
        }
        for (key, index) in &view.indexes {
            let path = path.key("indexes").key(key.as_str());
            let names = index.columns.iter().filter_map(|column| column.column.as_ref()).chain(&index.include);
            named.extend(names.map(|name| (path.clone(), name.to_string())));
            let expressions = index.columns.iter().filter_map(|column| column.expression.as_ref());
            for expression in expressions.chain(&index.predicate) {
                let mentioned = mentioned_columns(expression.as_str());
                named.extend(mentioned.into_iter().map(|name| (path.clone(), name)));
            }
        }
        let is_missing = |name: &str| !columns.contains(name) && !SYSTEM_COLUMNS.contains(&name);
        for (path, name) in named.into_iter().filter(|(_, name)| is_missing(name)) {
            let hint = words::suggestion_or(&name, columns.iter().map(String::as_str), "name a column of the query");
            self.report(path, format!("the view has no column `{name}`"), hint);
        }
    }
}

/// Returns why the server writes no rows through a view with this query, if it certainly does not.
fn reason_to_be_read_only(query: &SyntaxNode, schema: &Schema) -> Option<String> {
    use SyntaxKind::*;
    if query.kind() != SELECT {
        return matches!(query.kind(), COMPOUND_SELECT | VALUES).then(|| "its query is not a single SELECT".to_owned());
    }
    let clauses = [
        (WITH_CLAUSE, "WITH"),
        (GROUP_BY_CLAUSE, "GROUP BY"),
        (HAVING_CLAUSE, "HAVING"),
        (LIMIT_CLAUSE, "LIMIT"),
        (OFFSET_CLAUSE, "OFFSET"),
        (FETCH_CLAUSE, "FETCH"),
    ];
    if let Some((_, word)) = clauses.iter().find(|(kind, _)| child(query, *kind).is_some()) {
        return Some(format!("its query has {word}"));
    }
    let select = child(query, SELECT_CLAUSE)?;
    if child(&select, DISTINCT_CLAUSE).is_some() {
        return Some("its query has DISTINCT".to_owned());
    }
    let items: Vec<SyntaxNode> = child(query, FROM_CLAUSE).iter().flat_map(SyntaxNode::children).collect();
    let is_one_table = matches!(items.as_slice(), [item] if item.kind() == RELATION_FROM_ITEM
        && child(item, TABLESAMPLE_CLAUSE).is_none());
    if !is_one_table {
        return Some("its query reads from other than a single table or view".to_owned());
    }
    let targets: Vec<SyntaxNode> = child(&select, TARGET_LIST).iter().flat_map(SyntaxNode::children).collect();
    let expressions: Vec<SyntaxNode> = targets.iter().filter_map(|target| target.children().next()).collect();
    let called = expressions.iter().find_map(|expression| function_of_several_rows(expression, schema));
    called.map(|name| format!("it outputs `{name}`")).or_else(|| {
        // `*` and whole rows count as columns here.
        let may_be_column = |expression: &SyntaxNode| matches!(expression.kind(), NAME_REF | FIELD_EXPR | PAREN_EXPR);
        let has_column = targets.len() > expressions.len() || expressions.iter().any(may_be_column);
        (!has_column).then(|| "it outputs no column of the table".to_owned())
    })
}

/// Returns the name of a function in an output that sees or returns several rows.
fn function_of_several_rows(expression: &SyntaxNode, schema: &Schema) -> Option<String> {
    if matches!(expression.kind(), SyntaxKind::SELECT | SyntaxKind::COMPOUND_SELECT) {
        return None;
    }
    let sees_rows = |name: &String| {
        let is_of_server = AGGREGATES.contains(&name.as_str()) || FUNCTIONS_WITH_ROWS.contains(&name.as_str());
        child(expression, SyntaxKind::OVER_CLAUSE).is_some() || (is_of_server && !is_declared(schema, name))
    };
    called_function(expression)
        .filter(sees_rows)
        .or_else(|| expression.children().find_map(|part| function_of_several_rows(&part, schema)))
}
