//! Names that the server derives from expressions (`FigureColname` of its parser): for a column of a query without an
//! alias, and for the parts of the default names of indexes and exclusion constraints.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parts, folded_name, path, tokens, type_name};

/// A name that is derived from an expression. A weak name gives way to a name from the surrounding expression.
struct DerivedName {
    name: String,
    is_weak: bool,
}

/// Names of types in the catalog that differ from those in a definition.
const CATALOG_NAMES: [(&str, &str); 8] = [
    ("smallint", "int2"),
    ("integer", "int4"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("boolean", "bool"),
    ("char", "bpchar"),
    ("\"char\"", "char"),
];

/// Returns the name that the server derives from an expression: `total` for `o.total`, `total(1)` and `total::text`, and
/// `int4` for `(a + 1)::integer`. `None` for an expression without a name, such as `a + 1`.
pub fn derived_name(expression: &SyntaxNode) -> Option<String> {
    name_with_strength(expression).map(|derived| derived.name)
}

/// Returns the name of an expression, and whether it is weak.
fn name_with_strength(expression: &SyntaxNode) -> Option<DerivedName> {
    use SyntaxKind::*;
    let first = || expression.children().next();
    let has_part = |kind: SyntaxKind| expression.children().any(|part| part.kind() == kind);
    match expression.kind() {
        NAME_REF | FIELD_EXPR => strong(path(expression).pop()),
        CALL_EXPR => strong(name_of_call(&first()?)),
        // The name of an element of an array is that of the array.
        PAREN_EXPR | COLLATE | INDEX_EXPR | SLICE_EXPR => name_with_strength(&first()?),
        CAST_EXPR => name_of_cast(expression),
        CASE_EXPR => {
            let otherwise = expression.children().find(|part| part.kind() == ELSE_CLAUSE);
            let value = otherwise.and_then(|clause| clause.children().next());
            strong_or(value.as_ref(), "case".to_owned())
        }
        ARRAY_EXPR => strong(Some("array".to_owned())),
        TUPLE_EXPR => strong(Some("row".to_owned())),
        BIN_EXPR if has_part(AT_TIME_ZONE) => strong(Some("timezone".to_owned())),
        POSTFIX_EXPR if has_part(AT_LOCAL) => strong(Some("timezone".to_owned())),
        _ => None,
    }
}

fn strong(name: Option<String>) -> Option<DerivedName> {
    name.map(|name| DerivedName { name, is_weak: false })
}

/// Returns the name of an inner expression, or this weak name if the former has none or a weak one.
fn strong_or(inner: Option<&SyntaxNode>, weak_name: String) -> Option<DerivedName> {
    let inner_name = inner.and_then(name_with_strength).filter(|derived| !derived.is_weak);
    Some(inner_name.unwrap_or(DerivedName { name: weak_name, is_weak: true }))
}

/// Returns the name of a call from its first part: the name of the function or, if the call has its own syntax, the word
/// with which it begins.
fn name_of_call(called: &SyntaxNode) -> Option<String> {
    use SyntaxKind::*;
    let trims = |kind: SyntaxKind| called.children().any(|part| part.kind() == kind);
    match called.kind() {
        NAME_REF | FIELD_EXPR => path(called).pop(),
        TRIM_FN if trims(TRIM_LEADING) => Some("ltrim".to_owned()),
        TRIM_FN if trims(TRIM_TRAILING) => Some("rtrim".to_owned()),
        TRIM_FN => Some("btrim".to_owned()),
        COLLATION_FOR_FN => Some("pg_collation_for".to_owned()),
        _ => tokens(called).next().map(|token| folded_name(&token)),
    }
}

/// Returns the name of a cast: that of its operand, else that of the type.
fn name_of_cast(cast: &SyntaxNode) -> Option<DerivedName> {
    let mut parts = Parts::of(cast);
    let kind = parts.take_type().and_then(|kind| type_name(&kind).ok())?;
    parts.take_node(SyntaxKind::COLON_COLON);
    let operand = parts.take_any().ok();
    let base = if kind.base().starts_with("interval ") { "interval" } else { kind.base() };
    let in_catalog = CATALOG_NAMES.iter().find(|(name, _)| *name == base).map(|(_, in_catalog)| *in_catalog);
    let type_name = match in_catalog {
        Some(name) => name.to_owned(),
        None => kind.object().map_or_else(|| base.to_owned(), |object| object.name().to_owned()),
    };
    let is_treat = tokens(cast).next().is_some_and(|token| token.kind() == SyntaxKind::TREAT_KW);
    if is_treat { strong(Some(type_name)) } else { strong_or(operand.as_ref(), type_name) }
}
