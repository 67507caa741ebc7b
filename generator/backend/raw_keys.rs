//! The escape hatch of the platforms: keys that a model does not write, checked by name and kind of value.

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// What a raw key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Flag,
    List,
    Record,
    ListOrRecord,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Record => value.is_object(),
            Kind::ListOrRecord => value.is_array() || value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Flag => "true or false",
            Kind::List => "an array",
            Kind::Record => "a record",
            Kind::ListOrRecord => "an array or a record",
        }
    }
}

/// Why a raw key of `target` cannot be used, or nothing.
pub fn refusal(
    target: &str,
    known: &[(&str, Kind)],
    key: &str,
    value: &Value,
    path: FieldPath,
    owner: &str,
) -> Option<Diagnostic> {
    let Some((_, kind)) = known.iter().find(|(name, _)| *name == key) else {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Some(
            Diagnostic::error(Code::RawKey, path)
                .message(format!("`{key}` is no raw key: unknown to {target}, or written by the model"))
                .expected(format!("one of {}", names.join(", ")))
                .hint(format!("look for the setting in `services.{owner}` itself: `nself schema`")),
        );
    };
    (!kind.takes(value)).then(|| {
        Diagnostic::error(Code::RawKey, path)
            .message(format!("`{key}` takes {}", kind.name()))
            .expected(kind.name().to_owned())
    })
}
