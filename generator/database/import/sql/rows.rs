//! Statements that change rows. A schema has none, so they are left out with a note.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::query;
use super::reader::Reader;
use super::tree::summary;

impl Reader {
    /// Adds a note about a statement that changes rows; one note for all equal statements, such as `INSERT INTO t`.
    pub(super) fn note_rows(&mut self, node: &SyntaxNode) {
        self.note_once(node, format!("`{}` is left out: a definition has no rows, except in `seeds`", summary(node)));
    }
}

/// Returns whether a query only sets the next values of sequences, such as `SELECT pg_catalog.setval('ids', 7, true);` of
/// pg_dump.
pub fn sets_sequence(node: &SyntaxNode) -> bool {
    let functions: Vec<String> = query::called_functions(node).collect();
    let is_setval = |name: &String| name == "setval";
    functions.iter().any(is_setval) && functions.iter().all(|name| is_setval(name) || query::is_harmless_function(name))
}

/// Returns whether a query changes rows in its WITH clause.
pub fn changes_rows(node: &SyntaxNode) -> bool {
    use SyntaxKind::*;
    node.descendants().any(|part| matches!(part.kind(), INSERT | UPDATE | DELETE | MERGE))
}
