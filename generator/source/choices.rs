//! Values that a layer replaces instead of merging: a reference replaces a different reference, and a field replaces the
//! fields that it excludes. Merged key by key, the result would contain both.

use std::collections::BTreeMap;

use super::node::{Entry, Value};

/// The kinds of references whose value is a name or a list.
const REFERENCES: [&str; 8] =
    ["secret", "database_url", "pooled_url", "replica_url", "database_part", "stack", "mail", "join"];

/// The references to an address, which can have a port, a path and a scheme.
const ADDRESSES: [&str; 2] = ["url", "public_url"];

/// The reference with one value for each profile.
const BY_PROFILE: &str = "by_profile";

/// The place of the records in which only one field of a group may be set.
enum Place {
    /// The value of a field with this name.
    Field(&'static str),
    /// The entries of a field with this name.
    EntryOf(&'static str),
}

/// Groups of fields of which a record may set at most one, each with the place of these records.
const CHOICES: [(Place, &[&str]); 8] = [
    (Place::Field("health"), &["http", "tcp", "grpc", "exec", "none"]),
    (Place::Field("route"), &["subdomain", "host"]),
    (Place::EntryOf("routes"), &["subdomain", "host"]),
    (Place::EntryOf("secrets"), &["random", "random_bytes", "template", "external"]),
    (Place::EntryOf("files"), &["text", "yaml", "json", "from"]),
    (Place::EntryOf("services"), &["build", "layout"]),
    (Place::Field("target"), &["s3", "folder"]),
    (Place::Field("gitops"), &["revision", "tag", "commit"]),
];

/// Fields whose values are records with names that the user chooses, so that their values are no references.
const RECORDS_OF_TEXTS: [&str; 7] =
    ["annotations", "args", "env", "extra_env", "labels", "request_headers", "response_headers"];

/// The last two keys of a path, each empty if there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastKeys<'k> {
    parent: &'k str,
    key: &'k str,
}

impl<'k> LastKeys<'k> {
    pub fn then(self, key: &'k str) -> Self {
        LastKeys { parent: self.key, key }
    }
}

/// Returns whether a record of a layer replaces the whole record below it at a path with these last keys, because both are
/// references.
pub fn replaces_reference(below: &BTreeMap<String, Entry>, layer: &BTreeMap<String, Entry>, keys: LastKeys) -> bool {
    !RECORDS_OF_TEXTS.contains(&keys.key) && is_reference(below) && is_reference(layer)
}

/// Removes the fields of the record below that a field of the layer excludes.
pub fn remove_excluded(below: &mut BTreeMap<String, Entry>, layer: &BTreeMap<String, Entry>, keys: LastKeys) {
    let choice = CHOICES.iter().find(|(place, _)| match place {
        Place::Field(name) => keys.key == *name,
        Place::EntryOf(name) => keys.parent == *name,
    });
    let Some((_, fields)) = choice else { return };
    let is_set = |field: &&&str| layer.get(**field).is_some_and(|entry| entry.node.value != Value::Null);
    let Some(chosen) = fields.iter().find(is_set) else { return };
    below.retain(|field, _| field == chosen || !fields.contains(&field.as_str()));
}

/// Returns whether a record is a reference as the library writes it: its only field is the kind of the reference.
fn is_reference(record: &BTreeMap<String, Entry>) -> bool {
    let mut fields = record.iter();
    let (Some((kind, entry)), None) = (fields.next(), fields.next()) else { return false };
    let kind = kind.as_str();
    match &entry.node.value {
        Value::Text(_) | Value::Array(_) => REFERENCES.contains(&kind),
        Value::Record(value) if ADDRESSES.contains(&kind) => value.contains_key("service"),
        Value::Record(value) if kind == BY_PROFILE => value.contains_key("local") && value.contains_key("prod"),
        Value::Record(value) => kind == "database_part" && value.contains_key("entry"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::node::Node;

    fn record(text: &str) -> BTreeMap<String, Entry> {
        let node = Node::from(&serde_json::from_str::<serde_json::Value>(text).unwrap());
        let Value::Record(fields) = node.value else { panic!("not a record: {text}") };
        fields
    }

    #[test]
    fn a_reference_replaces_any_other() {
        let references = [
            r#"{"secret": "a"}"#,
            r#"{"url": {"service": "a", "path": "/x"}}"#,
            r#"{"url": {"service": "b"}}"#,
            r#"{"public_url": {"service": "a"}}"#,
            r#"{"pooled_url": "main"}"#,
            r#"{"database_part": {"entry": "main", "part": "host"}}"#,
            r#"{"by_profile": {"local": "a", "staging": "b", "prod": "c"}}"#,
            r#"{"join": ["a", {"secret": "b"}]}"#,
        ];
        for below in references {
            for layer in references {
                assert!(replaces_reference(&record(below), &record(layer), LastKeys::default()), "{below} {layer}");
            }
        }
        for other in [r#"{"url": {"image": "a"}}"#, r#"{"mail": {"replicas": 2}}"#, r#"{"a": "b"}"#, "{}"] {
            assert!(!replaces_reference(&record(other), &record(references[0]), LastKeys::default()), "{other}");
        }
        let labels = LastKeys::default().then("labels");
        assert!(!replaces_reference(&record(r#"{"stack": "shop"}"#), &record(r#"{"mail": "team"}"#), labels));
    }

    #[test]
    fn a_field_of_a_layer_removes_those_that_it_excludes() {
        let keys = |parent: &'static str, key: &'static str| LastKeys::default().then(parent).then(key);
        let merged = |below: &str, layer: &str, keys: LastKeys| {
            let mut below = record(below);
            remove_excluded(&mut below, &record(layer), keys);
            below.into_keys().collect::<Vec<_>>()
        };
        let check = r#"{"http": {"path": "/"}, "interval": "5s"}"#;
        assert_eq!(merged(check, r#"{"tcp": {}}"#, keys("api", "health")), ["interval"]);
        assert_eq!(merged(check, r#"{"interval": "9s"}"#, keys("api", "health")), ["http", "interval"]);
        assert_eq!(merged(check, r#"{"tcp": null}"#, keys("api", "health")), ["http", "interval"]);
        assert_eq!(merged(check, r#"{"tcp": {}}"#, keys("services", "web")), ["http", "interval"]);
        let secret = r#"{"random": 43, "min_length": 20}"#;
        assert_eq!(merged(secret, r#"{"external": "x"}"#, keys("secrets", "key")), ["min_length"]);
    }
}
