//! Collations of columns and indexes.

use squawk_syntax::SyntaxNode;

use super::tree::{self, Parsed, unsupported};
use crate::database::model::Collation;

/// Reads the name of a collation; `None` for the default collation.
pub fn read_collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    let names = tree::path(node);
    match names.last().map(String::as_str) {
        Some("default") => Ok(None),
        Some("C") => Ok(Some(Collation::C)),
        Some("POSIX") => Ok(Some(Collation::Posix)),
        Some("ucs_basic") => Ok(Some(Collation::UcsBasic)),
        _ => unsupported(node, format!("nself cannot represent the collation `{}`", names.join("."))),
    }
}
