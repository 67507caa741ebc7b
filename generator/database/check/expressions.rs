//! Finds what the server refuses in expressions: columns in defaults, queries and aggregates in conditions, functions whose
//! result changes in generated columns and indexes, and conditions that are not booleans.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind};

use super::Check;
use super::columns_in_text::{SESSION_VALUES, may_mention_other_columns, mentioned_columns};
use super::expression_type::{is_number, type_of_condition};
use super::query_scope::is_called;
use crate::database::identifiers::mentions_column;
use crate::database::lexer::{self, TokenKind};
use crate::database::model::*;
use crate::database::parse;
use crate::diagnostic::FieldPath;

/// The place of an expression in a definition, which decides what the server refuses in the expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Default,
    /// A value in the bound of a partition.
    Bound,
    Check,
    DomainCheck,
    Generated,
    Index,
    IndexCondition,
    Policy,
    TriggerCondition,
}

impl Place {
    fn in_words(self) -> &'static str {
        match self {
            Place::Default => "a default",
            Place::Bound => "the bound of a partition",
            Place::Check | Place::DomainCheck => "a check",
            Place::Generated => "a generated column",
            Place::Index => "an expression of an index",
            Place::IndexCondition => "the condition of an index",
            Place::Policy => "a policy",
            Place::TriggerCondition => "the condition of a trigger",
        }
    }

    fn is_condition(self) -> bool {
        matches!(
            self,
            Place::Check | Place::DomainCheck | Place::IndexCondition | Place::Policy | Place::TriggerCondition
        )
    }

    /// Returns whether the server requires an expression that always has the same result for the same row.
    fn requires_immutable(self) -> bool {
        matches!(self, Place::Generated | Place::Index | Place::IndexCondition)
    }
}

/// Aggregates and window functions, which need several rows.
pub(super) const AGGREGATES: [&str; 22] = [
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "dense_rank",
    "every",
    "first_value",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "rank",
    "row_number",
    "stddev",
    "string_agg",
    "sum",
];
/// Functions of the server without an immutable variant (`pg_proc.provolatile`).
pub const CHANGING_FUNCTIONS: [&str; 21] = [
    "clock_timestamp",
    "concat",
    "concat_ws",
    "currval",
    "format",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "now",
    "pg_backend_pid",
    "random",
    "setval",
    "statement_timestamp",
    "timeofday",
    "to_char",
    "to_date",
    "to_jsonb",
    "transaction_timestamp",
    "txid_current",
    "uuid_generate_v4",
    "uuidv7",
];

/// The parts of an expression that a place may not allow, as far as words show them.
#[derive(Default)]
struct Contents {
    has_query: bool,
    /// The first aggregate or window function that is called.
    aggregate: Option<String>,
    /// The first function or value of the session whose result can change.
    changing: Option<String>,
    /// A parameter such as `$1`, which only bodies of functions have.
    parameter: Option<usize>,
    /// The functions that are called without a schema.
    called: BTreeSet<String>,
}

impl Contents {
    /// Returns the contents of an expression. `changing_functions` are the declared functions whose result changes.
    fn of(expression: &str, schema: &Schema, changing_functions: &BTreeSet<String>) -> Contents {
        let mut tokens = lexer::tokens(expression).unwrap_or_default();
        tokens.retain(|token| token.kind != TokenKind::Comment);
        let mut contents = Contents { parameter: parameters(expression).first().copied(), ..Contents::default() };
        for (i, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Word) {
            let text_at =
                |index: Option<usize>| index.and_then(|index| tokens.get(index)).map_or("", |token| token.text);
            let word = token.text.to_ascii_lowercase();
            // After a dot, the word is a field, or a function in a certain schema.
            if text_at(i.checked_sub(1)) == "." {
                continue;
            }
            let is_called = text_at(Some(i + 1)) == "(";
            contents.has_query |= word == "select";
            if is_called {
                contents.called.insert(word.clone());
            }
            if is_called && AGGREGATES.contains(&word.as_str()) && !is_declared(schema, &word) {
                contents.aggregate.get_or_insert_with(|| word.clone());
            }
            let is_changing = if is_called {
                CHANGING_FUNCTIONS.contains(&word.as_str()) && !is_declared(schema, &word)
                    || changing_functions.contains(&word)
            } else {
                SESSION_VALUES.contains(&word.as_str())
            };
            if is_changing {
                contents.changing.get_or_insert(word);
            }
        }
        contents
    }
}

/// Returns the numbers of the parameters in a text, such as 1 for `$1`.
pub(super) fn parameters(text: &str) -> Vec<usize> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_parameter = |pair: &&[lexer::Token]| pair[0].text == "$" && pair[1].at == pair[0].at + 1;
    tokens.windows(2).filter(is_parameter).filter_map(|pair| pair[1].text.parse().ok()).collect()
}

