//! Expressions and names of Prometheus and Grafana.

use std::fmt;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::Expr;
use promql_parser::util::{ExprVisitor, walk_expr};
use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::promql_words::{EXPERIMENTAL, FUNCTIONS};
use super::text::{alphabet_refusal, invisible_character_refusal};
use crate::codes::Code;
use crate::words;

checked! {
    /// An expression of PromQL that Prometheus accepts.
    PromqlExpression, expected: "an expression of PromQL", example: "rate(http_requests_total[5m]) > 100",
    refusal: |t| text_refusal(t).or_else(|| promql_refusal(t))
}
checked! {
    /// The query of a panel, in PromQL with variables of Grafana, or in LogQL: visible characters with closed quotes and
    /// brackets.
    PanelQuery, expected: "a query of PromQL, or of LogQL in a panel with logs", example: "rate(http_requests_total[5m])",
    refusal: |t| text_refusal(t)
}
checked! {
    /// The name of an alert.
    AlertName, expected: "the name of an alert in letters and digits, beginning with an upper-case letter", example: "OrdersSlow",
    refusal: |t| alphabet_refusal(t, 64, "letters and digits, and begin with an upper-case letter", |c| c.is_ascii_uppercase(), |c| c.is_ascii_alphanumeric()), BadName
}
checked! {
    /// A unit of Grafana's panels.
    PanelUnit, expected: "a unit of Grafana in letters and digits", example: "bytes",
    refusal: |t| alphabet_refusal(t, 40, "letters, digits and `_/-`", |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || "_/-".contains(c))
}
checked! {
    /// A metric with labels, as an input of an alert's test.
    Series, expected: "a metric with labels", example: "up{job=\"orders\"}",
    refusal: |t| alphabet_refusal(t, 500, "visible ASCII characters", |c| c.is_ascii_alphabetic() || c == '_' || c == '{', |c| c.is_ascii_graphic() || c == ' ')
        .or_else(|| bracket_refusal(t))
}
checked! {
    /// The values of a series, one for each minute, in the notation of promtool.
    SeriesValues, expected: "values in the notation of promtool", example: "0x10",
    refusal: |t| alphabet_refusal(t, 500, "digits, letters and `+-._` with spaces", |c| c.is_ascii_alphanumeric() || "+-_".contains(c),
        |c| c.is_ascii_alphanumeric() || "+-._ ".contains(c))
}

/// The maximum length of an expression in bytes.
const MAX_BYTES: usize = 4096;
/// The maximum length of an offset such as `1d12h` in bytes.
const MAX_OFFSET: usize = 18;

/// Operators of other languages, and those of PromQL that are meant.
const FOREIGN_OPERATORS: [(&str, &str); 4] = [("&&", "and"), ("||", "or"), (" = ", "=="), ("<>", "!=")];

/// Returns why the text of an expression is refused in any language.
fn text_refusal(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("it is empty".into());
    }
    invisible_character_refusal(text, MAX_BYTES).or_else(|| bracket_refusal(text))
}

/// Returns why Prometheus would refuse an expression.
fn promql_refusal(text: &str) -> Option<String> {
    let reason = match parse(text) {
        Ok(expression) => {
            let name = walk_expr(&mut ExperimentalNames, &expression).err()?;
            return Some(format!("`{name}` is experimental, and Prometheus does not enable it"));
        }
        Err(reason) => reason,
    };
    let foreign_operator = FOREIGN_OPERATORS.iter().find(|(operator, _)| text.contains(operator));
    if let Some((operator, meant)) = foreign_operator.filter(|_| !text.contains(['{', '"'])) {
        return Some(format!("PromQL has no operator `{}`; use `{meant}`", operator.trim()));
    }
    let unknown_function = reason.strip_prefix("unknown function with name '").and_then(|rest| rest.strip_suffix('\''));
    Some(match unknown_function {
        Some(name) => {
            let suggestion = words::nearest(name, FUNCTIONS).map(|near| format!("; did you mean `{near}`?"));
            format!("PromQL has no function `{name}`{}", suggestion.unwrap_or_default())
        }
        None if reason == "invalid promql query" => {
            "it is not valid PromQL; an operator, an operand or a comma may be missing".to_owned()
        }
        None => reason,
    })
}

