//! Expressions and names of Prometheus and Grafana.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::promql_words::{functions, is_function, is_keyword};
use super::text::{alphabet_refusal, invisible_character_refusal};
use crate::codes::Code;
use crate::words;

checked! {
    /// An expression of PromQL, or of LogQL in panels with logs: visible characters with closed quotes and brackets.
    PromqlExpression, expected: "an expression of PromQL", example: "rate(http_requests_total[5m]) > 100", refusal: |t| expression_refusal(t)
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

/// Returns why an expression is refused.
fn expression_refusal(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("it is empty".into());
    }
    let refusal = invisible_character_refusal(text, MAX_BYTES).or_else(|| bracket_refusal(text));
    refusal.or_else(|| operand_refusal(text)).or_else(|| sequence_refusal(&tokens(text)))
}

/// Operators with an operand on each side. `+` and `-` may also be the sign of a number. `|=` and `|~` belong to LogQL.
const BINARY_OPERATORS: [&str; 14] = ["==", "!=", ">=", "<=", ">", "<", "*", "/", "%", "^", "+", "-", "|=", "|~"];
/// Operators of filters: in braces, which are one word, and in front of a text of LogQL.
const FILTER_OPERATORS: [&str; 3] = ["=~", "!~", "!>"];
/// Operators that are words.
const BINARY_WORDS: [&str; 3] = ["and", "or", "unless"];
/// Operators that may begin an expression, or follow an operator.
const SIGNS: [&str; 2] = ["+", "-"];

/// Returns the reason to refuse an expression, or a part of it in parentheses, that begins or ends with an operator.
/// Empty parentheses that do not follow the name of a function, and an expression of only comments, are refused as
/// well.
fn operand_refusal(text: &str) -> Option<String> {
    let tokens = tokens(text);
    let is_operator = |token: &str| BINARY_OPERATORS.contains(&token) || BINARY_WORDS.contains(&token);
    if tokens.is_empty() {
        return Some("it has only a comment".into());
    }
    for (i, token) in tokens.iter().enumerate() {
        let previous = i.checked_sub(1).map(|previous_index| tokens[previous_index]);
        let next = tokens.get(i + 1).copied();
        if is_operator(token) {
            if matches!(next, None | Some(")")) {
                return Some(format!("nothing follows the operator `{token}`"));
            }
            if matches!(previous, None | Some("(")) && !SIGNS.contains(token) {
                return Some(format!("nothing precedes the operator `{token}`"));
            }
        }
        let is_call = previous.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            && previous.is_some_and(|name| !BINARY_WORDS.contains(&name));
        if *token == "(" && next == Some(")") && !is_call {
            return Some("the parentheses `()` are empty".into());
        }
    }
    None
}

/// Returns whether an expression is LogQL, which has more words and operators: it has a `|`, or a filter in front of a
/// text.
fn is_logql(tokens: &[&str]) -> bool {
    let has_text_filter = |pair: &[&str]| ["!~", "!>"].contains(&pair[0]) && pair[1].starts_with(['"', '`']);
    tokens.iter().any(|token| token.starts_with('|')) || tokens.windows(2).any(has_text_filter)
}

/// Returns the reason to refuse an operator that PromQL does not have.
fn operator_refusal(token: &str) -> Option<String> {
    let is_other_word = |c: char| is_word_character(c) || "(),\"'`{[".contains(c);
    if BINARY_OPERATORS.contains(&token) || token.starts_with(is_other_word) {
        return None;
    }
    Some(match token {
        "=" => "PromQL has no operator `=` outside of braces; a comparison is `==`".to_owned(),
        "=~" | "!~" => format!("PromQL has no operator `{token}` outside of braces"),
        _ => format!("PromQL has no operator `{token}`"),
    })
}

/// Returns the reason to refuse an expression with two operators in sequence, an unknown operator or function, or two
/// operands without an operator between them. An expression of LogQL is not checked.
fn sequence_refusal(tokens: &[&str]) -> Option<String> {
    if tokens.windows(2).any(|pair| pair == ["|", "|"]) {
        return Some("there is no operator `||`; use `or`".to_owned());
    }
    if is_logql(tokens) {
        return None;
    }
    if let Some(refusal) = tokens.iter().find_map(|token| operator_refusal(token)) {
        return Some(refusal);
    }
    let is_name = |token: &str| token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_operand =
        |token: &str| token.starts_with(is_word_character) && !token.contains(['@', '$']) && !is_keyword(token);
    tokens.windows(2).find_map(|pair| {
        let (first, second) = (pair[0], pair[1]);
        if BINARY_OPERATORS.contains(&first) && BINARY_OPERATORS.contains(&second) && !SIGNS.contains(&second) {
            Some(format!("the operator `{second}` follows the operator `{first}`"))
        } else if second == "(" && is_name(first) && !is_function(first) && !is_keyword(first) {
            let suggestion = words::nearest(first, functions()).map(|name| format!("; did you mean `{name}`?"));
            Some(format!("PromQL has no function `{first}`{}", suggestion.unwrap_or_default()))
        } else if is_operand(first) && is_operand(second) {
            Some(format!("there is no operator between `{first}` and `{second}`"))
        } else {
            None
        }
    })
}

/// Returns the operators, parentheses, commas and other words of an expression: `rate`, `(`, `a`, `[5m]`, `)`, `>`, `1`
/// for `rate(a[5m]) > 1`. A quoted text is one word, and so is everything in braces or brackets; comments are left out.
/// The brackets and quotes must be closed.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, lines)| lines).trim_start();
                continue;
            }
            '(' | ')' | ',' => 1,
            '"' | '\'' | '`' => quoted_length(rest),
            '{' | '[' => bracketed_length(rest),
            c if is_word_character(c) => rest.find(|c: char| !is_word_character(c)).unwrap_or(rest.len()),
            _ => {
                let mut operators = BINARY_OPERATORS.iter().chain(&FILTER_OPERATORS);
                let operator = operators.find(|operator| rest.starts_with(**operator));
                operator.map_or(first.len_utf8(), |operator| operator.len())
            }
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Returns whether a character belongs to a name or number.
fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || "_:.$@".contains(c)
}

