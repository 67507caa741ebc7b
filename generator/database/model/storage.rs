//! Storage of tables, indexes and columns: parameters, the place of long values, and their compression.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::codes::Code;
use crate::values::checked::{Checked, checked};
use crate::values::text::alphabet_refusal;

checked! {
    /// The name of a storage parameter; `toast.` precedes a parameter for the long values of a table.
    ParameterName, expected: "a storage parameter of PostgreSQL", example: "fillfactor",
    refusal: |t| alphabet_refusal(t.strip_prefix(TOAST).unwrap_or(t), 63, "a-z, 0-9 and `_`", |c| c.is_ascii_lowercase() || c == '_',
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
    BadName
}
checked! {
    /// The value of a storage parameter, as the server stores it.
    ParameterValue, expected: "a number or a word", example: "70",
    refusal: |t| alphabet_refusal(t, 64, "letters, digits, `.`, `_`, `+` and `-`", is_value_character, is_value_character)
}

/// Prefix of the names of parameters for the long values of a table.
const TOAST: &str = "toast.";

/// Returns whether the value of a parameter may contain a character.
fn is_value_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._+-".contains(c)
}

/// Storage parameters: name to value.
pub type StorageParameters = BTreeMap<ParameterName, ParameterValue>;

/// Where the server keeps the long values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnStorage {
    /// In the row, as they are. The only storage of types with a fixed length.
    Plain,
    /// Not compressed; outside of the row if the row is too long.
    External,
    /// Compressed; outside of the row if the row is still too long.
    Extended,
    /// Compressed; outside of the row only if the row would not fit on a page otherwise.
    Main,
}

impl ColumnStorage {
    pub fn sql(self) -> &'static str {
        match self {
            ColumnStorage::Plain => "PLAIN",
            ColumnStorage::External => "EXTERNAL",
            ColumnStorage::Extended => "EXTENDED",
            ColumnStorage::Main => "MAIN",
        }
    }
}

/// How the server compresses the long values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnCompression {
    Pglz,
    Lz4,
}

impl ColumnCompression {
    pub fn sql(self) -> &'static str {
        match self {
            ColumnCompression::Pglz => "pglz",
            ColumnCompression::Lz4 => "lz4",
        }
    }
}

impl ParameterName {
    /// Returns the name in SQL: `"fillfactor"`, or `toast."autovacuum_enabled"`.
    pub fn sql(&self) -> String {
        match self.as_str().strip_prefix(TOAST) {
            Some(name) => format!("{TOAST}\"{name}\""),
            None => format!("\"{self}\""),
        }
    }
}
