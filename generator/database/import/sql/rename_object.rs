//! `RENAME TO` and `SET SCHEMA` of objects that a definition keeps as their SQL.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::object::key_of_text;
use super::reader::Reader;
use super::rename::new_name;
use super::tree::{AtNode, Parsed, summary, unsupported};
use crate::database::lexer;
use crate::database::model::*;
use crate::values::Checked;

/// Classes of objects that can get a new name. Columns and texts refer to the others, such as collations.
const RENAMED_CLASSES: [&str; 4] = ["STATISTICS", "PUBLICATION", "AGGREGATE", "RULE"];

impl Reader {
    /// Reads RENAME TO or SET SCHEMA, `action`, of the object to which `reference` refers.
    pub(super) fn rename_object(
        &mut self,
        class: &'static ObjectClass,
        reference: &str,
        action: &SyntaxNode,
    ) -> Parsed<()> {
        let key = key_of_text(class, reference, action)?;
        if !RENAMED_CLASSES.contains(&class.words) {
            let what = format!("nself cannot follow the new name of a {}; create it under its new name", class.title());
            return unsupported(action, what);
        }
        let name = ObjectIdentity::of_reference(class, reference).and_then(|identity| identity.name);
        let new_name = match (action.kind(), &name) {
            (SyntaxKind::SET_SCHEMA, Some(name)) => match self.name_in_new_schema(name, action)? {
                Some(new_name) => new_name.spelled(),
                None => return Ok(()),
            },
            (SyntaxKind::SET_SCHEMA, None) => {
                return unsupported(action, format!("nself cannot represent `{}`", summary(action)));
            }
            (_, Some(name)) => name.in_same_schema(&new_name(action)?).spelled(),
            (_, None) => quoted_if_needed(new_name(action)?.as_str()),
        };
        let Some(object) = self.schema.objects.remove(&key) else {
            return unsupported(action, format!("there is no object `{key}`"));
        };
        // Expressions and queries can mention an aggregate.
        let is_mentioned =
            name.filter(|_| class.words == "AGGREGATE").map(|name| self.require_no_mention(&name, action));
        if let Some(Err(problem)) = is_mentioned {
            self.schema.objects.insert(key, object);
            return Err(problem);
        }
        let create = ObjectStatement::new(&with_name(object.create.as_str(), class, &new_name)).at(action)?;
        let object = SqlObject { create, ..object };
        let Some(identity) = object.identity() else { return unsupported(action, "nself cannot read the new name") };
        let new_key = ObjectKey::new(&identity.key).at(action)?;
        if self.schema.objects.contains_key(&new_key) {
            return unsupported(action, format!("there is already an object `{new_key}`"));
        }
        if let Some(at) = self.declared_at.remove(&format!("objects.{key}")) {
            self.declared_at.insert(format!("objects.{new_key}"), at);
        }
        self.schema.objects.insert(new_key, object);
        Ok(())
    }
}

/// Returns the statement that creates an object of a class under a new name.
fn with_name(create: &str, class: &ObjectClass, new_name: &str) -> String {
    let tokens = lexer::tokens(create).unwrap_or_default();
    // The name follows CREATE and the words of the class.
    let first = 1 + class.words.split(' ').count();
    let has_schema = tokens.get(first + 1).is_some_and(|token| token.text == ".");
    let last = if has_schema { first + 2 } else { first };
    match (tokens.get(first), tokens.get(last)) {
        (Some(first), Some(last)) => {
            format!("{}{new_name}{}", &create[..first.at], &create[last.at + last.text.len()..])
        }
        _ => create.to_owned(),
    }
}
