//! Collations of columns and indexes.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{self, AtNode, Parsed, Parts, unsupported};
use crate::database::model::Collation;
use crate::values::Checked;

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

/// Reads the name of a collation; `None` for the default collation. Every name of the server's schema is one of the
/// server; a name without a schema is one of the server if all servers have it.
pub fn read_collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    let names = tree::path(node);
    let name = match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pg_catalog", "default"] | ["default"] => return Ok(None),
        ["pg_catalog", name] => {
            let collation = Collation::new(name).ok().filter(|collation| collation.object().is_none());
            return collation.map(Some).map_or_else(|| not_everywhere(node, name), Ok);
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

fn not_everywhere<T>(node: &SyntaxNode, name: &str) -> Parsed<T> {
    unsupported(
        node,
        format!(
            "nself cannot represent the collation `{name}`, which depends on the operating system; create one in the schema public"
        ),
    )
}
