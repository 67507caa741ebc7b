//! `ALTER VIEW` and `ALTER MATERIALIZED VIEW`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{Parsed, Parts, ident, leading_keywords, object_name, unsupported};
use super::{constraint, view};
use crate::database::model::*;

impl Reader {
    /// Reads ALTER VIEW or ALTER MATERIALIZED VIEW.
    pub(super) fn alter_view(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_exists = parts.take_node(IF_EXISTS).is_some();
        let name = object_name(&parts.require(VIEW_REF)?)?;
        self.object_in_messages = format!("the view {name}");
        if if_exists && !self.is_relation_name_taken(&name) {
            return Ok(());
        }
        let actions = [SET_OPTIONS, RESET_OPTIONS, VIEW_RENAME_TO, RENAME_COLUMN, ALTER_VIEW_COLUMN, SET_SCHEMA];
        let Some(action) = actions.into_iter().find_map(|kind| parts.take_node(kind)) else {
            // OWNER TO is the only other supported action.
            return self.alter_owner(node);
        };
        match action.kind() {
            VIEW_RENAME_TO => self.rename_view(&name, &action)?,
            SET_SCHEMA => self.move_view(&name, &action)?,
            RENAME_COLUMN => self.rename_column_of_view(&name, &action)?,
            kind => {
                let Some(view) = self.schema.views.get_mut(&name) else {
                    return unsupported(node, "there is no such view");
                };
                match kind {
                    SET_OPTIONS => view::read_options(view, &action)?,
                    RESET_OPTIONS => view::reset_options(view, &action)?,
                    _ => {
                        let mut parts = Parts::of(&action);
                        let column = ident(&parts.require(COLUMN_NAME_REF)?)?;
                        change_default(view, column, &parts.take_any()?)?;
                        parts.refuse_rest_except("ALTER COLUMN")?;
                    }
                }
            }
        }
        parts.refuse_rest_except("ALTER VIEW MATERIALIZED ;")
    }

    /// Reads RENAME COLUMN of a view. The definition then lists the names of all columns of the view, since the query
    /// still has the old name.
    fn rename_column_of_view(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let from = ident(&parts.require(SyntaxKind::COLUMN_NAME_REF)?)?;
        let to = ident(&parts.require(SyntaxKind::COLUMN_NAME)?)?;
        parts.refuse_rest_except("RENAME COLUMN TO")?;
        self.require_no_mention_of_relation(name, node)?;
        let Some(view) = self.schema.views.get_mut(name) else { return unsupported(node, "there is no such view") };
        let columns = self.column_order.entry(name.clone()).or_default();
        // The list is empty if the columns of the query are unknown. Indexes of the view would keep the old name.
        if !columns.contains(&from) || columns.contains(&to) || !view.indexes.is_empty() {
            let what =
                format!("nself cannot follow the rename of `{from}`; drop the view, and create it with the new name");
            return unsupported(node, what);
        }
        columns.iter_mut().filter(|column| **column == from).for_each(|column| column.clone_from(&to));
        view.columns.clone_from(columns);
        if let Some(text) = view.column_comments.remove(&from) {
            view.column_comments.insert(to.clone(), text);
        }
        if let Some(default) = view.column_defaults.remove(&from) {
            view.column_defaults.insert(to.clone(), default);
        }
        for grant in &mut self.grants {
            if let GrantObject::Column(relation, column) = &mut grant.object
                && relation == name
                && *column == from
            {
                column.clone_from(&to);
            }
        }
        Ok(())
    }
}

/// Reads SET DEFAULT or DROP DEFAULT of a view's column.
pub(super) fn change_default(view: &mut View, column: SqlName, action: &SyntaxNode) -> Parsed<()> {
    match action.kind() {
        SyntaxKind::SET_DEFAULT => drop(view.column_defaults.insert(column, constraint::default_expression(action)?)),
        SyntaxKind::DROP_DEFAULT => drop(view.column_defaults.remove(&column)),
        _ => return unsupported(action, format!("nself cannot represent `{}` of a view", leading_keywords(action))),
    }
    Ok(())
}
