//! Expressions and names of Prometheus and Grafana.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{alphabet_refusal, invisible_character_refusal};
use crate::codes::Code;

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
    invisible_character_refusal(text, MAX_BYTES).or_else(|| bracket_refusal(text))
}

/// Returns the reason to refuse a text with a quote or bracket that is not closed, or that closes nothing. A comment
/// begins with `#` and ends with its line.
fn bracket_refusal(text: &str) -> Option<String> {
    // The open brackets, each with its number in the text, the first character being 1.
    let mut open_brackets: Vec<(usize, char)> = Vec::new();
    let mut chars = (1..).zip(text.chars());
    while let Some((number, c)) = chars.next() {
        match c {
            '"' | '\'' | '`' => {
                let mut is_closed = false;
                while let Some((_, inner)) = chars.next() {
                    if inner == '\\' && c != '`' {
                        chars.next();
                    } else if inner == c {
                        is_closed = true;
                        break;
                    }
                }
                if !is_closed {
                    return Some(format!("the quote {c} at character {number} is not closed"));
                }
            }
            '#' => {
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            '(' | '[' | '{' => open_brackets.push((number, c)),
            ')' | ']' | '}' => {
                let opening = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if open_brackets.pop().is_none_or(|(_, open)| open != opening) {
                    return Some(format!("`{c}` at character {number} closes no bracket"));
                }
            }
            _ => {}
        }
    }
    open_brackets.pop().map(|(number, c)| format!("the `{c}` at character {number} is not closed"))
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
}
