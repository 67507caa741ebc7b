//! Bodies in PL/pgSQL: their syntax errors, and the types in their declarations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use squawk_syntax::ast::Plpgsql;
use squawk_syntax::body::BodyLanguage;
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::identifiers::mentioned_names;
use super::parse::{reason_in_words, with_enough_stack};

/// Beginnings of the messages that are certainly right. Other messages may be about a form of a statement that PostgreSQL
/// accepts and the parser does not know.
const CERTAIN_MESSAGES: [&str; 3] = ["expected SEMICOLON", "expected END_KW", "expected a block"];

/// Maps each body that was parsed in this run to its declared types: a plan needs them for the old and the new definition,
/// and the parser takes far longer than the search.
static DECLARED_TYPES: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Parses a body, and returns what `read` returns for its tree and the byte offsets of the parser's errors.
///
/// # Errors
/// The byte offset and the reason of the first syntax error, if the parser is certain: a statement or a block without its
/// end.
pub fn read_body<T: Send>(
    body: &str,
    read: impl FnOnce(&SyntaxNode, &BTreeSet<usize>) -> T + Send,
) -> Result<T, (usize, String)> {
    // The tree cannot leave the thread of the parser.
    with_enough_stack(body, || {
        let (green, errors) = Plpgsql::parse_text(body);
        let tree = SyntaxNode::new_root(green);
        remember_declared_types(body, types_in_declarations(&tree));
        let first_error = errors.iter().min_by_key(|error| error.range().start());
        let is_certain = |message: &str| CERTAIN_MESSAGES.iter().any(|beginning| message.starts_with(beginning));
        if let Some(error) = first_error.filter(|error| is_certain(error.message())) {
            let at = usize::from(error.range().start());
            let message = error.message().replace("SEMICOLON", "`;`").replace("END_KW", "`END`");
            return Err((at, reason_in_words(&message, body.get(at..).unwrap_or_default())));
        }
        Ok(read(&tree, &errors.iter().map(|error| error.range().start().into()).collect()))
    })
}

/// Returns the names of the types, and of the tables before `%ROWTYPE` and `%TYPE`, in the declarations of a body. Each
/// body is parsed once per run.
pub fn declared_types(body: &str) -> BTreeSet<String> {
    if !body.to_ascii_lowercase().contains("declare") {
        return BTreeSet::new();
    }
    let remembered_types = DECLARED_TYPES.lock().unwrap_or_else(PoisonError::into_inner).get(body).cloned();
    remembered_types.unwrap_or_else(|| {
        let types = with_enough_stack(body, || {
            let (green, _) = Plpgsql::parse_text(body);
            types_in_declarations(&SyntaxNode::new_root(green))
        });
        remember_declared_types(body, types.clone());
        types
    })
}

fn remember_declared_types(body: &str, types: BTreeSet<String>) {
    DECLARED_TYPES.lock().unwrap_or_else(PoisonError::into_inner).insert(body.to_owned(), types);
}

/// Returns the value of [`declared_types`] for the tree of a body.
fn types_in_declarations(tree: &SyntaxNode) -> BTreeSet<String> {
    let sections = tree.descendants().filter(|node| node.kind() == SyntaxKind::PLPGSQL_DECLARE_SECTION);
    let declarations = sections.flat_map(|section| section.children().collect::<Vec<_>>());
    let types = declarations.filter(|node| node.kind() == SyntaxKind::PLPGSQL_VAR_DECL).filter_map(|declaration| {
        let kind = declaration.children().nth(1)?;
        let path = kind.descendants().find(|part| part.kind() == SyntaxKind::PATH_REF)?;
        // The last name before `%TYPE` is that of a column.
        let depth = usize::from(kind.kind() == SyntaxKind::PERCENT_TYPE);
        let names: Vec<String> = mentioned_names(&path.text().to_string()).map(Into::into).collect();
        names.into_iter().rev().nth(depth)
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_was_read_is_not_parsed_again() {
        let body = "DECLARE a shop.orders%ROWTYPE; b orders.id%TYPE; c \"Mood\"; BEGIN RETURN 1; END";
        let expected_types = ["Mood", "orders"].map(str::to_owned).into();
        assert_eq!(read_body(body, |_, errors| errors.len()), Ok(0));
        assert_eq!(DECLARED_TYPES.lock().unwrap().get(body), Some(&expected_types));
        assert_eq!(declared_types(body), expected_types);
        let other_body = format!("{body} ");
        assert_eq!(declared_types(&other_body), expected_types);
        assert!(DECLARED_TYPES.lock().unwrap().contains_key(&other_body));
    }

    #[test]
    fn only_a_certain_error_is_returned() {
        let is_wrong = |body: &str| read_body(body, |_, _| ()).is_err();
        assert!(is_wrong("BEGIN RETURN NEW END") && is_wrong("SELECT 1;"));
        assert!(!is_wrong("BEGIN RETURN 1; END") && !is_wrong("BEGIN SELECT 1 INTO x; END"));
    }
}
