//! Finds defaults that do not fit the type of their column. Only literals, and built-in functions with a known result
//! type, are judged; the server decides about every other expression.

use super::Check;
use super::expression_type::{is_number, type_of_expression};
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::{Checked, is_postgres_boolean};

/// A default whose type is known without a server.
#[derive(Debug, PartialEq, Eq)]
enum DefaultValue {
    Text(String),
    Number,
    Boolean,
    /// A point in time.
    Time,
    Uuid,
}

/// Functions and keywords that return a point in time.
const TIMES: [&str; 7] = [
    "now()",
    "current_timestamp",
    "localtimestamp",
    "clock_timestamp()",
    "statement_timestamp()",
    "transaction_timestamp()",
    "current_date",
];
/// Functions that return a UUID.
const UUIDS: [&str; 3] = ["gen_random_uuid()", "uuid_generate_v4()", "uuidv7()"];

/// Types that the server does not read from an empty text, besides ranges and the types of numbers, booleans and JSON.
const TYPES_WITHOUT_EMPTY_TEXT: [&str; 15] = [
    "box",
    "cidr",
    "date",
    "inet",
    "interval",
    "jsonpath",
    "macaddr",
    "macaddr8",
    "oid",
    "pg_lsn",
    "point",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
];

/// Returns whether the server reads an empty text as a value of a type. Unknown types accept every text.
fn can_be_empty(kind: &TypeName) -> bool {
    let is_range = kind.is_built_in() && kind.base().ends_with("range");
    !is_range && !TYPES_WITHOUT_EMPTY_TEXT.contains(&kind.base())
}

/// Returns whether the server reads a text as a UUID: 32 hexadecimal digits, in braces or not, with or without a hyphen
/// after each group of four.
fn is_uuid(text: &str) -> bool {
    let in_braces = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut digit_count = 0_u32;
    let mut may_have_hyphen = false;
    let has_right_characters = in_braces.unwrap_or(text).chars().all(|c| {
        let is_digit = c.is_ascii_hexdigit();
        let is_right = is_digit || (c == '-' && may_have_hyphen);
        digit_count += u32::from(is_digit);
        may_have_hyphen = is_digit && digit_count.is_multiple_of(4) && digit_count < 32;
        is_right
    });
    has_right_characters && digit_count == 32
}

impl DefaultValue {
    /// Returns the value of an expression; `None` if its type is not obvious.
    fn of(expression: &str) -> Option<DefaultValue> {
        let text = expression.trim();
        let lower = text.to_ascii_lowercase();
        if let Some(content) = text.strip_prefix('\'').and_then(|literal| literal.strip_suffix('\'')) {
            let without_escaped_quotes = content.replace("''", "");
            // A quote that remains ends the literal: the expression has several parts.
            return (!without_escaped_quotes.contains('\'')).then(|| DefaultValue::Text(content.replace("''", "'")));
        }
        let digits = text.trim_start_matches('-');
        if digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok() {
            return Some(DefaultValue::Number);
        }
        match lower.as_str() {
            "true" | "false" => Some(DefaultValue::Boolean),
            word if TIMES.contains(&word) => Some(DefaultValue::Time),
            word if UUIDS.contains(&word) => Some(DefaultValue::Uuid),
            _ => None,
        }
    }

    /// Returns the type that the value has without a column.
    fn kind(&self) -> TypeName {
        let name = match self {
            DefaultValue::Text(_) => "text",
            DefaultValue::Number => "numeric",
            DefaultValue::Boolean => "boolean",
            DefaultValue::Time => "timestamptz",
            DefaultValue::Uuid => "uuid",
        };
        TypeName::wrap(name.to_owned())
    }

    fn in_words(&self) -> &'static str {
        match self {
            DefaultValue::Text(_) => "this text",
            DefaultValue::Number => "a number",
            DefaultValue::Boolean => "a boolean",
            DefaultValue::Time => "a time",
            DefaultValue::Uuid => "a uuid",
        }
    }

    /// Returns whether the server converts the value to a type when it writes a row. Unknown types accept every value.
    fn fits(&self, kind: &TypeName, schema: &Schema) -> bool {
        if kind.is_array() {
            // An array as a text may begin with its bounds: `[0:1]={a,b}`.
            return matches!(self, DefaultValue::Text(text) if text.trim_start().starts_with(['{', '[']));
        }
        let labels = kind.object().and_then(|object| match schema.types.get(&object) {
            Some(UserType::Enum(enumeration)) => Some(&enumeration.values),
            _ => None,
        });
        // An enumeration has no labels if they were refused.
        if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
            return matches!(self, DefaultValue::Text(text) if labels.iter().any(|label| label.as_str() == text));
        }
        match (kind.base(), self) {
            ("smallint" | "integer" | "bigint", DefaultValue::Text(text)) => {
                text.contains(|c: char| c.is_ascii_digit())
            }
            ("numeric" | "real" | "double precision", DefaultValue::Text(text)) => {
                let word = text.trim().trim_start_matches(['-', '+']).to_ascii_lowercase();
                word.contains(|c: char| c.is_ascii_digit()) || ["nan", "inf", "infinity"].contains(&word.as_str())
            }
            ("smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision", value) => {
                *value == DefaultValue::Number
            }
            ("boolean", DefaultValue::Text(text)) => is_postgres_boolean(text),
            ("boolean", value) => *value == DefaultValue::Boolean,
            ("uuid", DefaultValue::Text(text)) => is_uuid(text),
            ("uuid", value) => *value == DefaultValue::Uuid,
            (_, DefaultValue::Text(text)) if text.trim().is_empty() && !can_be_empty(kind) => false,
            ("date" | "timestamp" | "timestamptz", value) => {
                matches!(value, DefaultValue::Text(_) | DefaultValue::Time)
            }
            // The first characters of numbers, objects, arrays, texts, true, false and null.
            ("json" | "jsonb", DefaultValue::Text(text)) => {
                text.trim_start().starts_with(|c: char| c.is_ascii_digit() || "{[\"-tfn".contains(c))
            }
            ("json" | "jsonb", _) => false,
            _ => true,
        }
    }
}