/// Returns the reason to refuse an offset that is not a duration. The parser panics at numbers that no duration has.
fn offset_refusal(text: &str) -> Option<String> {
    let is_word_character = |c: char| c.is_alphanumeric() || "_:.".contains(c);
    let is_duration =
        |word: &str| (1..=MAX_OFFSET).contains(&word.len()) && word.chars().all(|c| "0123456789smhdwy".contains(c));
    let lower = text.to_ascii_lowercase();
    lower.match_indices("offset").find_map(|(start, keyword)| {
        let rest = &lower[start + keyword.len()..];
        if lower[..start].ends_with(is_word_character) || rest.starts_with(is_word_character) {
            return None;
        }
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "+-".contains(c));
        let word = &rest[..rest.find(|c| !is_word_character(c)).unwrap_or(rest.len())];
        // A quote or bracket belongs to a text or a selector, such as the label `offset`.
        let is_label = word.is_empty() && !rest.starts_with(['#', '(']);
        (!is_label && !is_duration(word)).then(|| "an offset is a duration such as `1h`".to_owned())
    })
}

/// Finds the first function or aggregation that the generated Prometheus does not enable.
struct ExperimentalNames;

impl ExprVisitor for ExperimentalNames {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        let name = match expression {
            Expr::Call(call) => call.func.name.to_owned(),
            Expr::Aggregate(aggregate) => aggregate.op.to_string(),
            _ => return Ok(true),
        };
        if EXPERIMENTAL.contains(&name.as_str()) { Err(name) } else { Ok(true) }
    }
}

/// Parses an expression. The parser reads escapes in backquotes, in which Prometheus has none, so such texts get double
/// quotes.
///
/// # Errors
/// The reason why it is refused.
fn parse(text: &str) -> Result<Expr, String> {
    if let Some(refusal) = offset_refusal(text) {
        return Err(refusal);
    }
    let mut with_double_quotes = String::new();
    let mut quote = None;
    let mut is_escaped = false;
    // Prometheus allows `_` between the digits of a number, as in `1_000`.
    let mut is_number = false;
    for c in text.chars() {
        is_number = quote.is_none()
            && (c.is_ascii_digit()
                && !with_double_quotes.ends_with(|last: char| last.is_alphanumeric() || "_:".contains(last))
                || is_number && (c.is_ascii_digit() || c == '_'));
        if is_number && c == '_' {
            continue;
        }
        let is_end = quote == Some(c) && !is_escaped;
        is_escaped = quote.is_some_and(|quote| quote != '`') && c == '\\' && !is_escaped;
        match (quote, c) {
            (None, '"' | '\'' | '`') => quote = Some(c),
            (Some('`'), '"' | '\\') => with_double_quotes.push('\\'),
            _ if is_end => quote = None,
            _ => {}
        }
        with_double_quotes.push(if c == '`' && (is_end || quote == Some('`')) { '"' } else { c });
    }
    promql_parser::parser::parse(&with_double_quotes)
}

/// The text in the place of a variable of Grafana inside of quotes.
const VARIABLE: &str = "variable";

/// Returns why Prometheus would refuse the query of a panel, in which Grafana replaces variables. A variable outside of
/// quotes and brackets can be anything, so such a query is accepted.
pub fn panel_refusal(query: &str) -> Option<String> {
    let query = without_variables(query);
    promql_refusal(&query.text).filter(|_| !query.has_free_variable)
}

/// An expression without variables of Grafana.
struct Query {
    text: String,
    /// Whether it had a variable outside of quotes and brackets.
    has_free_variable: bool,
}

