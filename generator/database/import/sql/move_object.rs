//! `SET SCHEMA` of types, sequences, views and functions. That of tables is in `rename_table`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, ident, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads SET SCHEMA, and returns the name that an object gets; `None` if the object is in the schema already.
    pub(super) fn name_in_new_schema(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<Option<ObjectName>> {
        let mut parts = Parts::of(node);
        let schema = ident(&parts.require(SyntaxKind::SCHEMA_REF)?)?;
        parts.refuse_rest_except("SET SCHEMA")?;
        if schema.as_str() != PUBLIC_SCHEMA && !self.schema.schemas.contains_key(&schema) {
            return unsupported(node, format!("there is no schema `{schema}`"));
        }
        let new_name = ObjectName::new_in(schema.as_str(), name.name());
        Ok(Some(new_name).filter(|new_name| new_name != name))
    }

    /// Reads SET SCHEMA of a type or domain.
    pub(super) fn move_type(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        match self.name_in_new_schema(name, node)? {
            Some(new_name) => self.rename_type_to(name, &new_name, node),
            None => Ok(()),
        }
    }

    /// Reads SET SCHEMA of a sequence. The server refuses that of a sequence that belongs to a column.
    pub(super) fn move_sequence(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let Some(new_name) = self.name_in_new_schema(name, node)? else { return Ok(()) };
        if self.schema.sequences.get(name).is_some_and(|sequence| sequence.owned_by.is_some()) {
            return unsupported(node, "the sequence belongs to a column, and moves with its table");
        }
        self.rename_sequence_to(name, &new_name, node)
    }

    /// Reads SET SCHEMA of a view.
    pub(super) fn move_view(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        match self.name_in_new_schema(name, node)? {
            Some(new_name) => self.rename_view_to(name, &new_name, node),
            None => Ok(()),
        }
    }
}