/// Returns the first `VALUE.x` or `t.x` in an expression. A function may have its schema in front of it.
fn unbracketed_field(expression: &str) -> Option<String> {
    parse::with_enough_stack(expression, || {
        let tree = SourceFile::parse(&format!("SELECT {expression};")).syntax_node();
        let mut fields = tree.descendants().filter(|node| node.kind() == SyntaxKind::FIELD_EXPR);
        let field = fields.find(|field| {
            let starts_with_name = field.children().next().is_some_and(|first| first.kind() == SyntaxKind::NAME_REF);
            starts_with_name && !is_called(field)
        })?;
        Some(field.text().to_string())
    })
}

/// Returns whether the definition has a function or an aggregate of this name.
pub(super) fn is_declared(schema: &Schema, name: &str) -> bool {
    let is_aggregate = |key: &ObjectKey| {
        let signature = key.as_str().strip_prefix("aggregate ");
        let path = signature.and_then(|signature| path_parts(signature.split('(').next().unwrap_or_default()));
        path.is_some_and(|path| path.last().is_some_and(|last| last == name))
    };
    schema.functions_in_any_schema(name).next().is_some() || schema.objects.keys().any(is_aggregate)
}

impl Check<'_> {
    /// Reports what the server refuses in the expressions of a table.
    pub(super) fn check_expressions_of_table(&mut self, table: &Table, path: &FieldPath) {
        for (key, column) in &table.columns {
            let path = path.key("columns").key(key.as_str());
            if let Some(default) = &column.default {
                self.check_default_expression(default.as_str(), Some(&column.kind), &path.key("default"));
            }
            if let Some(generated) = &column.generated {
                self.check_expression(table, generated.as_str(), Place::Generated, &path.key("generated"));
                self.check_generated_columns(table, key, generated.as_str(), &path.key("generated"));
            }
        }
        for (key, check) in &table.checks {
            self.check_expression(table, check.as_str(), Place::Check, &path.key("checks").key(key.as_str()));
        }
        for (key, index) in &table.indexes {
            let path = path.key("indexes").key(key.as_str());
            for expression in index.columns.iter().filter_map(|column| column.expression.as_ref()) {
                self.check_expression(table, expression.as_str(), Place::Index, &path);
            }
            if let Some(condition) = &index.predicate {
                self.check_expression(table, condition.as_str(), Place::IndexCondition, &path.key("where"));
            }
        }
        for (key, policy) in &table.policies {
            let path = path.key("policies").key(key.as_str());
            for (field, condition) in [("using", &policy.using), ("check", &policy.check)] {
                if let Some(condition) = condition {
                    self.check_expression(table, condition.as_str(), Place::Policy, &path.key(field));
                }
            }
        }
        for (key, trigger) in &table.triggers {
            if let Some(condition) = &trigger.condition {
                let path = path.key("triggers").key(key.as_str()).key("when");
                self.check_expression(table, condition.as_str(), Place::TriggerCondition, &path);
            }
        }
    }

    /// Reports what the server refuses in an expression at a place, such as a condition that is not a boolean.
    fn check_expression(&mut self, table: &Table, expression: &str, place: Place, path: &FieldPath) {
        self.check_contents(expression, place, path);
        if place.is_condition() {
            self.check_condition(expression, |name| Some(table.columns.get(name)?.kind.clone()), path);
        }
    }

    /// Reports what the server refuses in a check of a domain. The only name in it is VALUE.
    pub(super) fn check_domain_condition(&mut self, domain: &Domain, condition: &str, path: &FieldPath) {
        self.check_contents(condition, Place::DomainCheck, path);
        let other_names = mentioned_columns(condition);
        if let Some(name) = other_names.iter().find(|name| *name != "value") {
            let message = format!("a check of a domain can name only VALUE, and not `{name}`");
            self.report(path.clone(), message, "write VALUE for the value that is checked");
        } else if let Some(field) = unbracketed_field(condition) {
            let message = format!("`{field}` is the column of a table, and a domain has none");
            let hint = "write `(VALUE)` with brackets before the dot for an attribute of the value";
            self.report(path.clone(), message, hint);
        } else {
            self.check_condition(condition, |name| (name == "value").then(|| domain.base.clone()), path);
        }
    }

    /// Reports a condition that is certainly not a boolean.
    fn check_condition(
        &mut self,
        expression: &str,
        column_type: impl Fn(&str) -> Option<TypeName> + Sync,
        path: &FieldPath,
    ) {
        if let Some(kind) = type_of_condition(self.schema, expression, column_type) {
            let comparison = match kind.base() {
                _ if is_number(&kind) => "> 0",
                "text" | "varchar" | "char" if !kind.is_array() => "<> ''",
                _ => "IS NOT NULL",
            };
            let message = format!("the condition has the type {kind}, but must be true or false");
            self.report(path.clone(), message, format!("compare it, such as `{} {comparison}`", expression.trim()));
        }
    }

    /// Reports queries, aggregates and functions whose result changes.
    pub(super) fn check_contents(&mut self, expression: &str, place: Place, path: &FieldPath) {
        let contents = Contents::of(expression, self.schema, &self.changing_functions);
        let words = place.in_words();
        for function in &contents.called {
            self.check_function_of_extension(function, path);
        }
        if let Some(parameter) = contents.parameter {
            let message = format!("{words} has no arguments, so there is no `${parameter}`");
            self.report(path.clone(), message, "write a value, or the name of a column");
        }
        if contents.has_query && place != Place::Policy {
            let hint = match place {
                Place::Default | Place::Generated => "call a function that contains the query from a trigger",
                Place::Index | Place::IndexCondition => "use only columns of the table",
                Place::Bound => "write the value",
                Place::DomainCheck => "call a function that contains the query",
                _ => "use a foreign key, or a trigger whose function contains the query",
            };
            self.report(path.clone(), format!("{words} cannot contain a query"), hint);
        } else if let Some(aggregate) = contents.aggregate.filter(|_| !contents.has_query) {
            let message = format!("{words} concerns one row, and `{aggregate}` needs several rows");
            let hint = match place {
                Place::DomainCheck => "use only VALUE",
                Place::Bound => "write the value",
                _ => "use only columns of the row, or a view that computes the value",
            };
            self.report(path.clone(), message, hint);
        }
        if let Some(changing) = contents.changing.filter(|_| place.requires_immutable()) {
            let message = format!("the result of `{changing}` can change, which {words} does not allow");
            let hint = match (place, changing.as_str()) {
                (_, "concat" | "concat_ws" | "format") => {
                    "join texts with `||`, and replace NULL with `coalesce(…, '')`"
                }
                (Place::Generated, _) => "use `default` instead of `generated`, or a trigger",
                _ => "use only columns, and functions that are declared as immutable",
            };
            self.report(path.clone(), message, hint);
        }
    }

    /// Reports a generated column that depends on itself or on another generated column.
    fn check_generated_columns(&mut self, table: &Table, name: &SqlName, expression: &str, path: &FieldPath) {
        let columns = table.columns.iter().filter(|(_, column)| column.generated.is_some());
        let generated_columns: BTreeSet<SqlName> = columns.map(|(name, _)| name.clone()).collect();
        if !mentions_column(expression, &generated_columns) {
            return;
        }
        let columns_in_expression = mentioned_columns(expression);
        for other in generated_columns.iter().filter(|other| columns_in_expression.contains(other.as_str())) {
            let (message, hint) = if other == name {
                (format!("the generated column `{name}` depends on itself"), "name other columns".to_owned())
            } else {
                let message = format!("the generated column `{name}` depends on the generated column `{other}`");
                (message, format!("write the expression of `{other}` in brackets instead of its name"))
            };
            self.report(path.clone(), message, hint);
        }
    }

    /// Reports a default that mentions a column, as a text without single quotes does.
    pub(super) fn check_default_expression(&mut self, default: &str, kind: Option<&TypeName>, path: &FieldPath) {
        self.check_contents(default, Place::Default, path);
        // A default cannot mention any column.
        if !may_mention_other_columns::<()>(default, &Default::default()) {
            return;
        }
        let Some(column) = mentioned_columns(default).into_iter().next() else { return };
        let text = default.trim().trim_matches('"');
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c));
        let holds_text = kind.is_none_or(|kind| !is_number(kind) && !kind.is_array() && kind.base() != "boolean");
        let hint = if is_plain && holds_text {
            format!("put a text into single quotes: `{} = \"'{text}'\"`", path.last_key())
        } else {
            "write a value or a call of a function; `generated` computes a value from other columns".to_owned()
        };
        self.report(path.clone(), format!("a default cannot mention a column, and `{column}` would be one"), hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregate_is_declared_by_its_whole_name() {
        let create = "CREATE AGGREGATE public.sum_all(integer) (SFUNC = int4pl, STYPE = integer)";
        let objects = serde_json::json!({ "objects": { "aggregate sum_all(integer)": { "create": create } } });
        let schema: Schema = serde_json::from_value(objects).unwrap();
        assert!(is_declared(&schema, "sum_all"));
        assert!(!is_declared(&schema, "sum") && !is_declared(&schema, "all") && !is_declared(&schema, "integer"));
    }

    #[test]
    fn words_tell_what_an_expression_does() {
        let contents = |expression: &str| {
            let contents = Contents::of(expression, &Schema::default(), &BTreeSet::new());
            let query = if contents.has_query { "query" } else { "" };
            format!("{query} {} {}", contents.aggregate.unwrap_or_default(), contents.changing.unwrap_or_default())
        };
        for (expression, expected) in [
            ("count(*) > 0", " count "),
            ("(SELECT 1) = 1", "query  "),
            ("now()", "  now"),
            ("created > CURRENT_DATE", "  current_date"),
            ("shop.count(a) > now", "  "),
            ("\"select\" = 'select' /* select */", "  "),
            ("max > 1 AND least(a, b) > 2", "  "),
        ] {
            assert_eq!(contents(expression), expected, "{expression}");
        }
    }
}