/// Replaces variables of Grafana such as `$job` and `${job:regex}`: by a name inside of quotes, and by a duration elsewhere.
fn without_variables(query: &str) -> Query {
    let mut text = String::new();
    let mut quote = None;
    let mut has_free_variable = false;
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '$' {
            text.push(c);
            if quote.is_none() && "\"'`".contains(c) {
                quote = Some(c);
            } else if quote == Some(c) && !text.ends_with(&format!("\\{c}")) {
                quote = None;
            }
            continue;
        }
        let end = match rest.strip_prefix('{') {
            Some(braced) => braced.find('}').map_or(rest.len(), |end| end + 2),
            None => rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()),
        };
        // At the end of a regular expression, `$` is no variable.
        text.push_str(match (end, quote) {
            (0, _) => "$",
            (_, Some(_)) => VARIABLE,
            (_, None) => {
                let is_in_brackets = text.rfind('[') > text.rfind(']');
                has_free_variable |= !is_in_brackets;
                "5m"
            }
        });
        rest = &rest[end..];
    }
    Query { text, has_free_variable }
}

/// Returns the values that an expression compares with a label: `a`, `b` and `c` for `x{job="a"} + y{job=~"b|c"}`. Other
/// regular expressions, values with a variable of Grafana, and comparisons with `!=` are left out.
pub fn label_values(expression: &str, label: &str) -> Vec<String> {
    let mut values = LabelValues { label, values: Vec::new() };
    // Most expressions of the library do not name the label, and need not be parsed.
    if expression.contains(label)
        && let Ok(parsed) = parse(&without_variables(expression).text)
    {
        let Ok(_) = walk_expr(&mut values, &parsed);
    }
    values.values
}

/// Collects the values of one label.
struct LabelValues<'a> {
    label: &'a str,
    values: Vec<String>,
}

impl ExprVisitor for LabelValues<'_> {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        let selector = match expression {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(range) => &range.vs,
            _ => return Ok(true),
        };
        let matchers = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
        for Matcher { op, value, .. } in matchers.filter(|matcher| matcher.name == self.label) {
            let is_plain = |value: &&str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c));
            let values: Vec<&str> = match op {
                MatchOp::Equal => vec![value],
                MatchOp::Re(_) => value.split('|').collect(),
                MatchOp::NotEqual | MatchOp::NotRe(_) => continue,
            };
            if values.iter().all(is_plain) && !value.contains(VARIABLE) {
                self.values.extend(values.into_iter().filter(|value| !value.is_empty()).map(str::to_owned));
            }
        }
        Ok(true)
    }
}

/// Returns the reason to refuse a text with a quote or bracket that is not closed, or that closes nothing. A comment
/// begins with `#` and ends with its line.
fn bracket_refusal(text: &str) -> Option<String> {
    // The open brackets, each with its position in the text; the first character has the position 1.
    let mut open_brackets: Vec<(usize, char)> = Vec::new();
    let mut chars = (1..).zip(text.chars());
    while let Some((position, c)) = chars.next() {
        match c {
            '"' | '\'' | '`' => {
                let mut is_closed = false;
                while let Some((_, quoted_character)) = chars.next() {
                    if quoted_character == '\\' && c != '`' {
                        chars.next();
                    } else if quoted_character == c {
                        is_closed = true;
                        break;
                    }
                }
                if !is_closed {
                    return Some(format!("the quote {c} at character {position} is not closed"));
                }
            }
            '#' => {
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            '(' | '[' | '{' => open_brackets.push((position, c)),
            ')' | ']' | '}' => {
                let opening = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if open_brackets.pop().is_none_or(|(_, open)| open != opening) {
                    return Some(format!("`{c}` at character {position} closes no bracket"));
                }
            }
            _ => {}
        }
    }
    open_brackets.pop().map(|(position, c)| format!("the `{c}` at character {position} is not closed"))
}

#[cfg(test)]
mod tests;
