//! Checks the values in bounds of partitions: what the server refuses in one value, and the order of MINVALUE and MAXVALUE.

use std::collections::BTreeMap;

use super::Check;
use super::columns_in_text::{may_mention_other_columns, mentioned_columns};
use super::expressions::Place;
use crate::database::lexer;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// The words for a bound of a range before or after all values.
const LIMITS: [&str; 2] = ["MINVALUE", "MAXVALUE"];

/// Returns the limit that a value is; `None` for other values. The server also accepts it in brackets or double quotes.
fn limit(value: &Expression) -> Option<&'static str> {
    let word = value.as_str().trim_matches(|c: char| c.is_whitespace() || "()\"".contains(c));
    LIMITS.into_iter().find(|limit| word.eq_ignore_ascii_case(limit))
}

/// Returns whether a value is NULL, also with a cast or in brackets.
fn is_null(value: &Expression) -> bool {
    let tokens = lexer::tokens(value.as_str()).unwrap_or_default();
    let mut tokens = tokens.iter().skip_while(|token| token.text == "(");
    let starts_with_null = tokens.next().is_some_and(|token| token.text.eq_ignore_ascii_case("null"));
    let rest = tokens.find(|token| token.text != ")");
    starts_with_null && rest.is_none_or(|token| matches!(token.text, ":" | "::"))
}

impl Check<'_> {
    /// Reports values of a bound that the server refuses. `partitioning` and `columns` are those of the partitioned table.
    pub(super) fn check_values_of_bound(
        &mut self,
        bound: &Bound,
        partitioning: &PartitionBy,
        columns: &BTreeMap<SqlName, Column>,
        path: &FieldPath,
    ) {
        let kinds: Vec<Option<&TypeName>> = partitioning
            .columns
            .iter()
            .map(|key| key.column.as_ref().and_then(|column| Some(&columns.get(column)?.kind)))
            .collect();
        match bound {
            Bound::Range { from, to } => {
                for values in [from, to] {
                    self.check_order_of_limits(values, path);
                    for (value, kind) in values.iter().zip(&kinds).filter(|(value, _)| limit(value).is_none()) {
                        if is_null(value) {
                            let hint = "write MINVALUE or MAXVALUE; rows with NULL belong to the default partition";
                            self.report(path.clone(), "NULL cannot be the bound of a range", hint);
                        } else {
                            self.check_value_of_bound(value, *kind, path);
                        }
                    }
                }
            }
            Bound::In(values) => {
                for value in values {
                    match limit(value) {
                        Some(limit) => {
                            let message = format!("{limit} is a bound of ranges, and a list has values");
                            self.report(path.clone(), message, "write the values, or use the strategy 'range");
                        }
                        None => self.check_value_of_bound(value, kinds.first().copied().flatten(), path),
                    }
                }
            }
            Bound::Hash { .. } | Bound::Default => {}
        }
    }

    /// Reports values after MINVALUE or MAXVALUE that are not the same word.
    fn check_order_of_limits(&mut self, values: &[Expression], path: &FieldPath) {
        for pair in values.windows(2) {
            if let Some(first) = limit(&pair[0])
                && limit(&pair[1]) != Some(first)
            {
                let message = format!("each value after {first} must be {first}, and not {}", pair[1]);
                self.report(path.clone(), message, format!("write {first} for the remaining columns"));
                return;
            }
        }
    }

    /// Reports a column, a query or an aggregate in a value, and a literal that does not fit the type of the column.
    fn check_value_of_bound(&mut self, value: &Expression, kind: Option<&TypeName>, path: &FieldPath) {
        let text = value.as_str();
        self.check_contents(text, Place::Bound, path);
        let mentions_column = may_mention_other_columns::<()>(text, &Default::default());
        if let Some(column) = mentions_column.then(|| mentioned_columns(text).into_iter().next()).flatten() {
            let message = format!("the bound of a partition cannot name the column `{column}`");
            self.report(path.clone(), message, format!("write a value; a text has single quotes: '{column}'"));
            return;
        }
        let misfit = |kind: &TypeName| self.misfit(text, kind).or_else(|| impossible_value(text, kind));
        if let Some((kind, words)) = kind.and_then(|kind| Some((kind, misfit(kind)?))) {
            let message = format!("the column has the type {kind}, which cannot hold {words}");
            self.report(path.clone(), message, "correct the value in the bound");
        }
    }
}

