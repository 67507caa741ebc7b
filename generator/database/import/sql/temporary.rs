//! Temporary tables, views and sequences, which last for one session. They are left out with a note, as are later
//! statements about them.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, path, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads a statement about a temporary relation; returns whether the statement is one.
    pub(super) fn read_temporary(&mut self, node: &SyntaxNode) -> Parsed<bool> {
        use SyntaxKind::*;
        let names = |kind: SyntaxKind| node.descendants().find(|part| part.kind() == kind).map(|part| path(&part));
        match node.kind() {
            CREATE_TABLE | CREATE_TABLE_AS | SELECT_INTO => self.create_relation_named(names(TABLE_NAME), node),
            CREATE_VIEW => self.create_relation_named(names(VIEW), node),
            CREATE_SEQUENCE => self.create_relation_named(names(SEQUENCE), node),
            ALTER_TABLE | CREATE_INDEX => {
                Ok(names(TABLE_RELATION_NAME).is_some_and(|names| self.temporary_name(&names).is_some()))
            }
            _ => Ok(false),
        }
    }

    /// Records the name if a statement creates a temporary relation. Refuses a temporary and a lasting relation of the
    /// same name, since later statements could mean either.
    fn create_relation_named(&mut self, names: Option<Vec<String>>, node: &SyntaxNode) -> Parsed<bool> {
        let is_temporary = node.descendants().any(|part| part.kind() == SyntaxKind::TEMP);
        let Some(name) = names.as_ref().and_then(|names| names.last()) else { return Ok(false) };
        let is_taken = match is_temporary {
            true => self.is_relation_name_taken(&ObjectName::new_in(PUBLIC_SCHEMA, name)),
            false => names.as_ref().is_some_and(|names| self.temporary_name(names).is_some()),
        };
        if is_taken {
            let what = format!("the temporary `{name}` hides a lasting table or view of this name; rename one of them");
            return unsupported(node, what);
        }
        if is_temporary {
            self.note_once(node, format!("the temporary `{name}` is left out: it lasts only for a session"));
            self.temporary_relations.insert(name.clone());
        }
        Ok(is_temporary)
    }

    /// Returns the last part of a path if it is the name of a temporary relation.
    fn temporary_name<'a>(&self, names: &'a [String]) -> Option<&'a String> {
        let name = match names {
            [name] => name,
            [schema, name] if schema == "pg_temp" => name,
            _ => return None,
        };
        Some(name).filter(|name| self.temporary_relations.contains(*name))
    }

    /// Drops a temporary relation; returns false for the name of a different relation.
    pub(super) fn drop_temporary(&mut self, reference: &SyntaxNode) -> bool {
        let names = path(reference);
        match self.temporary_name(&names) {
            Some(name) => self.temporary_relations.remove(name),
            None => false,
        }
    }
}
