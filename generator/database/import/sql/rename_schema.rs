//! `ALTER SCHEMA … RENAME TO`: each object of the schema moves to the new one.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::rename::new_name;
use super::tree::{Parsed, Parts, ident, summary, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads ALTER SCHEMA.
    pub(super) fn alter_schema(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let Some(action) = parts.take_node(SyntaxKind::SCHEMA_RENAME_TO) else { return self.alter_owner(node) };
        self.object_in_messages = summary(node);
        let from = ident(&parts.require(SyntaxKind::SCHEMA_REF)?)?;
        let to = new_name(&action)?;
        parts.refuse_rest_except("ALTER SCHEMA ;")?;
        if to.as_str() == PUBLIC_SCHEMA || self.schema.schemas.contains_key(&to) {
            return unsupported(&action, format!("the name `{to}` is taken"));
        }
        let Some(namespace) = self.schema.schemas.get(&from).filter(|_| from.as_str() != PUBLIC_SCHEMA).cloned() else {
            return unsupported(node, format!("nself can rename only a schema that the file creates, not `{from}`"));
        };
        self.schema.schemas.insert(to.clone(), namespace);
        self.move_objects(&from, &to, node)?;
        self.schema.schemas.remove(&from);
        for grant in &mut self.grants {
            if let GrantObject::Schema(name) = &mut grant.object
                && *name == from
            {
                name.clone_from(&to);
            }
        }
        Ok(())
    }

    /// Moves all objects of a schema to a different one.
    fn move_objects(&mut self, from: &SqlName, to: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let new_name = |name: &ObjectName| ObjectName::new_in(to.as_str(), name.name());
        let Schema { tables, views, sequences, types, functions, objects, .. } = &self.schema;
        let mut names_in_sql = objects.values().filter_map(|object| object.identity()?.name);
        if let Some(object) = names_in_sql.find(|name| name.schema() == from.as_str()) {
            let what = format!(
                "nself cannot follow the new name of a schema with `{object}`; write the new name from the start"
            );
            return unsupported(node, what);
        }
        let types = names_in(types.keys(), from);
        let views = names_in(views.keys(), from);
        let functions = names_in(functions.keys(), from);
        let tables = names_in(tables.keys(), from);
        let sequences = names_in(sequences.keys(), from);
        for name in &views {
            self.rename_view_to(name, &new_name(name), node)?;
        }
        for name in &types {
            self.rename_type_to(name, &new_name(name), node)?;
        }
        for key in &functions {
            let name = self.schema.functions.get(key).and_then(|function| function.name.clone());
            let new_name = name.map_or_else(|| new_name(key), |name| ObjectName::new_in(to.as_str(), name.as_str()));
            self.rename_function_with_key(key, &new_name, node)?;
        }
        for name in &tables {
            self.move_table_to(name, to, node)?;
        }
        // The sequences of columns moved with their tables.
        for name in &sequences {
            if self.schema.sequences.contains_key(name) {
                self.rename_sequence_to(name, &new_name(name), node)?;
            }
        }
        Ok(())
    }
}

/// Returns the names that are in a schema.
fn names_in<'a>(names: impl Iterator<Item = &'a ObjectName>, schema: &SqlName) -> Vec<ObjectName> {
    names.filter(|name| name.schema() == schema.as_str()).cloned().collect()
}
