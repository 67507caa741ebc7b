//! Finds columns in queries that the tables of their FROM do not have: in the queries of views, and in the bodies of
//! functions in SQL. A name is reported only if all tables that could have the column are tables of the definition.

use std::collections::BTreeSet;

use squawk_syntax::ast::{AstNode, Type};
use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind, SyntaxNode};

use super::Check;
use super::columns_in_text::{SESSION_VALUES, SYSTEM_COLUMNS};
use super::query_scope::{QueryScope, QueryTables, RowSource, SourceTable, child, last_name, results_of};
use super::query_shape::faults_of_shape;
use crate::database::model::*;
use crate::database::parse;
use crate::diagnostic::FieldPath;
use crate::words;

/// Names by which INSERT, UPDATE and DELETE read the old, the new or the excluded version of a row.
const CHANGED_ROWS: [&str; 3] = ["excluded", "new", "old"];

/// The message about a name that no source has, and a hint.
type Fault = (String, String);

/// The names of a definition that queries use, and the faults so far.
struct QueryReader<'a> {
    tables: QueryTables<'a>,
    /// Names of the arguments of the function whose body is read.
    arguments: BTreeSet<&'a str>,
    /// Name of the function whose body is read, which may precede its arguments; empty for a view.
    function_name: &'a str,
    faults: Vec<Fault>,
}

/// The maximum number of faults that are reported for one text.
const MAX_FAULTS: usize = 10;

impl<'a> QueryReader<'a> {
    /// Reads a statement with its own FROM.
    fn read_statement(&mut self, node: &SyntaxNode, outer: Option<&QueryScope<'a, '_>>) {
        use SyntaxKind::*;
        let mut sources = Vec::new();
        for clause in node.children().filter(|part| matches!(part.kind(), FROM_CLAUSE | USING_CLAUSE)) {
            self.tables.add_sources(&clause, &mut sources);
        }
        // INSERT, UPDATE and DELETE have the table that they change as another source.
        let target = child(node, RELATION_NAME).and_then(|name| child(&name, RELATION_NAME_REF));
        if let Some(target) = target.or_else(|| child(node, RELATION_NAME_REF)) {
            let alias = node.children().find(|part| matches!(part.kind(), OPTIONAL_AS_ALIAS | REQUIRED_AS_ALIAS));
            let source = self.tables.relation(&target, alias.and_then(|alias| last_name(&alias)), Vec::new());
            self.check_targets(node, &source);
            sources.push(source);
        }
        for source in &sources {
            self.check_new_names(source);
        }
        let scope = QueryScope { sources, results: results_of(node), outer };
        for part in node.children() {
            self.read(&part, &scope, false);
        }
    }

    /// Reports columns to which INSERT or UPDATE writes and which the table does not have.
    fn check_targets(&mut self, statement: &SyntaxNode, source: &RowSource<'a>) {
        use SyntaxKind::*;
        let Some(table) = &source.table else { return };
        let is_list = |part: &SyntaxNode| matches!(part.kind(), COLUMN_TARGET_LIST | SET_CLAUSE);
        let targets = statement.children().filter(is_list).flat_map(|list| list.descendants().collect::<Vec<_>>());
        for target in targets.filter(|part| part.kind() == COLUMN_TARGET) {
            let column_reference = target.children().next().filter(|part| part.kind() == COLUMN_NAME_REF);
            let Some(column) = column_reference.and_then(|reference| last_name(&reference)) else { continue };
            if !table.has_column(&column) {
                self.add_fault(|| missing_column(&column, source, table));
            }
        }
    }

    /// Reports more new names in FROM than the table has columns.
    fn check_new_names(&mut self, source: &RowSource<'a>) {
        let Some(table) = source.table.as_ref().filter(|table| table.renamed_columns > 0) else { return };
        let count = self.tables.schema.columns_of(table.name).len();
        if table.renamed_columns > count {
            self.add_fault(|| {
                let message =
                    format!("FROM names {} columns of `{}`, which has {count}", table.renamed_columns, table.name);
                (message, "write at most one name for each column".to_owned())
            });
        }
    }

