//! Collations of columns and indexes.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{self, AtNode, Parsed, Parts, unsupported};
use crate::database::model::Collation;
use crate::values::Checked;

/// Takes a column or expression, and returns its node and the node of its collation's name, if it has one. The syntax
/// tree is either `COLLATE(a, "C")` or `a`, `COLLATE("C")`.
pub fn take_collated(parts: &mut Parts) -> Parsed<(SyntaxNode, Option<SyntaxNode>)> {
    let value = parts.take_any()?;
    let clause_after = parts.take_node(SyntaxKind::COLLATE);
    if value.kind() == SyntaxKind::COLLATE {
        let mut clause = Parts::of(&value);
        let collation = clause.require(SyntaxKind::COLLATION_REF)?;
        return Ok((clause.take_any()?, Some(collation)));
    }
    let collation = clause_after.map(|clause| Parts::of(&clause).require(SyntaxKind::COLLATION_REF)).transpose()?;
    Ok((value, collation))
}

/// Reads the name of a collation; `None` for the default collation. In the schema `pg_catalog`, only collations that
/// every server has are supported. A name without a schema means such a collation, or else one in the schema `public`.
pub fn read_collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    let names = tree::path(node);
    // `Collation::object` is `None` for a collation that every server has.
    let name = match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pg_catalog", "default"] | ["default"] => return Ok(None),
        ["pg_catalog", name] => {
            let collation = Collation::new(name).ok().filter(|collation| collation.object().is_none());
            return collation.map(Some).map_or_else(|| system_collation_error(node, name), Ok);
        }
        [name] if Collation::new(name).is_ok_and(|collation| collation.object().is_none()) => (*name).to_owned(),
        _ => tree::object_from_path(&names, node)?.to_string(),
    };
    Collation::new(&name).map(Some).at(node)
}

/// Takes the clause COLLATE of a type or attribute, if it has one.
pub fn take_clause(parts: &mut Parts) -> Parsed<Option<Collation>> {
    let Some(clause) = parts.take_node(SyntaxKind::COLLATE) else { return Ok(None) };
    let mut clause = Parts::of(&clause);
    let collation = read_collation(&clause.require(SyntaxKind::COLLATION_REF)?)?;
    clause.refuse_rest_except("COLLATE")?;
    Ok(collation)
}

/// Returns the error about a collation that some operating systems lack.
fn system_collation_error<T>(node: &SyntaxNode, name: &str) -> Parsed<T> {
    unsupported(
        node,
        format!(
            "nself cannot represent the collation `{name}`, which depends on the operating system; create one in the schema public"
        ),
    )
}
