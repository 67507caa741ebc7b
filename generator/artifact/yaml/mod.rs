//! The YAML writer. It writes block style, fields in the order of their declaration, and quotes wherever readers of
//! YAML 1.1 and of YAML 1.2 could read a text differently.

mod block;
mod scalar;

use serde::Serialize;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use block::{Block, Unsupported};

/// Returns the value as a YAML document.
///
/// # Errors
/// NS901 for values that generated YAML files do not use: bytes, enum variants with data, keys that are not text,
/// floats that are not finite.
pub fn to_yaml(value: &impl Serialize) -> Result<String, Diagnostic> {
    let mut out = String::new();
    value.serialize(Block::document(&mut out)).map_err(|Unsupported(kind)| {
        Diagnostic::error(Code::Internal, FieldPath::root())
            .message(format!("a value cannot be written as YAML: {kind}"))
    })?;
    Ok(out)
}