    /// Adds a fault, unless there are enough of them.
    fn add_fault(&mut self, fault: impl FnOnce() -> Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault());
        }
    }

    /// Reads an expression or clause. `may_name_results` tells whether a name may be that of a result of the query, as
    /// in ORDER BY.
    fn read(&mut self, node: &SyntaxNode, scope: &QueryScope<'a, '_>, may_name_results: bool) {
        use SyntaxKind::*;
        match node.kind() {
            SELECT | INSERT | UPDATE | DELETE => self.read_statement(node, Some(scope)),
            MERGE | SELECT_INTO | COLUMN_TARGET | FROM_ALIAS | RELATION_NAME_REF | LOCKING_CLAUSE => {}
            COMPOUND_SELECT => {
                // ORDER BY after a UNION names results of the first SELECT.
                for part in node.children().filter(|part| part.kind() != ORDER_BY_CLAUSE) {
                    self.read(&part, scope, false);
                }
            }
            NAME_REF => self.check_name(node, scope, may_name_results),
            FIELD_EXPR => match node.children().next() {
                Some(first) if first.kind() == NAME_REF => self.check_field(node, &first, scope),
                // `shop.orders.id` has its table and schema before the column.
                Some(first) if first.kind() == FIELD_EXPR => {}
                Some(first) => self.read(&first, scope, may_name_results),
                None => {}
            },
            CALL_EXPR => {
                for (i, part) in node.children().enumerate() {
                    let is_function_name = i == 0 && matches!(part.kind(), NAME_REF | FIELD_EXPR);
                    if !is_function_name {
                        self.read(&part, scope, may_name_results);
                    }
                }
            }
            kind if Type::can_cast(kind) => {}
            kind => {
                let names_results =
                    may_name_results || matches!(kind, GROUP_BY_CLAUSE | ORDER_BY_CLAUSE | DISTINCT_CLAUSE);
                for part in node.children() {
                    self.read(&part, scope, names_results);
                }
            }
        }
    }

    /// Reports a name without a table before it if it is neither a column nor another name that the query can use.
    fn check_name(&mut self, node: &SyntaxNode, scope: &QueryScope<'a, '_>, may_name_results: bool) {
        let token = node.first_token().filter(|token| token.kind() == SyntaxKind::IDENT);
        let Some(name) = token.and_then(|_| last_name(node)) else { return };
        let is_column = |source: &RowSource| {
            source.alias == name || source.table.as_ref().is_none_or(|table| table.has_column(&name))
        };
        let is_known = scope.sources().any(is_column)
            || (may_name_results && scope.and_outer().any(|scope| scope.results.contains(&name)))
            || self.arguments.contains(name.as_str())
            || SYSTEM_COLUMNS.contains(&name.as_str())
            || SESSION_VALUES.contains(&name.as_str());
        if !is_known {
            self.add_fault(|| {
                let otherwise = "correct the name, or add its table to FROM";
                let hint = words::suggestion_or(&name, scope.column_names(), otherwise);
                (format!("the query mentions `{name}`, which no table of its FROM has as a column"), hint)
            });
        }
    }

    /// Reports `o.total` if there is no row source `o`, or if the source has no column `total`. `first` is the node of
    /// `o`.
    fn check_field(&mut self, node: &SyntaxNode, first: &SyntaxNode, scope: &QueryScope<'a, '_>) {
        let is_star =
            node.children_with_tokens().filter_map(SyntaxElement::into_token).any(|token| token.text() == "*");
        let (Some(alias), Some(column)) = (last_name(first), last_name(node)) else { return };
        let Some(source) = scope.sources().find(|source| source.alias == alias) else {
            let has_unnamed_source = scope.sources().any(|source| source.alias.is_empty());
            let is_argument = self.arguments.contains(alias.as_str()) || self.function_name == alias;
            if !has_unnamed_source && !is_argument && !CHANGED_ROWS.contains(&alias.as_str()) {
                self.add_fault(|| {
                    let aliases = scope.sources().map(|source| source.alias.as_str());
                    let otherwise = format!("add `{alias}` to FROM, or correct the name");
                    let hint = words::suggestion_or(&alias, aliases, &otherwise);
                    (format!("the query mentions `{alias}.{column}`, but FROM has no `{alias}`"), hint)
                });
            }
            return;
        };
        let Some(table) = &source.table else { return };
        // `orders.label` also calls a function `label(orders)`.
        let is_column = table.has_column(&column) || SYSTEM_COLUMNS.contains(&column.as_str());
        let is_function = || self.tables.schema.functions_in_any_schema(&column).next().is_some();
        if !is_star && !is_column && !is_function() {
            self.add_fault(|| missing_column(&column, source, table));
        }
    }
}