/// Returns the words for a literal that has the right form, but that no row can have; `None` for others. The server
/// evaluates bounds when it creates the partition.
fn impossible_value(literal: &str, kind: &TypeName) -> Option<&'static str> {
    let text = literal.trim().trim_matches('\'').trim();
    let bits = match kind.base() {
        "smallint" => 16,
        "integer" => 32,
        "bigint" => 64,
        "date" | "timestamp" | "timestamptz" => return (!is_possible_day(text)).then_some("a day that does not exist"),
        _ => return None,
    };
    let limit = 1_i128 << (bits - 1);
    text.parse::<i128>().is_ok_and(|number| !(-limit..limit).contains(&number)).then_some("a number of this size")
}

/// Returns whether the day at the start of a text exists. Texts in other forms than `2026-01-31` count as possible.
fn is_possible_day(text: &str) -> bool {
    let mut parts = text.get(..10).unwrap_or_default().split('-');
    let mut next = |digits: usize| parts.next().filter(|part| part.len() == digits)?.parse::<u16>().ok();
    let (Some(year), Some(month), Some(day)) = (next(4), next(2), next(2)) else { return true };
    let month = u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok());
    let last_day = month.map_or(0, |month| month.length(i32::from(year)));
    (1..=u16::from(last_day)).contains(&day)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the messages about one partition of a table with the columns `a` and `b`.
    fn messages(strategy: &str, key: &[&str], bound: &Value) -> Vec<String> {
        let schema: Schema = serde_json::from_value(json!({ "tables": { "t": {
            "columns": { "a": { "type": "integer" }, "b": { "type": "date" } },
            "partition_by": { "strategy": strategy, "columns": key },
            "partitions": { "p": bound },
        }}}))
        .unwrap();
        super::super::check(&schema, &FieldPath::root()).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn bounds_of_ranges_are_values_or_end_with_limits() {
        let found = |from: &[&str], to: &[&str]| {
            messages("range", &["a", "b"][..from.len()], &json!({ "range": { "from": from, "to": to } }))
        };
        for (from, to) in [
            (&["MINVALUE", "MINVALUE"][..], &["1", "'2026-01-01'"][..]),
            (&["1", "MINVALUE"], &["1", "maxvalue"]),
            (&["1", "MAXVALUE"], &["2", "MINVALUE"]),
            (&["1 + 1"], &["5"]),
            (&["'1'"], &["MAXVALUE"]),
            (&["1", "current_date"], &["2", "date '2026-01-01'"]),
            (&["1", "'-infinity'"], &["2", "'infinity'"]),
        ] {
            assert_eq!(found(from, to), [""; 0], "{from:?} {to:?}");
        }
        for (from, to, message) in [
            (&["NULL"][..], &["1"][..], "NULL cannot be the bound of a range"),
            (&["1"], &["(null)::integer"], "NULL cannot be the bound of a range"),
            (
                &["MINVALUE", "'2026-01-01'"],
                &["1", "MAXVALUE"],
                "each value after MINVALUE must be MINVALUE, and not '2026-01-01'",
            ),
            (
                &["1", "MINVALUE"],
                &["MAXVALUE", "MINVALUE"],
                "each value after MAXVALUE must be MAXVALUE, and not MINVALUE",
            ),
            (&["b"], &["5"], "the bound of a partition cannot name the column `b`"),
            (&["sum(1)"], &["5"], "the bound of a partition concerns one row, and `sum` needs several rows"),
            (&["'x'"], &["5"], "the column has the type integer, which cannot hold this text"),
            (&["1", "1"], &["2", "MAXVALUE"], "the column has the type date, which cannot hold a number"),
        ] {
            assert_eq!(found(from, to), [message], "{from:?} {to:?}");
        }
    }

    #[test]
    fn lists_have_values_and_null() {
        let found = |values: &[&str]| messages("list", &["a"], &json!({ "in": values }));
        assert_eq!(found(&["1", "NULL", "NULL::integer", "'2'"]), [""; 0]);
        assert_eq!(found(&["MAXVALUE"]), ["MAXVALUE is a bound of ranges, and a list has values"]);
        assert_eq!(found(&["true"]), ["the column has the type integer, which cannot hold a boolean"]);
        assert_eq!(
            found(&["2147483648"]),
            ["the column has the type integer, which cannot hold a number of this size"]
        );
        assert_eq!(found(&["-2147483648", "'2147483647'"]), [""; 0]);
    }
}
