//! `COMMENT ON`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree;
use super::tree::{
    AtNode, Parsed, Parts, ident, leading_keywords, object_from_path, object_name, path, string_content, summary,
    unsupported,
};
use crate::database::ddl;
use crate::database::model::*;
use crate::values::{Checked, Text};

impl Reader {
    /// Reads COMMENT ON. NULL, which removes a comment, has no effect on a new object.
    pub(super) fn comment_on(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        // NULL is a token or, read below, a literal.
        let is_null = parts.take_token("NULL");
        let target = parts.take_any()?;
        self.object_in_messages = format!("the comment on {}", summary(&target).to_lowercase());
        let text = match parts.take_node(SyntaxKind::LITERAL) {
            Some(literal) if literal.text().to_string().eq_ignore_ascii_case("null") => None,
            Some(literal) => Some(Text::new(&string_content(&literal)?).at(&literal)?),
            None => None,
        };
        parts.refuse_rest_except("COMMENT ON IS ;")?;
        let name = Parts::of(&target).take_any()?;
        let Some(text) = text.filter(|_| !is_null) else {
            // Errors are ignored: an object that the definition cannot have has no comment to remove.
            if let Some(class) = ObjectClass::of_node(target.kind())
                && let Ok(object) = self.object_of_reference(class, &target)
            {
                object.comment = None;
            }
            if let Ok(Some(comment)) = self.comment_of(&target, &name, None) {
                *comment = None;
            }
            if let Ok(Some((table, constraint))) = self.constraint_of_table(&target, &name) {
                table.constraint_comments.remove(&constraint);
            }
            if let Ok(Some((view, column))) = self.column_of_view(&target, &name) {
                view.column_comments.remove(&column);
            }
            return Ok(());
        };
        if self.leaves_out_comment(&target, &name, node)? {
            return Ok(());
        }
        if let Some(class) = ObjectClass::of_node(target.kind()) {
            self.object_of_reference(class, &target)?.comment = Some(text);
            return Ok(());
        }
        if let Some((table, constraint)) = self.constraint_of_table(&target, &name)? {
            table.constraint_comments.insert(constraint, text);
        } else if let Some((view, column)) = self.column_of_view(&target, &name)? {
            view.column_comments.insert(column, text);
        } else if let Some(comment) = self.comment_of(&target, &name, Some(&text))? {
            *comment = Some(text);
        }
        Ok(())
    }

    /// Leaves out the comment on an object that has none in a definition, with a note; returns false for other objects.
    fn leaves_out_comment(&mut self, target: &SyntaxNode, name: &SyntaxNode, node: &SyntaxNode) -> Parsed<bool> {
        use SyntaxKind::*;
        let object = &self.object_in_messages;
        let what = match target.kind() {
            OBJECT_DATABASE | OBJECT_ROLE => format!("{object} is left out: it is no part of a definition"),
            OBJECT_EXTENSION => {
                let name = path(name).concat();
                format!("the comment on the extension `{name}` is left out: the extension brings its own")
            }
            OBJECT_INDEX => {
                let index = object_name(name)?;
                if self.index(&index, name).is_ok() || !self.is_relation_name_taken(&index) {
                    return Ok(false);
                }
                format!("the comment on {index} is left out: the index belongs to a constraint; comment the constraint")
            }
            _ if self.is_part_without_comment(target, name) => {
                format!("{object} is left out: a definition has comments on the type only")
            }
            _ => return Ok(false),
        };
        self.note_once(node, what);
        Ok(true)
    }

    /// Returns whether a comment is about a constraint of a domain or an attribute of a composite type, which have no
    /// comments in a definition.
    fn is_part_without_comment(&self, target: &SyntaxNode, name: &SyntaxNode) -> bool {
        let names = path(name);
        match target.kind() {
            SyntaxKind::OBJECT_CONSTRAINT => Parts::of(target).take_node(SyntaxKind::TABLE_NAME_REF).is_none(),
            SyntaxKind::OBJECT_COLUMN => names
                .split_last()
                .and_then(|(_, kind)| object_from_path(kind, name).ok())
                .is_some_and(|kind| self.schema.types.contains_key(&kind)),
            _ => false,
        }
    }

    /// Returns the table and the name of the constraint that a comment is about; `None` for a comment on a different
    /// kind of object.
    fn constraint_of_table(&mut self, target: &SyntaxNode, name: &SyntaxNode) -> Parsed<Option<(&mut Table, SqlName)>> {
        if target.kind() != SyntaxKind::OBJECT_CONSTRAINT {
            return Ok(None);
        }
        let Some(reference) = Parts::of(target).take_node(SyntaxKind::TABLE_NAME_REF) else { return Ok(None) };
        let constraint = ident(name)?;
        let table_name = object_name(&reference)?;
        let table = self.table(&table_name, &reference)?;
        if !ddl::has_constraint(&table_name, table, &constraint) {
            return unsupported(name, format!("there is no constraint `{constraint}` of {table_name}"));
        }
        Ok(Some((table, constraint)))
    }

