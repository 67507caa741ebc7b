//! Storage parameters of tables, indexes and operator classes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::codes::Code;
use crate::values::checked::{Checked, checked};
use crate::values::text::only;

checked! {
    /// The name of a storage parameter; `toast.` precedes a parameter for the long values of a table.
    ParameterName, "a storage parameter of PostgreSQL", "fillfactor",
    |t| only(t.strip_prefix(TOAST).unwrap_or(t), 63, "a-z, 0-9 and `_`", |c| c.is_ascii_lowercase() || c == '_',
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
    BadName
}
checked! {
    /// The value of a storage parameter, as the server stores it.
    ParameterValue, "a number or a word", "70",
    |t| only(t, 64, "letters, digits, `.`, `_`, `+` and `-`", is_value, is_value)
}

/// Namespace of the parameters for long values.
const TOAST: &str = "toast.";

fn is_value(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._+-".contains(c)
}

/// Storage parameters: name to value.
pub type StorageParameters = BTreeMap<ParameterName, ParameterValue>;

impl ParameterName {
    /// Returns the name in SQL.
    pub fn sql(&self) -> String {
        match self.as_str().strip_prefix(TOAST) {
            Some(name) => format!("{TOAST}\"{name}\""),
            None => format!("\"{self}\""),
        }
    }
}
