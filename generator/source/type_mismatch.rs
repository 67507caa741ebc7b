//! The error for a value that does not fit its field. Its text never repeats the value.

use std::borrow::Cow;
use std::fmt;

use serde::de;

use super::explain;
use crate::diagnostic::{Code, FieldPath};
use crate::values::{Checked, SecretName};

/// A value that does not fit its field.
#[derive(Debug)]
pub struct TypeMismatch {
    pub code: Code,
    pub message: String,
    pub expected: String,
    pub hint: Cow<'static, str>,
    /// The path of the value, which the decoder sets.
    pub path: Option<FieldPath>,
    /// The field that is missing, if one is.
    pub missing: Option<&'static str>,
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TypeMismatch {}

impl TypeMismatch {
    fn new(code: Code, message: String, expected: String) -> Self {
        TypeMismatch { code, message, expected, hint: "".into(), path: None, missing: None }
    }

    /// Returns the mismatch of a value that is not a record with exactly one of the fields `variants`, such as `enum` for a
    /// type. `fields` are the fields of the record; none for other values.
    pub fn of_variants<'a>(fields: impl Iterator<Item = &'a String>, variants: &'static [&'static str]) -> Self {
        let (chosen, others): (Vec<&String>, Vec<&String>) =
            fields.partition(|field| variants.contains(&field.as_str()));
        let (message, hint) = match (chosen.as_slice(), others.first()) {
            ([variant], Some(other)) => (
                format!("the record has fields beside `{variant}`"),
                format!("put them into it, such as `{variant}.{other} = …`"),
            ),
            ([_, _, ..], _) => ("the record has several of these fields".to_owned(), "keep one of them".to_owned()),
            _ => ("the value has the wrong type".to_owned(), String::new()),
        };
        TypeMismatch {
            hint: hint.into(),
            ..TypeMismatch::new(Code::WrongType, message, crate::words::one_of(variants))
        }
    }
}

impl de::Error for TypeMismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        match message.as_str() {
            // The message of `std::net::IpAddr`.
            "invalid IP address syntax" => TypeMismatch {
                hint: "write the address itself; a name such as `localhost` is no address".into(),
                ..TypeMismatch::new(
                    Code::BadValue,
                    "the text is no IP address".into(),
                    "an IP address such as `192.0.2.1`".into(),
                )
            },
            _ => TypeMismatch::new(Code::BadValue, message, String::new()),
        }
    }

    fn invalid_type(value: de::Unexpected, expected: &dyn de::Expected) -> Self {
        let expected = expected.to_string();
        // A text that can be the name of a secret lacks only `nself.secret`. Any other text is probably the value of a
        // secret.
        if let (de::Unexpected::Str(text), "struct SecretReference") = (&value, expected.as_str())
            && SecretName::new(text).is_err()
        {
            return TypeMismatch {
                hint: "use `nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`".into(),
                ..TypeMismatch::new(
                    Code::PlainSecret,
                    "a secret is written here as plain text".into(),
                    "a reference to a secret".into(),
                )
            };
        }
        let expected = expected_in_words(&expected);
        let hint = match &value {
            // The hint for an array is to add brackets. For other types it is to remove the quotes, which is correct only
            // if the text is valid without them.
            de::Unexpected::Str(text) if !fits_without_quotes(text, &expected) && !expected.starts_with("an array") => {
                ""
            }
            _ => explain::conversion_hint(kind_in_words(&value), &expected),
        };
        let message = match value {
            de::Unexpected::Bool(_) => "the value has the wrong type: a boolean".to_owned(),
            _ => format!("the value has the wrong type: {}", kind_in_words(&value)),
        };
        TypeMismatch { hint: hint.into(), ..TypeMismatch::new(Code::WrongType, message, expected) }
    }

    fn invalid_value(_: de::Unexpected, expected: &dyn de::Expected) -> Self {
        TypeMismatch::new(
            Code::OutOfRange,
            "the value is out of range".into(),
            expected_in_words(&expected.to_string()),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        // Every field with fixed values takes a tag.
        let near = super::foreign_words::meant_field(variant, expected)
            // `service_healthy` and `service_completed_successfully` of Compose.
            .or_else(|| expected.iter().copied().find(|tag| tag.len() > 4 && variant.contains(tag)));
        let hint = near.map_or_else(String::new, |near| format!("did you mean `'{near}`?"));
        let tags: Vec<String> = expected.iter().map(|tag| format!("'{tag}")).collect();
        let expected = crate::words::one_of(&tags);
        TypeMismatch {
            hint: hint.into(),
            ..TypeMismatch::new(Code::BadValue, format!("unknown value `{variant}`"), expected)
        }
    }

    fn missing_field(field: &'static str) -> Self {
        TypeMismatch {
            missing: Some(field),
            ..TypeMismatch::new(Code::MissingField, format!("`{field}` is missing"), String::new())
        }
    }
}

/// Returns whether a text would have the expected type without its quotes.
fn fits_without_quotes(text: &str, expected: &str) -> bool {
    match expected {
        "true or false" => matches!(text, "true" | "false"),
        expected if expected.starts_with("a whole number") => text.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// Returns the type of a value in words. The value itself may be a credential, so it is not shown.
fn kind_in_words(value: &de::Unexpected) -> &'static str {
    match value {
        de::Unexpected::Bool(_) => "true or false",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a number",
        de::Unexpected::Float(_) => "a fraction",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "text",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "a record",
        _ => "something else",
    }
}

/// Returns serde's description of an expected type in the words of messages: `a map` as `a record`.
fn expected_in_words(expected: &str) -> String {
    match expected {
        "a string" | "string" => "text".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "an array".into(),
        "a map" => "a record".into(),
        other if other.starts_with("struct ") => "a record".into(),
        "a nonzero u16" => "a whole number from 1 to 65535".into(),
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "i64" => "a whole number".into(),
        other => other.to_owned(),
    }
}
