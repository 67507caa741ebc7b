//! Statements that change rows. A schema has none, so they are left out with a note.

use squawk_syntax::SyntaxNode;

use super::reader::Reader;
use super::tree::{summary, tokens};

impl Reader {
    /// Adds a note about a statement that changes rows; one note for all equal statements, such as `INSERT INTO t`.
    pub(super) fn note_rows(&mut self, node: &SyntaxNode) {
        self.note_once(node, format!("`{}` is left out: a definition has no rows, except in `seeds`", summary(node)));
    }
}

/// Returns whether a query only sets the next value of a sequence, such as `SELECT pg_catalog.setval('ids', 7, true);`
/// of pg_dump.
pub fn sets_sequence(node: &SyntaxNode) -> bool {
    let words: Vec<String> = tokens(node).map(|token| token.text().to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != ";").collect();
    let name_and_arguments = match words.as_slice() {
        ["select", "pg_catalog", ".", rest @ ..] | ["select", rest @ ..] => rest,
        _ => return false,
    };
    matches!(name_and_arguments, ["setval", "(", .., ")"])
}
