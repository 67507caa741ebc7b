//! Why a value does not fit its field, in words that never repeat the value.

use std::fmt;

use serde::de;

use crate::diagnostic::{Code, FieldPath};

/// Why a value does not fit.
#[derive(Debug)]
pub struct Misfit {
    pub code: Code,
    pub message: String,
    pub expected: String,
    /// Where, once the decoder has told.
    pub path: Option<FieldPath>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit { code: Code::BadValue, message: message.to_string(), expected: String::new(), path: None }
    }

    fn invalid_type(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Misfit {
            code: Code::WrongType,
            message: format!("this is {}", kind(&found)),
            expected: range(&expected.to_string()),
            path: None,
        }
    }

    fn invalid_value(_: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Misfit {
            code: Code::OutOfRange,
            message: "the value is out of range".into(),
            expected: range(&expected.to_string()),
            path: None,
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let expected = format!("one of {}", expected.join(", "));
        Misfit { code: Code::BadValue, message: format!("`{variant}` is not known here"), expected, path: None }
    }

    fn missing_field(field: &'static str) -> Self {
        Misfit {
            code: Code::MissingField,
            message: format!("`{field}` is missing"),
            expected: String::new(),
            path: None,
        }
    }
}

/// Never the value itself: it may be a credential in the wrong place.
fn kind(found: &de::Unexpected) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "true or false",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a number",
        de::Unexpected::Float(_) => "a fraction",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "text",
        de::Unexpected::Unit | de::Unexpected::Option => "nothing",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "a record",
        _ => "something else",
    }
}

/// serde's words for what a field takes, in those of the stack.
fn range(expected: &str) -> String {
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
        other => other.to_owned(),
    }
}
