//! Finds functions by their signatures, and chooses the keys of functions with the same name.

use squawk_syntax::SyntaxNode;

use super::access::signature;
use super::reader::{GrantObject, Reader};
use super::tree::{Parsed, unsupported};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Returns the key of the function with a name and, if they are given, arguments of these types.
    pub(super) fn key_of_function(&self, name: &ObjectName, argument_types: Option<&[TypeName]>) -> Option<ObjectName> {
        let has_arguments =
            |function: &Function| argument_types.is_none_or(|types| function.has_input_types(types.iter()));
        let mut functions = self.schema.functions_named(name).filter(|(_, function)| has_arguments(function));
        functions.next().map(|(key, _)| key.clone())
    }

    /// Returns the key of the function with a signature such as `total(integer)`.
    pub(super) fn function_key(&self, node: &SyntaxNode) -> Parsed<ObjectName> {
        let (name, argument_types) = signature(node)?;
        Ok(self.key_of_function(&name, argument_types.as_deref()).unwrap_or(name))
    }

    /// Returns the key of a new function: its name. Of two functions with the same name, the later one gets a key of
    /// the name and the types of its arguments, such as `total_integer`. If the later one has no arguments, its key is
    /// the name, and the earlier one gets the key with types.
    pub(super) fn key_for_overload(
        &mut self,
        name: &ObjectName,
        function: &mut Function,
    ) -> Result<ObjectName, String> {
        let Some(mut earlier) = self.schema.functions.remove(name) else { return Ok(name.clone()) };
        let takes_name = function.input_types().next().is_none();
        let overload = if takes_name { &mut earlier } else { &mut *function };
        if overload.name.is_none() {
            overload.name = Some(SqlName::new(name.name())?);
        }
        let types: Vec<&str> = overload.input_types().map(TypeName::as_str).collect();
        let name_and_types = format!("{}_{}", name.name(), types.join("_"));
        let key_char = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let text: String = name_and_types.chars().map(key_char).collect();
        let is_free = |key: &ObjectName| !self.schema.functions.contains_key(key) && key != name;
        let mut keys = numbered_names(name, &text, '_').take(999);
        let key = keys.find(is_free).ok_or("there are too many functions of this name")?;
        if takes_name {
            if let Some(at) = self.declared_at.remove(&format!("functions.{name}")) {
                self.declared_at.insert(format!("functions.{key}"), at);
            }
            if self.revoked_functions.remove(name) {
                self.revoked_functions.insert(key.clone());
            }
            for grant in &mut self.grants {
                if let GrantObject::Function(granted) = &mut grant.object
                    && granted == name
                {
                    *granted = key.clone();
                }
            }
            self.schema.functions.insert(key, earlier);
            return Ok(name.clone());
        }
        self.schema.functions.insert(name.clone(), earlier);
        Ok(key)
    }

    /// Returns the function with a signature such as `total(integer)`, to be changed.
    pub(super) fn function_of_signature(&mut self, node: &SyntaxNode) -> Parsed<&mut Function> {
        let (name, argument_types) = signature(node)?;
        let key = self.key_of_function(&name, argument_types.as_deref());
        match key.and_then(|key| self.schema.functions.get_mut(&key)) {
            Some(function) => Ok(function),
            None => unsupported(node, format!("there is no function `{name}` with these arguments")),
        }
    }
}