impl Check<'_> {
    /// Reports a default that does not fit the type of a column, argument or domain, which `what` names.
    pub(super) fn check_default(&mut self, what: &str, holder: &TypeName, default: &Expression, path: &FieldPath) {
        let text = default.as_str();
        let (kind, words) = match DefaultValue::of(text) {
            Some(default) if default.fits(holder, self.schema) => return,
            Some(default) => (default.kind(), default.in_words().to_owned()),
            None => {
                let Some(kind) = self.type_other_than_array(holder, text) else { return };
                let words = format!("a single value of the type {kind}");
                (kind, words)
            }
        };
        let message = format!("the {what} has the type {holder}, which cannot hold {words}");
        let hint = holder.element().map_or_else(
            || format!("correct the default, or the type of the {what}"),
            |element| {
                let array = array_default(text, &kind, &element);
                format!("write an array, such as `default = \"{}\"`", escaped_for_nickel(&array))
            },
        );
        self.report(path.clone(), message, hint);
    }

    /// Returns the words for a literal that a column of a type cannot hold; `None` for other expressions.
    pub(super) fn misfit(&self, expression: &str, kind: &TypeName) -> Option<&'static str> {
        DefaultValue::of(expression).filter(|value| !value.fits(kind, self.schema)).map(|value| value.in_words())
    }

    /// Returns the type of an expression that is the default of an array, if the expression is certainly not an array;
    /// `None` otherwise.
    fn type_other_than_array(&self, holder: &TypeName, expression: &str) -> Option<TypeName> {
        // A definition may have casts to other types.
        if !holder.is_array() || !holder.is_built_in() {
            return None;
        }
        let kind = type_of_expression(self.schema, expression, &|_: &str| None)?;
        let is_single = !kind.is_array() && kind.is_built_in() && !kind.is_polymorphic();
        // `int2vector` and `oidvector` are arrays, too.
        (is_single && !kind.base().ends_with("vector")).then_some(kind)
    }
}

/// Returns a default for an array of `element`: an array with the value of an expression if the server converts the
/// type of the expression, `kind`, to that of the elements; otherwise an empty array.
fn array_default(expression: &str, kind: &TypeName, element: &TypeName) -> String {
    let is_point_in_time = |kind: &TypeName| ["date", "timestamp", "timestamptz"].contains(&kind.base());
    let is_converted = TEXT_TYPES.contains(&element.base())
        || (is_number(kind) && is_number(element))
        || (is_point_in_time(kind) && is_point_in_time(element))
        || kind.base() == element.base();
    if is_converted { format!("ARRAY[{expression}]::{element}[]") } else { "'{}'".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_compared_with_the_type() {
        let fits = |default: &str, kind: &str| {
            let kind = TypeName::new(kind).unwrap();
            DefaultValue::of(default).is_none_or(|value| value.fits(&kind, &Schema::default()))
        };
        for (default, kind) in [
            ("0", "integer"),
            ("'42'", "bigint"),
            ("-1.5", "numeric(10,2)"),
            ("'NaN'", "double precision"),
            ("true", "boolean"),
            ("'T'", "boolean"),
            ("'off'", "boolean"),
            ("5", "text"),
            ("now()", "timestamptz"),
            ("current_date", "date"),
            ("'today'", "date"),
            ("gen_random_uuid()", "uuid"),
            ("gen_random_uuid()", "text"),
            ("'00000000-0000-0000-0000-000000000000'", "uuid"),
            ("'{0000000000000000-0000-00000000000a}'", "uuid"),
            ("''", "bytea"),
            ("' '", "tsvector"),
            ("'{}'", "jsonb"),
            ("'{}'", "integer[]"),
            ("' [0:0]={1}'", "integer[]"),
            ("ARRAY[now()]", "timestamptz[]"),
            ("'x'", "citext"),
            ("nextval('s')", "integer"),
            ("'x' || 'y'", "integer"),
            ("E'1'", "integer"),
        ] {
            assert!(fits(default, kind), "{default} {kind}");
        }
        for (default, kind) in [
            ("'x'", "integer"),
            ("''", "bigint"),
            ("true", "integer"),
            ("now()", "bigint"),
            ("'maybe'", "boolean"),
            ("'o'", "boolean"),
            ("1", "boolean"),
            ("'x'", "numeric"),
            ("'none'", "uuid"),
            ("''", "uuid"),
            ("'0'", "uuid"),
            ("'{00000000-0000-0000-0000-000000000000'", "uuid"),
            ("'00000000--0000-0000-0000-000000000000'", "uuid"),
            ("'00000000-0000-0000-0000-000000000000-'", "uuid"),
            ("''", "date"),
            ("' '", "timestamptz(3)"),
            ("''", "inet"),
            ("''", "interval"),
            ("''", "int4range"),
            ("''", "point"),
            ("now()", "uuid"),
            ("0", "timestamptz"),
            ("'x'", "jsonb"),
            ("false", "jsonb"),
            ("0", "integer[]"),
            ("now()", "timestamptz[]"),
            ("gen_random_uuid()", "uuid[]"),
            ("''", "text[]"),
        ] {
            assert!(!fits(default, kind), "{default} {kind}");
        }
    }
}
