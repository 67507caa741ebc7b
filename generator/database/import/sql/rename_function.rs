//! `RENAME TO` and `SET SCHEMA` of functions and procedures.

use squawk_syntax::SyntaxNode;

use super::access::signature;
use super::reader::{GrantObject, Reader};
use super::rename::new_name;
use super::tree::{AtNode, Parsed, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads RENAME TO of the function with a signature such as `total(integer)`.
    pub(super) fn rename_function(&mut self, reference: &SyntaxNode, node: &SyntaxNode) -> Parsed<()> {
        let (name, _) = signature(reference)?;
        let new_name = name.in_same_schema(&new_name(node)?);
        self.rename_function_to(reference, &new_name, node)
    }

    /// Reads SET SCHEMA of the function with a signature.
    pub(super) fn move_function(&mut self, reference: &SyntaxNode, node: &SyntaxNode) -> Parsed<()> {
        let (name, _) = signature(reference)?;
        match self.name_in_new_schema(&name, node)? {
            Some(new_name) => self.rename_function_to(reference, &new_name, node),
            None => Ok(()),
        }
    }

    /// Changes the name or the schema of a function, also in triggers and defaults. Bodies that are strings keep the old
    /// name, as on the server.
    fn rename_function_to(&mut self, reference: &SyntaxNode, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let (name, argument_types) = signature(reference)?;
        match self.key_of_function(&name, argument_types.as_deref()) {
            Some(key) => self.rename_function_with_key(&key, to, node),
            None => unsupported(node, format!("there is no function `{name}` with these arguments")),
        }
    }

    /// Changes the name or the schema of the function with a key.
    pub(super) fn rename_function_with_key(
        &mut self,
        key: &ObjectName,
        to: &ObjectName,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let Some((key, mut function)) = self.schema.functions.remove_entry(key) else { return Ok(()) };
        let name = function.name.as_ref().map_or_else(|| key.clone(), |name| key.in_same_schema(name));
        let input_types: Vec<TypeName> = function.input_types().cloned().collect();
        let is_taken = self.key_of_function(to, Some(&input_types)).is_some();
        // In defaults, the name could mean a function with other arguments.
        let follows_defaults = self.schema.functions_named(&name).next().is_none();
        let mention = self.require_no_mention_of_function(&name, follows_defaults, node);
        if is_taken || mention.is_err() {
            self.schema.functions.insert(key, function);
            mention?;
            return unsupported(node, format!("there is already a function `{to}` with these arguments"));
        }
        if follows_defaults {
            self.replace_in_defaults(&name, to);
        }
        function.name = None;
        let new_key = self.key_for_overload(to, &mut function).at(node)?;
        self.schema.functions.insert(new_key.clone(), function);
        self.rename_recorded_function(&key, &new_key);
        Ok(())
    }

    /// Changes the key of a function in triggers and in what the reader records.
    fn rename_recorded_function(&mut self, from: &ObjectName, to: &ObjectName) {
        self.rename_place("functions", from, to);
        if self.revoked_functions.remove(from) {
            self.revoked_functions.insert(to.clone());
        }
        for grant in &mut self.grants {
            if let GrantObject::Function(name) = &mut grant.object
                && name == from
            {
                name.clone_from(to);
            }
        }
        let triggers_of_tables = self.schema.tables.values_mut().flat_map(|table| table.triggers.values_mut());
        let triggers_of_views = self.schema.views.values_mut().flat_map(|view| view.triggers.values_mut());
        let triggers = triggers_of_tables.chain(triggers_of_views);
        triggers.filter(|trigger| trigger.function == *from).for_each(|trigger| trigger.function.clone_from(to));
    }
}
