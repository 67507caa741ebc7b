//! Checks the names in `allow`: each must be an object of the definition or of the last snapshot.

use std::collections::BTreeSet;

use super::ddl;
use super::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// Returns the names of all objects of a schema: `orders` for a table, `orders.note` for each column, constraint,
/// index, trigger, policy and partition of it.
fn object_names(schema: &Schema) -> BTreeSet<String> {
    fn add_parts<'a>(names: &mut BTreeSet<String>, owner: &ObjectName, parts: impl IntoIterator<Item = &'a SqlName>) {
        names.extend(parts.into_iter().map(|part| format!("{owner}.{part}")));
    }
    let mut names: BTreeSet<String> = schema.schemas.keys().map(ToString::to_string).collect();
    names.extend(schema.extensions.keys().map(ToString::to_string));
    let objects = schema.types.keys().chain(schema.sequences.keys()).chain(schema.tables.keys());
    names.extend(objects.chain(schema.views.keys()).chain(schema.functions.keys()).map(ToString::to_string));
    names.extend(schema.objects.keys().map(ToString::to_string));
    for (name, kind) in &schema.types {
        match kind {
            UserType::Domain(domain) => add_parts(&mut names, name, domain.checks.keys()),
            UserType::Composite(kind) => add_parts(&mut names, name, kind.attributes.iter().map(|part| &part.name)),
            UserType::Enum(_) | UserType::Range(_) => {}
        }
    }
    for (name, view) in &schema.views {
        add_parts(&mut names, name, view.indexes.keys());
    }
    for (name, table) in &schema.tables {
        add_parts(&mut names, name, table.columns.keys());
        add_parts(&mut names, name, [&ddl::primary_key_name(name, table)]);
        add_parts(&mut names, name, table.uniques.keys().chain(table.foreign_keys.keys()).chain(table.checks.keys()));
        add_parts(&mut names, name, table.excludes.keys().chain(table.indexes.keys()).chain(table.triggers.keys()));
        add_parts(&mut names, name, table.policies.keys().chain(table.partitions.keys()));
    }
    names
}

/// Returns a warning for each entry of `allow` whose object neither schema has: its name is misspelled, or the entry
/// was for an earlier change.
pub fn unknown_objects(old: &Schema, new: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    if new.allow.is_empty() {
        return Vec::new();
    }
    let objects: BTreeSet<String> = object_names(old).into_iter().chain(object_names(new)).collect();
    let warnings = new.allow.keys().filter(|object| !objects.contains(*object)).map(|object| {
        let nearest_object = words::nearest(object, objects.iter().map(String::as_str));
        let hint = nearest_object.map_or_else(
            || "remove this entry: otherwise it would apply to a later object with this name".to_owned(),
            |name| format!("did you mean `{name}`? If not, remove this entry"),
        );
        Diagnostic::warning(Code::AllowsNothing, root.key("allow").key(object.as_str()))
            .message(format!("`allow` names `{object}`, which neither the definition nor the last migration has"))
            .hint(hint)
    });
    warnings.collect()
}
