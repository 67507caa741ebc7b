//! Values in bounds of partitions that can be compared without a server: literals of types whose order is known.

use std::collections::BTreeMap;

use crate::database::lexer::{TokenKind, content_of_literal, tokens};
use crate::database::model::*;

/// A value of a bound, in the order of the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BoundValue {
    Minimum,
    /// A number with 9 decimal places, without the point.
    Number(i128),
    /// A date, a time or a text that the server compares byte by byte.
    Bytes(String),
    Maximum,
}

/// The order of the values of a part of a partition key.
pub(super) enum KeyType {
    Whole,
    Fractions,
    Date,
    Timestamp,
    Uuid,
    /// A text whose collation is `C`.
    Bytes,
    /// A type for which only equal literals can be compared.
    Text,
}

impl KeyType {
    /// Returns the order of the values of a part of a key; `None` if nself does not know how the server reads them.
    pub(super) fn of_key(schema: &Schema, columns: &BTreeMap<SqlName, Column>, key: &PartitionKey) -> Option<KeyType> {
        let column = columns.get(key.column.as_ref()?)?;
        let kind = schema.without_domains(&column.kind);
        if kind.is_array() || key.opclass.is_some() {
            return None;
        }
        let collation = key.collation.as_ref().or(column.collation.as_ref());
        match kind.base() {
            "smallint" | "integer" | "bigint" => Some(KeyType::Whole),
            "numeric" if !kind.has_modifiers() => Some(KeyType::Fractions),
            "date" => Some(KeyType::Date),
            "timestamp" | "timestamptz" if !kind.has_modifiers() => Some(KeyType::Timestamp),
            "uuid" => Some(KeyType::Uuid),
            "text" | "varchar" if collation.is_some_and(|collation| collation.as_str() == "C") => Some(KeyType::Bytes),
            "text" | "varchar" => Some(KeyType::Text),
            _ if kind.object().is_some_and(|name| matches!(schema.types.get(&name), Some(UserType::Enum(_)))) => {
                Some(KeyType::Text)
            }
            _ => None,
        }
    }

    /// Returns whether literals can be put in an order.
    fn is_ordered(&self) -> bool {
        !matches!(self, KeyType::Text)
    }

    /// Returns the value of the content of a literal.
    fn value(&self, content: &str) -> Option<BoundValue> {
        match self {
            KeyType::Whole => content.parse().ok().map(|number: i64| scaled(number.into())),
            KeyType::Fractions => number_with_fraction(content).map(BoundValue::Number),
            KeyType::Date => is_date(content).then(|| BoundValue::Bytes(content.to_owned())),
            KeyType::Timestamp => timestamp(content).map(BoundValue::Bytes),
            KeyType::Uuid => {
                let is_uuid = content.len() == 36
                    && content.bytes().enumerate().all(|(i, byte)| match i {
                        8 | 13 | 18 | 23 => byte == b'-',
                        _ => byte.is_ascii_hexdigit(),
                    });
                is_uuid.then(|| BoundValue::Bytes(content.to_ascii_lowercase()))
            }
            KeyType::Bytes | KeyType::Text => Some(BoundValue::Bytes(content.to_owned())),
        }
    }
}

/// Returns a whole number with the decimal places of [`BoundValue::Number`].
fn scaled(number: i128) -> BoundValue {
    BoundValue::Number(number * 1_000_000_000)
}

/// Returns a number such as `-1.25` with 9 decimal places, without the point.
fn number_with_fraction(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(digits) || digits.len() > 20 || !are_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let amount: i128 = format!("{digits}{fraction:0<9}").parse().ok()?;
    Some(if whole.starts_with('-') { -amount } else { amount })
}

/// Returns whether a text is a date such as `2026-01-31`, which every setting of the server reads alike.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Returns a time without a zone as `2026-01-31 00:00:00`; `None` for other texts.
fn timestamp(text: &str) -> Option<String> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time),
        None => (text, "00:00:00"),
    };
    let is_time = matches!(time.len(), 5 | 8)
        && time.bytes().enumerate().all(|(i, byte)| match i {
            2 | 5 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    let seconds = if time.len() == 5 { ":00" } else { "" };
    (is_date(date) && is_time).then(|| format!("{date} {time}{seconds}"))
}

/// Returns the values of one end of a range; `None` if one of them cannot be put in an order.
pub(super) fn range_values(values: &[Expression], kinds: &[Option<KeyType>]) -> Option<Vec<BoundValue>> {
    let value = |(value, kind): (&Expression, &Option<KeyType>)| match value.as_str().to_ascii_uppercase().as_str() {
        "MINVALUE" => Some(BoundValue::Minimum),
        "MAXVALUE" => Some(BoundValue::Maximum),
        _ => kind.as_ref().filter(|kind| kind.is_ordered())?.value(&literal_content(value)?),
    };
    values.iter().zip(kinds).map(value).collect()
}

/// Returns a value of a list; `None` if it cannot be compared.
pub(super) fn list_value(value: &Expression, kind: Option<&KeyType>) -> Option<BoundValue> {
    match value.as_str().to_ascii_uppercase().as_str() {
        "NULL" => Some(BoundValue::Minimum),
        "TRUE" | "FALSE" => Some(BoundValue::Bytes(value.as_str().to_ascii_uppercase())),
        _ => kind?.value(&literal_content(value)?),
    }
}

/// Returns the content of an expression that is one literal or number: `a` for `'a'`, and `-1` for `-1` and `'-1'`.
fn literal_content(value: &Expression) -> Option<String> {
    let tokens = tokens(value.as_str()).ok()?;
    match tokens.as_slice() {
        [literal] if literal.kind == TokenKind::Literal && literal.text.starts_with('\'') => {
            let content = content_of_literal(literal.text);
            // A doubled quote in the literal is one quote.
            Some(content.replace("''", "'"))
        }
        [number] if number.kind == TokenKind::Number => Some(number.text.to_owned()),
        [sign, number] if sign.text == "-" && number.kind == TokenKind::Number => Some(format!("-{}", number.text)),
        _ => None,
    }
}
