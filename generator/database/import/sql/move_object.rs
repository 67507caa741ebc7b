//! `SET SCHEMA` of types, sequences, views and functions. That of tables is in `rename_table`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, ident, unsupported};
use crate::database::identifiers::name_of_token;
use crate::database::lexer;
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

/// Replaces the name of an object in a text, with its schema if the text has the schema.
pub fn replace_object_name(text: &str, from: &ObjectName, to: &ObjectName) -> String {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_name = |index: usize, name: &str| tokens.get(index).and_then(name_of_token).is_some_and(|it| it == name);
    let is_dot = |index: usize| tokens.get(index).is_some_and(|token| token.text == ".");
    let mut new_text = text.to_owned();
    for index in (0..tokens.len()).rev().filter(|index| is_name(*index, from.name())) {
        let has_schema = index >= 2 && is_dot(index - 1);
        let start = match has_schema {
            true if is_name(index - 2, from.schema()) => index - 2,
            false if from.schema() == PUBLIC_SCHEMA => index,
            _ => continue,
        };
        new_text.replace_range(tokens[start].at..tokens[index].at + tokens[index].text.len(), &to.spelled());
    }
    new_text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_replaced_with_their_schema() {
        let (public, app) = (ObjectName::new_in("public", "e"), ObjectName::new_in("app", "The e"));
        assert_eq!(
            replace_object_name("'e'::e || 'b'::public.E", &public, &app),
            "'e'::app.\"The e\" || 'b'::app.\"The e\""
        );
        assert_eq!(replace_object_name("'a'::app.\"The e\" || x.\"The e\"", &app, &public), "'a'::e || x.\"The e\"");
        assert_eq!(replace_object_name("'a'::\"The e\"", &app, &public), "'a'::\"The e\"");
    }
}
