//! Statements that an import leaves out with a note, because they concern the server and not the database: roles,
//! databases, tablespaces and the like.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, Unsupported, leading_keywords, start_offset, tokens, unsupported};

impl Reader {
    /// Adds a note, unless an equal one exists.
    pub(super) fn note_once(&mut self, node: &SyntaxNode, what: String) {
        if !self.notes.iter().any(|note| note.what == what) {
            self.notes.push(Unsupported { at: start_offset(node), what });
        }
    }

    /// Adds a note about a statement that is left out because it concerns roles or databases of the server.
    pub(super) fn note_server_statement(&mut self, node: &SyntaxNode) {
        let words = leading_keywords(node);
        let words = words.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let what = format!("`{words}` is left out: roles and databases of the server are part of the stack");
        self.note_once(node, what);
    }

    /// Leaves out DEPENDS ON EXTENSION with a note; returns false for other statements.
    pub(super) fn leaves_out_dependency_on_extension(&mut self, node: &SyntaxNode) -> bool {
        use SyntaxKind::{DEPENDS_ON_EXTENSION, NO_DEPENDS_ON_EXTENSION};
        let is_dependency = |part: &SyntaxNode| matches!(part.kind(), DEPENDS_ON_EXTENSION | NO_DEPENDS_ON_EXTENSION);
        let clause = node.children().find(is_dependency);
        if let Some(clause) = &clause {
            let what = "`DEPENDS ON EXTENSION` is left out: DROP EXTENSION needs CASCADE to drop the object".to_owned();
            self.note_once(clause, what);
        }
        clause.is_some()
    }

    /// Takes TABLESPACE from the parts of a statement. The place of files is left out with a note.
    pub(super) fn leave_out_tablespace(&mut self, parts: &mut Parts) {
        use SyntaxKind::*;
        for kind in [TABLESPACE_CLAUSE, CONSTRAINT_INDEX_TABLESPACE] {
            if let Some(clause) = parts.take_node(kind) {
                self.note_tablespace(&clause);
            }
        }
    }

    /// Adds a note about a tablespace, except for the one that every database has.
    pub(super) fn note_tablespace(&mut self, clause: &SyntaxNode) {
        let name = tokens(clause).last().map(|token| token.text().to_owned()).unwrap_or_default();
        if name != "pg_default" {
            self.note_once(clause, format!("the tablespace `{name}` is left out: the server's default one is used"));
        }
    }

    /// Takes `USING heap`, the access method that every table has by default.
    pub(super) fn take_default_access_method(parts: &mut Parts) -> Parsed<()> {
        let Some(clause) = parts.take_node(SyntaxKind::USING_METHOD) else { return Ok(()) };
        let method = tokens(&clause).last().map(|token| token.text().to_ascii_lowercase()).unwrap_or_default();
        match method.as_str() {
            "heap" => Ok(()),
            _ => unsupported(&clause, format!("nself cannot represent the access method `{method}` of a table")),
        }
    }
}

/// Returns whether a statement concerns the language PL/pgSQL, which every database has.
pub fn is_language_of_every_database(node: &SyntaxNode) -> bool {
    use SyntaxKind::*;
    matches!(node.kind(), CREATE_LANGUAGE | ALTER_LANGUAGE)
        && tokens(node).any(|token| token.text().trim_matches('"').eq_ignore_ascii_case("plpgsql"))
}

/// Returns whether a statement has no effect: it changes or drops an object IF EXISTS, and the import accepts no
/// statement that creates such an object.
pub fn changes_nothing(node: &SyntaxNode) -> bool {
    use SyntaxKind::*;
    let kinds = [
        ALTER_FOREIGN_TABLE,
        DROP_ACCESS_METHOD,
        DROP_CONVERSION,
        DROP_EVENT_TRIGGER,
        DROP_FOREIGN_DATA_WRAPPER,
        DROP_FOREIGN_TABLE,
        DROP_OPERATOR_CLASS,
        DROP_OPERATOR_FAMILY,
        DROP_SERVER,
        DROP_SUBSCRIPTION,
        DROP_TRANSFORM,
        DROP_USER_MAPPING,
    ];
    kinds.contains(&node.kind()) && node.children().any(|part| part.kind() == IF_EXISTS)
}

/// Returns whether only a superuser can run statements of a kind, so that a migration cannot contain them.
pub fn needs_superuser(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(
        kind,
        CREATE_EVENT_TRIGGER
            | ALTER_EVENT_TRIGGER
            | CREATE_FOREIGN_DATA_WRAPPER
            | CREATE_SERVER
            | CREATE_USER_MAPPING
            | CREATE_FOREIGN_TABLE
            | IMPORT_FOREIGN_SCHEMA
            | CREATE_SUBSCRIPTION
            | CREATE_LANGUAGE
            | CREATE_OPERATOR_CLASS
            | CREATE_OPERATOR_FAMILY
            | CREATE_TRANSFORM
            | CREATE_ACCESS_METHOD
            | CREATE_TABLESPACE
            | SECURITY_LABEL
    )
}