    /// Returns the view and the name of the column that a comment is about; `None` if it is not about a column of a
    /// view.
    fn column_of_view(&mut self, target: &SyntaxNode, name: &SyntaxNode) -> Parsed<Option<(&mut View, SqlName)>> {
        let names = path(name);
        let Some((column, view)) = names.split_last().filter(|_| target.kind() == SyntaxKind::OBJECT_COLUMN) else {
            return Ok(None);
        };
        let column = tree::name_at(column, name)?;
        let view = object_from_path(view, name)?;
        // The list is empty if the columns of the query are unknown.
        let columns = self.column_order.get(&view).filter(|columns| !columns.is_empty());
        let lacks_column = columns.is_some_and(|columns| !columns.contains(&column));
        match self.schema.views.get_mut(&view) {
            Some(_) if lacks_column => unsupported(name, format!("there is no column `{column}` of {view}")),
            definition => Ok(definition.map(|definition| (definition, column))),
        }
    }

    /// Returns the field of the model with an object's comment; `None` if `text` is the comment that every server gives
    /// to the schema `public`.
    fn comment_of(
        &mut self,
        target: &SyntaxNode,
        name: &SyntaxNode,
        text: Option<&Text>,
    ) -> Parsed<Option<&mut Option<Text>>> {
        use SyntaxKind::*;
        let comment = match target.kind() {
            OBJECT_SCHEMA => {
                let name = ident(name)?;
                if name.as_str() == PUBLIC_SCHEMA && text.is_some_and(|text| text.as_str() == PUBLIC_SCHEMA_COMMENT) {
                    return Ok(None);
                }
                if name.as_str() != PUBLIC_SCHEMA && !self.schema.schemas.contains_key(&name) {
                    return unsupported(target, format!("there is no schema `{name}`"));
                }
                &mut self.schema.schemas.entry(name).or_default().comment
            }
            OBJECT_TABLE => &mut self.table(&object_name(name)?, name)?.comment,
            OBJECT_COLUMN => self.comment_of_column(name)?,
            OBJECT_VIEW | OBJECT_MATERIALIZED_VIEW => {
                let view = object_name(name)?;
                match self.schema.views.get_mut(&view) {
                    Some(view) => &mut view.comment,
                    None => return unsupported(name, format!("there is no view `{view}`")),
                }
            }
            OBJECT_SEQUENCE => {
                let sequence = object_name(name)?;
                match self.schema.sequences.get_mut(&sequence) {
                    Some(sequence) => &mut sequence.comment,
                    None => return unsupported(name, format!("there is no sequence `{sequence}`")),
                }
            }
            OBJECT_INDEX => &mut self.index(&object_name(name)?, name)?.comment,
            OBJECT_POLICY => {
                let reference = Parts::of(target).require(TABLE_NAME_REF)?;
                let (table, policy) = (object_name(&reference)?, ident(name)?);
                match self.table(&table, &reference)?.policies.get_mut(&policy) {
                    Some(policy) => &mut policy.comment,
                    None => return unsupported(name, format!("there is no policy `{policy}` of {table}")),
                }
            }
            OBJECT_TRIGGER => {
                let reference = Parts::of(target).require(RELATION_NAME_REF)?;
                let (relation, trigger) = (object_name(&reference)?, ident(name)?);
                match self.triggers_of(&relation, &reference)?.get_mut(&trigger) {
                    Some(trigger) => &mut trigger.comment,
                    None => return unsupported(name, format!("there is no trigger `{trigger}` of {relation}")),
                }
            }
            OBJECT_TYPE | OBJECT_DOMAIN => self.comment_of_type(name)?,
            OBJECT_FUNCTION | OBJECT_PROCEDURE | OBJECT_ROUTINE => &mut self.function_of_signature(name)?.comment,
            _ => {
                let what = format!("nself cannot represent comments on a {}", leading_keywords(target).to_lowercase());
                return unsupported(target, what);
            }
        };
        Ok(Some(comment))
    }

    /// Returns the comment of the table column with a path such as `orders.note`.
    fn comment_of_column(&mut self, node: &SyntaxNode) -> Parsed<&mut Option<Text>> {
        let names = path(node);
        let Some((column, table)) = names.split_last() else {
            return unsupported(node, "the name of the column is missing");
        };
        let table = object_from_path(table, node)?;
        let name = tree::name_at(column, node)?;
        if !self.schema.tables.contains_key(&table) {
            return unsupported(node, "there is no such table or view");
        }
        Ok(&mut self.column_mut(&table, &name, node)?.comment)
    }

    /// Returns the comment of a type or domain.
    fn comment_of_type(&mut self, node: &SyntaxNode) -> Parsed<&mut Option<Text>> {
        let name = object_name(node)?;
        match self.schema.types.get_mut(&name) {
            Some(kind) => Ok(kind.comment_mut()),
            None => unsupported(node, format!("there is no type `{name}`")),
        }
    }
}
