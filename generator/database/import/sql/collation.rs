//! Collations of columns and indexes.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{self, Parsed, Parts, unsupported};
use crate::database::model::Collation;

/// Takes a column or expression and the name of its collation. The syntax tree is either `COLLATE(a, "C")` or `a`,
/// `COLLATE("C")`.
pub fn take_collated(parts: &mut Parts) -> Parsed<(SyntaxNode, Option<SyntaxNode>)> {
    let first = parts.take_any()?;
    let clause_after = parts.take_node(SyntaxKind::COLLATE);
    if first.kind() == SyntaxKind::COLLATE {
        let mut clause = Parts::of(&first);
        let collation = clause.require(SyntaxKind::COLLATION_REF)?;
        return Ok((clause.take_any()?, Some(collation)));
    }
    let collation = clause_after.map(|clause| Parts::of(&clause).require(SyntaxKind::COLLATION_REF)).transpose()?;
    Ok((first, collation))
}

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