/// Returns the values that an expression compares with a label: `a`, `b` and `c` for `x{job="a"} + y{job=~"b|c"}`. Other
/// regular expressions, values with a variable of Grafana, and comparisons with `!=` are left out.
pub fn label_values<'a>(expression: &'a str, label: &str) -> Vec<&'a str> {
    let selectors = tokens(expression).into_iter().filter(|token| token.starts_with('{'));
    selectors.flat_map(|selector| values_in_selector(selector, label)).collect()
}

/// Returns the values that a text in braces compares with a label.
fn values_in_selector<'a>(selector: &'a str, label: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    let mut rest = &selector[1..];
    while let Some(start) = rest.find(['"', '\'', '`']) {
        let (comparison, text) = rest.split_at(start);
        let length = quoted_length(text);
        let value = text.get(1..length - 1).unwrap_or_default();
        let comparison = comparison.trim_start_matches([',', ' ']).trim_end();
        let is_plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.".contains(c));
        if comparison.strip_suffix("=~").is_some_and(|name| name.trim_end() == label) {
            if !value.contains('.') && value.split('|').all(is_plain) {
                values.extend(value.split('|'));
            }
        } else if comparison.strip_suffix('=').is_some_and(|name| name.trim_end() == label) && is_plain(value) {
            values.push(value);
        }
        rest = &text[length..];
    }
    values.retain(|value| !value.is_empty());
    values
}

/// Returns the length in bytes of the quoted text with which a text begins, with its quotes.
fn quoted_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    let quote = chars.next().map_or('"', |(_, quote)| quote);
    while let Some((offset, c)) = chars.next() {
        // In backquotes, a backslash is an ordinary character.
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            return offset + c.len_utf8();
        }
    }
    text.len()
}

/// Returns the length in bytes of the braces or brackets with which a text begins, with their content.
fn bracketed_length(text: &str) -> usize {
    let mut offset = 1;
    while let Some(c) = text[offset..].chars().next() {
        match c {
            '}' | ']' => return offset + 1,
            '"' | '\'' | '`' => offset += quoted_length(&text[offset..]),
            c => offset += c.len_utf8(),
        }
    }
    text.len()
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
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_close() {
        for text in ["sum(rate(a{b=\")\"}[5m])) > 1", "a # (", "a{b='\\''}", "a{b=`\\`}"] {
            assert_eq!(PromqlExpression::refusal(text), None, "{text}");
        }
        for text in ["", " ", "sum(a", "a)", "a{b=\"}", "a[5m)", "a\u{0}"] {
            assert!(PromqlExpression::refusal(text).is_some(), "{text}");
        }
    }

    #[test]
    fn values_of_labels_are_found() {
        let expression = r#"rate(a{job="x", le="0.1"}[5m]) / on(job) b{instance="i",job=~'y|z'} > up{job = "v"}"#;
        assert_eq!(label_values(expression, "job"), ["x", "y", "z", "v"]);
        for other in
            [r#"a{job!="x"}"#, r#"a{job=~"x.*"}"#, r#"a{job=~"$job"}"#, "a{job=\"\"}", "a", "job", r#"a{myjob="x"}"#]
        {
            assert!(label_values(other, "job").is_empty(), "{other}");
        }
    }

    #[test]
    fn operators_have_operands() {
        for text in [
            "-1 < a",
            "time() - a > +1",
            "a / on(b) group_left() c",
            "sum by () (a)",
            "a offset -5m",
            "a[5m] @ end() and b unless on() c",
            "{__name__=~\"a|b ==\"} == bool 1",
            "sum(rate({a=\"b\"} |= `error` | json [$__rate_interval])) by (c) > 0",
            "a # ==\n> 1 # ==",
            "rate(a[$__rate_interval]) or vector(0)",
            "{a=\"b\"} |~ \"x\" | logfmt",
            "count_over_time({a=\"b\"} !~ \"x\" [5m]) > 0",
            "{a=\"b\"} !> \"<_>x\"",
            "sum(rate({a=\"b\"} | c = `d` | e =~ \"f\" [5m]))",
            "SUM(a) BY (b) > bool 1 and on(c) d atan2 e",
            "a * on(b) group_left(c) d > 1e3",
            "rate(a[5m] offset 1h30m) @ 1609746000 > 0x1F",
            "rate({a=\"b\"} | unwrap duration_seconds(c) [5m]) foo bar",
            "(day_of_week() == 0 or a) == -Inf",
            "max_over_time(rate(a[5m])[1h:1m] @ end())",
        ] {
            assert_eq!(PromqlExpression::refusal(text), None, "{text}");
        }
        for text in [
            "up ==",
            "rate(a[5m]) >",
            "== 1",
            "sum(a >) > 1",
            "(and b)",
            "a and",
            "a > ()",
            "()",
            "* a",
            "a - # b",
            "# a",
            "foo >> 1",
            "a == > b",
            "ratee(foo[5m]) > 1",
            "foo bar",
            "a > 1 b",
            "1 2",
            "up = 0",
            "up =~ 0",
            "up !~ 0",
            "up ! 0",
            "a ~ b",
            "a && b",
            "a || b",
            "a > 1;",
            "up == \u{201C}x\u{201D}",
        ] {
            assert!(PromqlExpression::refusal(text).is_some(), "{text}");
        }
    }
}
