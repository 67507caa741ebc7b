//! Checks the names in `allow`: each must be an object of the definition or of the last snapshot.

use std::collections::BTreeSet;

use super::ddl;
use super::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// Returns the names of all objects of a schema: `orders` for a table, `orders.note` for each column, constraint,
/// index, trigger, policy and partition of it.
fn names(schema: &Schema) -> BTreeSet<String> {
    fn inner<'a>(names: &mut BTreeSet<String>, owner: &ObjectName, inner: impl IntoIterator<Item = &'a SqlName>) {
        names.extend(inner.into_iter().map(|inner| format!("{owner}.{inner}")));
    }
    let mut all: BTreeSet<String> = schema.schemas.keys().map(ToString::to_string).collect();
    all.extend(schema.extensions.iter().map(ToString::to_string));
    let objects = schema.types.keys().chain(schema.sequences.keys()).chain(schema.tables.keys());
    all.extend(objects.chain(schema.views.keys()).chain(schema.functions.keys()).map(ToString::to_string));
    for (name, kind) in &schema.types {
        match kind {
            UserType::Domain(domain) => inner(&mut all, name, domain.checks.keys()),
            UserType::Composite(kind) => inner(&mut all, name, kind.attributes.iter().map(|part| &part.name)),
            UserType::Enum(_) => {}
        }
    }
    for (name, view) in &schema.views {
        inner(&mut all, name, view.indexes.keys());
    }
    for (name, table) in &schema.tables {
        inner(&mut all, name, table.columns.keys());
        inner(&mut all, name, [&ddl::primary_key_name(name, table)]);
        inner(&mut all, name, table.uniques.keys().chain(table.foreign_keys.keys()).chain(table.checks.keys()));
        inner(&mut all, name, table.excludes.keys().chain(table.indexes.keys()).chain(table.triggers.keys()));
        inner(&mut all, name, table.policies.keys().chain(table.partitions.keys()));
    }
    all
}

/// Warns about allowances for objects that neither schema has: misspelled names, and names left from an earlier
/// change.
pub fn unknown_objects(old: &Schema, new: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    if new.allow.is_empty() {
        return Vec::new();
    }
    let objects: BTreeSet<String> = names(old).into_iter().chain(names(new)).collect();
    let found = new.allow.keys().filter(|object| !objects.contains(*object)).map(|object| {
        let near = words::nearest(object, objects.iter().map(String::as_str));
        let hint = near.map_or_else(
            || "remove it: otherwise it allows the same for a later object with this name".to_owned(),
            |near| format!("did you mean `{near}`? otherwise remove it"),
        );
        Diagnostic::warning(Code::AllowsNothing, root.key("allow").key(object.as_str()))
            .message(format!("neither the definition nor the last migration has `{object}`"))
            .hint(hint)
    });
    found.collect()
}