/// Returns the fault that a query mentions a column which a table does not have.
fn missing_column(column: &str, source: &RowSource, table: &SourceTable) -> Fault {
    let message = match table.renamed_columns {
        0 => format!("the query mentions `{column}` of `{}`, which has no such column", table.name),
        _ => format!("the query mentions `{column}` of `{}`, whose columns get other names in FROM", source.alias),
    };
    (message, words::suggestion(column, table.columns.iter().map(AsRef::as_ref)))
}

/// Returns the faults of a view's query or, if there is a function, of its body.
fn faults(schema: &Schema, text: &str, function: Option<(&ObjectName, &Function)>) -> Vec<Fault> {
    let arguments = function.iter().flat_map(|(_, function)| &function.arguments);
    let mut reader = QueryReader {
        tables: QueryTables { schema, with_queries: BTreeSet::new() },
        arguments: arguments.filter_map(|argument| argument.name.as_ref()).map(SqlName::as_str).collect(),
        function_name: function.map_or("", |(name, _)| name.name()),
        faults: Vec::new(),
    };
    let is_standard = function.is_some_and(|(_, function)| function.has_standard_body());
    // The parser accepts a body in the form of the SQL standard only after the head of its routine.
    let parsed_text =
        if is_standard { format!("CREATE PROCEDURE f() LANGUAGE sql\n{text};") } else { format!("{text}\n;") };
    parse::with_enough_stack(text, || {
        let parsed = SourceFile::parse(&parsed_text);
        if parsed.errors().is_empty() {
            let outermost = QueryScope { sources: Vec::new(), results: BTreeSet::new(), outer: None };
            let tree = parsed.syntax_node();
            reader.tables = QueryTables::of(schema, &tree);
            let is_body = |part: &SyntaxNode| matches!(part.kind(), SyntaxKind::ATOMIC_BODY | SyntaxKind::RETURN_STMT);
            let statements: Vec<SyntaxNode> = match is_standard {
                true => tree.descendants().filter(is_body).collect(),
                false => tree.children().collect(),
            };
            for statement in statements.iter().filter(|statement| is_query_or_change(statement.kind())) {
                reader.read(statement, &outermost, false);
                reader.faults.extend(faults_of_shape(statement, &reader.tables));
            }
        }
        reader.faults
    })
}

/// Returns whether a statement reads or changes rows of tables.
fn is_query_or_change(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(
        kind,
        SELECT | COMPOUND_SELECT | PAREN_SELECT | INSERT | UPDATE | DELETE | VALUES | ATOMIC_BODY | RETURN_STMT
    )
}

impl Check<'_> {
    /// Reports columns in a view's query that its tables do not have.
    pub(super) fn check_columns_of_query(&mut self, query: &str, path: &FieldPath) {
        let query_faults = faults(self.schema, query, None);
        self.report_faults(query_faults, path);
    }

    /// Reports columns in a function's body that the tables do not have.
    pub(super) fn check_columns_of_body(&mut self, name: &ObjectName, function: &Function, path: &FieldPath) {
        // With a search path, names without a schema may mean tables outside of `public`.
        let has_path = function.settings.contains_key("search_path");
        if function.language == FunctionLanguage::Sql && !has_path {
            let name = function.name_in_sql(name);
            let query_faults = faults(self.schema, function.body.as_str(), Some((&name, function)));
            self.report_faults(query_faults, path);
        }
    }

    fn report_faults(&mut self, faults: Vec<Fault>, path: &FieldPath) {
        let mut reported = BTreeSet::new();
        for (message, hint) in faults {
            if reported.insert(message.clone()) {
                self.report(path.clone(), message, hint);
            }
        }
    }
}

#[cfg(test)]
mod tests;
