//! A plan as plain data, and the digests of its parts: what a generator reads of the plan is named by fields, and what
//! it makes of them stays as long as their digests do.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Plan;
use crate::artifact::{Digest, Slice, json};

/// Fields that are records of parts; every other field is one part.
const TABLES: [&str; 4] = ["services", "secrets", "databases", "volumes"];

/// The fields of one plan.
#[derive(Debug)]
pub struct Fields {
    tree: Value,
    /// By their names, such as `edge` and `services.orders`.
    parts: BTreeMap<String, Digest>,
}

impl Fields {
    pub fn of(plan: &Plan) -> Self {
        Fields::read(json::tree(plan))
    }

    fn read(tree: Value) -> Self {
        let parts = tree.as_object().into_iter().flatten().flat_map(|(field, value)| {
            match value.as_object().filter(|_| TABLES.contains(&field.as_str())) {
                Some(entries) => entries.iter().map(|(name, value)| (format!("{field}.{name}"), value)).collect(),
                None => vec![(field.clone(), value)],
            }
        });
        let parts = parts.map(|(part, value)| (part, Digest::of(&json::canonical(value)))).collect();
        Fields { tree, parts }
    }

    pub fn tree(&self) -> &Value {
        &self.tree
    }

    pub fn parts(&self) -> &BTreeMap<String, Digest> {
        &self.parts
    }

    /// The digest of everything.
    pub fn digest(&self) -> Digest {
        Digest::of(&json::to_canonical(&self.parts))
    }

    /// What a generator reads that reads these fields.
    pub fn slice(&self, generator: &'static str, fields: &[&str]) -> Slice {
        let read = |part: &&String| fields.contains(&part.split('.').next().unwrap_or_default());
        let parts: BTreeMap<_, _> = self.parts.iter().filter(|(part, _)| read(part)).collect();
        Slice::of(generator, &parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slice_changes_with_what_it_names_and_with_nothing_else() {
        let one = json!({ "edge": { "x": 1 }, "edges": [1], "services": { "a": { "x": 1 }, "b": {} } });
        let all = |tree: &Value| {
            let fields = Fields::read(tree.clone());
            let names: [&[&str]; 4] = [&["edge"], &["edges"], &["services"], &["edge", "services"]];
            (names.map(|names| fields.slice("nginx", names).identity()), fields)
        };
        let (before, fields) = all(&one);
        assert_eq!(fields.parts().keys().collect::<Vec<_>>(), ["edge", "edges", "services.a", "services.b"]);
        for (path, value, changed) in [
            ("/edge/x", json!(2), [true, false, false, true]),
            ("/edges/0", json!(2), [false, true, false, false]),
            ("/services/a/x", json!(2), [false, false, true, true]),
            ("/services", json!({ "a": { "x": 1 } }), [false, false, true, true]),
        ] {
            let mut other = one.clone();
            *other.pointer_mut(path).unwrap() = value;
            let (after, other) = all(&other);
            assert_eq!([0, 1, 2, 3].map(|i| before[i] != after[i]), changed, "{path}");
            assert_ne!(fields.digest(), other.digest());
        }
    }
}
