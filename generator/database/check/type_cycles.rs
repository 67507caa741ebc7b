//! Finds types that contain themselves: composite types, domains, ranges and tables whose rows are types.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Types and tables, each with the types that it contains and the places of their names.
type Contents = BTreeMap<ObjectName, Vec<(ObjectName, FieldPath)>>;

impl Check<'_> {
    /// Reports each type that contains itself, also through other types or an array.
    pub(super) fn check_type_cycles(&mut self) {
        let contents = self.contents_of_types();
        let mut reported: BTreeSet<&ObjectName> = BTreeSet::new();
        let mut cycles = Vec::new();
        for (name, parts) in contents.iter().filter(|(name, _)| reaches(&contents, name, name)) {
            if reported.iter().any(|other| reaches(&contents, name, other) && reaches(&contents, other, name)) {
                continue;
            }
            reported.insert(name);
            let part = parts.iter().find(|(part, _)| part == name || reaches(&contents, part, name));
            cycles.extend(part.map(|(part, path)| (name.clone(), part.clone(), path.clone())));
        }
        for (name, part, path) in cycles {
            let message = if part == name {
                format!("`{name}` contains a value of the same type")
            } else {
                format!("`{name}` contains `{part}`, which contains `{name}`")
            };
            self.report(path, message, "use a key of the other row, or jsonb");
        }
    }

    fn contents_of_types(&self) -> Contents {
        let schema = self.schema;
        let mut contents = Contents::new();
        let mut add = |name: &ObjectName, kind: &TypeName, path: FieldPath| {
            let parts = contents.entry(name.clone()).or_default();
            parts.extend(kind.object().map(|object| (object, path)));
        };
        for (name, user_type) in &schema.types {
            let path = self.object_path("types", name);
            match user_type {
                UserType::Enum(_) => {}
                UserType::Domain(domain) => add(name, &domain.base, path.key("domain").key("type")),
                UserType::Range(range) => add(name, &range.subtype, path.key("range").key("subtype")),
                UserType::Composite(kind) => {
                    let path = path.key("composite").key("attributes");
                    for (i, attribute) in kind.attributes.iter().enumerate() {
                        add(name, &attribute.kind, path.index(i).key("type"));
                    }
                }
            }
        }
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name).key("columns");
            for (column_name, column) in &table.columns {
                add(name, &column.kind, path.key(column_name.as_str()).key("type"));
            }
        }
        contents
    }
}

/// Returns whether a type contains another, also through other types.
fn reaches(contents: &Contents, from: &ObjectName, to: &ObjectName) -> bool {
    let mut visited: BTreeSet<&ObjectName> = BTreeSet::new();
    let mut remaining = vec![from];
    while let Some(name) = remaining.pop() {
        for (part, _) in contents.get(name).into_iter().flatten() {
            if part == to {
                return true;
            }
            if visited.insert(part) {
                remaining.push(part);
            }
        }
    }
    false
}
