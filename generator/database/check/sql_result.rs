//! Checks the result of a function in SQL: its last statement must return what the function declares.

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::Check;
use super::expression_type::is_number;
use super::expressions::parameters;
use super::function_result::FunctionResult;
use super::query_output::{Output, is_query, outputs};
use crate::database::model::*;
use crate::database::parse;
use crate::diagnostic::FieldPath;

/// What a function in SQL must return.
enum Wanted {
    /// Any columns.
    Row,
    /// One value of a type.
    Value(TypeName),
    /// This number of columns, or one value with as many parts.
    Columns(usize),
    /// The columns of a table, or one row of it.
    RowOf(ObjectName),
}

/// What the last statement of a body outputs.
enum Last {
    Nothing,
    /// The number of columns is unknown.
    Rows,
    Columns(Vec<Output>),
}

impl Check<'_> {
    /// Reports a body in SQL whose last statement returns nothing or other columns than the function, and parameters without
    /// an argument.
    pub(super) fn check_sql_result(&mut self, function: &Function, path: &FieldPath) {
        if function.language != FunctionLanguage::Sql {
            return;
        }
        let body = function.body.as_str();
        let count = function.input_types().count();
        if let Some(parameter) = parameters(body).into_iter().find(|parameter| *parameter > count) {
            let message = format!("the body uses `${parameter}`, but the function has {count} arguments");
            self.report(path.clone(), message, "add the argument, or correct the number");
            return;
        }
        let Some(wanted) = self.wanted(function) else { return };
        let returns = function.returns.as_ref().map_or_else(|| "its arguments".to_owned(), ToString::to_string);
        let (fault, lists_columns) = parse::with_enough_stack(body, || {
            let Some(last) = last_of(function) else { return (None, false) };
            let fault = self.fault_of_result(function, &wanted, &last, &returns);
            (fault, matches!(&last, Last::Columns(columns) if columns.len() > 1))
        });
        match (fault, wanted) {
            (Some((message, hint)), _) => self.report(path.clone(), message, hint),
            (None, Wanted::RowOf(table)) if lists_columns => self.warn_of_column_order(&table, function, path),
            (None, _) => {}
        }
    }

    /// Returns what the function must return; `None` if it returns nothing, or if that is unknown.
    fn wanted(&self, function: &Function) -> Option<Wanted> {
        let schema = self.schema;
        let result = FunctionResult::of(function);
        let returned: Vec<&TypeName> = function
            .arguments
            .iter()
            .filter(|argument| argument.is_returned())
            .map(|argument| &argument.kind)
            .collect();
        let columns = result.table_columns.iter().map(|(_, kind)| kind.as_ref());
        let columns: Vec<Option<&TypeName>> = returned.into_iter().map(Some).chain(columns).collect();
        match columns.as_slice() {
            [] if function.procedure => None,
            [kind] if !function.procedure => Some(self.wanted_value((*kind)?)),
            [] => {
                let kind = result.kind.as_ref()?;
                let is_of_caller = ["void", "trigger", "event_trigger", "cstring", "internal"].contains(&kind.as_str());
                let members = kind.object().and_then(|object| match schema.types.get(&object) {
                    Some(UserType::Composite(composite)) => Some(composite.attributes.len()),
                    _ => None,
                });
                match (self.table_of_result(function, &result), members) {
                    _ if is_of_caller => None,
                    (Some(table), _) => Some(Wanted::RowOf(table.clone())),
                    (None, Some(count)) if !kind.is_array() => Some(Wanted::Columns(count)),
                    _ => Some(self.wanted_value(kind)),
                }
            }
            _ => Some(Wanted::Columns(columns.len())),
        }
    }

    /// Returns that a value of a type is wanted. A type that may have parts accepts columns.
    fn wanted_value(&self, kind: &TypeName) -> Wanted {
        let is_declared = kind.object().is_some_and(|object| {
            matches!(self.schema.types.get(&object), Some(UserType::Enum(_) | UserType::Range(_)))
        });
        let kind = self.schema.without_domains(kind);
        let is_single = kind.is_array() || kind.is_built_in() || is_declared;
        if is_single && !kind.is_polymorphic() { Wanted::Value(kind.clone()) } else { Wanted::Row }
    }

    fn fault_of_result(
        &self,
        function: &Function,
        wanted: &Wanted,
        last: &Last,
        returns: &str,
    ) -> Option<(String, String)> {
        let columns = match last {
            Last::Nothing => {
                let message = format!("the function returns {returns}, but its last statement returns nothing");
                let hint = "end with SELECT or RETURNING, or set `returns = \"void\"`";
                return Some((message, hint.to_owned()));
            }
            Last::Rows => return None,
            Last::Columns(columns) => columns,
        };
        let count = columns.len();
        // One value may be a row with all columns.
        let is_single = count == 1 && !columns.iter().all(|column| is_literal(column.expression.as_ref()));
        let fault_of_count = |wanted: usize| {
            let message = format!("the function returns {wanted} columns, but its last statement returns {count}");
            let hint = "select one expression for each column of the result".to_owned();
            (count != wanted && !is_single).then_some((message, hint))
        };
        match wanted {
            Wanted::Row => None,
            Wanted::Columns(wanted) => fault_of_count(*wanted),
            Wanted::RowOf(table) => fault_of_count(self.schema.columns_of(table).len())
                .or_else(|| self.fault_of_row(table, function, columns).filter(|_| count > 1)),
            Wanted::Value(kind) => match columns.as_slice() {
                [column] => self.fault_of_value(kind, column.expression.as_ref()?),
                _ => {
                    let message =
                        format!("the function returns one value, but its last statement returns {count} columns");
                    let hint = "select one expression, or list the columns in `returns = \"TABLE (…)\"`";
                    Some((message, hint.to_owned()))
                }
            },
        }
    }

    /// Returns the fault of a literal that the server does not convert to the type of the result.
    fn fault_of_value(&self, kind: &TypeName, expression: &SyntaxNode) -> Option<(String, String)> {
        // Types other than numbers and boolean to which no literal is converted.
        const STRICT_TYPES: [&str; 12] = [
            "bytea",
            "cidr",
            "date",
            "inet",
            "interval",
            "json",
            "jsonb",
            "time",
            "timestamp",
            "timestamptz",
            "timetz",
            "uuid",
        ];
        let declares_casts = self.schema.objects.keys().any(|key| key.as_str().starts_with("cast"));
        if declares_casts || expression.kind() != SyntaxKind::LITERAL {
            return None;
        }
        let text = expression.text().to_string();
        let base = kind.base();
        let has_numbers = is_number(kind);
        let is_numeral = text.parse::<f64>().is_ok();
        let is_boolean = ["true", "false"].contains(&text.to_ascii_lowercase().as_str());
        let is_text = text.starts_with('\'') || text.eq_ignore_ascii_case("null");
        let is_strict = STRICT_TYPES.contains(&base) || kind.object().is_some();
        let is_refused = kind.is_array() && (is_numeral || is_boolean || is_text)
            || is_text && (has_numbers || base == "boolean" || is_strict)
            || is_numeral && (base == "boolean" || is_strict)
            || is_boolean && (has_numbers || is_strict);
        is_refused.then(|| {
            let message = format!("the function returns {kind}, and the server does not convert {text} to it");
            let hint =
                if is_text { format!("write `{text}::{kind}`") } else { "correct the value, or `returns`".to_owned() };
            (message, hint)
        })
    }
}

