//! The search path, which decides where the server creates objects whose name has no schema.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::tokens;
use crate::database::model::PUBLIC_SCHEMA;

/// The schema in which the server creates objects without a schema; `None` if it refuses them.
type SchemaOfNewObjects = Option<String>;

/// The schema in which the server creates objects without a schema, by the search path of the session and, until the
/// end of the transaction, by that of `SET LOCAL`.
pub struct CreationSchema {
    of_session: SchemaOfNewObjects,
    of_transaction: Option<SchemaOfNewObjects>,
}

impl Default for CreationSchema {
    fn default() -> Self {
        CreationSchema { of_session: Some(PUBLIC_SCHEMA.to_owned()), of_transaction: None }
    }
}

impl CreationSchema {
    /// Returns the schema in which the server creates objects now.
    pub fn current(&self) -> Option<&str> {
        self.of_transaction.as_ref().unwrap_or(&self.of_session).as_deref()
    }

    /// Reads a statement that may set the search path or end a transaction.
    pub fn follow(&mut self, node: &SyntaxNode) {
        match node.kind() {
            SyntaxKind::COMMIT_TRANSACTION => self.of_transaction = None,
            SyntaxKind::DISCARD if node.children().any(|part| part.kind() == SyntaxKind::DISCARD_ALL) => {
                *self = CreationSchema::default();
            }
            _ => {
                let Some(schema) = creation_schema(node) else { return };
                if is_local(node) {
                    self.of_transaction = Some(schema);
                } else {
                    *self = CreationSchema { of_session: schema, of_transaction: None };
                }
            }
        }
    }
}

/// Returns whether a statement that sets the search path does so only for the transaction: `SET LOCAL`, or `set_config`
/// with the last argument `true`.
fn is_local(node: &SyntaxNode) -> bool {
    let has_word = |word: &str| tokens(node).any(|token| token.text().eq_ignore_ascii_case(word));
    has_word("local") || (node.kind() == SyntaxKind::SELECT && has_word("true"))
}

/// Returns the schema in which the server creates objects without a schema after a statement that sets the search path:
/// the first schema of the path, other than `$user`. `SET search_path = app, public` returns `Some(Some("app"))`, an
/// empty path `Some(None)`, and a statement that does not set the path `None`.
fn creation_schema(node: &SyntaxNode) -> Option<SchemaOfNewObjects> {
    let words: Vec<String> = tokens(node).map(|token| token.text().to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != ";").collect();
    let path: Vec<&str> = match words.as_slice() {
        ["set", "local" | "session", "search_path", "to" | "=", path @ ..]
        | ["set", "search_path", "to" | "=", path @ ..] => path.to_vec(),
        ["select", "pg_catalog", ".", "set_config", "(", "'search_path'", ",", path, ..]
        | ["select", "set_config", "(", "'search_path'", ",", path, ..] => {
            path.trim_matches('\'').split(", ").collect()
        }
        ["reset", "search_path" | "all"] => vec![PUBLIC_SCHEMA],
        _ => return None,
    };
    let mut schemas =
        path.iter().map(|word| word.trim_matches(['\'', '"'])).filter(|name| ![",", "", "$user"].contains(name));
    Some(schemas.next().map(|name| if name == "default" { PUBLIC_SCHEMA } else { name }.to_owned()))
}