fn is_literal(expression: Option<&SyntaxNode>) -> bool {
    expression.is_some_and(|expression| {
        expression.kind() == SyntaxKind::LITERAL && !expression.text().to_string().starts_with('$')
    })
}

/// Returns what the last statement of a body in SQL outputs; `None` if the body cannot be read.
fn last_of(function: &Function) -> Option<Last> {
    use SyntaxKind::*;
    let body = function.body.as_str();
    let is_standard = function.has_standard_body();
    let text = if is_standard { format!("CREATE PROCEDURE f() LANGUAGE sql\n{body};") } else { format!("{body}\n;") };
    let parsed = SourceFile::parse(&text);
    if !parsed.errors().is_empty() {
        return None;
    }
    let tree = parsed.syntax_node();
    let statement = if is_standard {
        let body = tree.descendants().find(|node| matches!(node.kind(), ATOMIC_BODY | RETURN_STMT))?;
        if body.kind() == RETURN_STMT { Some(body) } else { body.children().last() }
    } else {
        tree.children().last()
    };
    let Some(statement) = statement else { return Some(Last::Nothing) };
    Some(match statement.kind() {
        RETURN_STMT => Last::Columns(vec![Output { name: None, expression: statement.children().next() }]),
        INSERT | UPDATE | DELETE | MERGE if super::query_scope::child(&statement, RETURNING_CLAUSE).is_none() => {
            Last::Nothing
        }
        INSERT | UPDATE | DELETE | MERGE => outputs(&statement).map_or(Last::Rows, Last::Columns),
        kind if is_query(kind) => outputs(&statement).map_or(Last::Rows, Last::Columns),
        // A statement that this check does not know may return rows.
        kind if returns_nothing(kind) => Last::Nothing,
        _ => Last::Rows,
    })
}

/// Returns whether a statement other than a query or change of rows certainly returns nothing.
fn returns_nothing(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(
        kind,
        CREATE_TABLE | CREATE_INDEX | CREATE_VIEW | DROP_TABLE | TRUNCATE | ANALYZE | NOTIFY | SELECT_INTO | SET
    )
}
