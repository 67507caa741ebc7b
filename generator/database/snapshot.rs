//! A schema as a set of objects, each stored in a separate file, so that branches that change different tables merge.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Extensions, Schema};
use crate::artifact::{Digest, json};
use crate::values::{Checked, ExtensionName};

/// Maps the path of an object, its kind and name such as `tables/orders`, to the object.
pub type Objects = BTreeMap<String, Value>;

/// Fields of a schema that map names to objects.
const KINDS: [&str; 7] = ["schemas", "types", "sequences", "tables", "views", "functions", "objects"];
/// The field of a schema with the extensions. The object of an extension is empty unless it has a schema or a version.
const EXTENSIONS: &str = "extensions";
/// The path of the default privileges for the whole database. Those for one schema are part of the schema's object.
const DEFAULT_PRIVILEGES: &str = "default_privileges/database";

/// Splits a schema into objects.
pub fn objects(schema: &Schema) -> Objects {
    let mut objects = Objects::new();
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    for kind in KINDS {
        if let Some(Value::Object(objects_of_kind)) = value.get_mut(kind).map(Value::take) {
            objects.extend(objects_of_kind.into_iter().map(|(name, object)| (format!("{kind}/{name}"), object)));
        }
    }
    if let Some(privileges) = value.get_mut("default_privileges").map(Value::take) {
        objects.insert(DEFAULT_PRIVILEGES.to_owned(), privileges);
    }
    for (name, extension) in &schema.extensions {
        objects.insert(extension_path(name), json::tree(extension));
    }
    objects
}

fn extension_path(name: &ExtensionName) -> String {
    format!("{EXTENSIONS}/{name}")
}

/// Returns the extension at the path of an object: `citext` for `extensions/citext`; `None` for other objects.
pub fn extension_name(path: &str) -> Option<ExtensionName> {
    let name = path.strip_prefix(EXTENSIONS)?.strip_prefix('/')?;
    ExtensionName::new(name).ok()
}

/// Returns the extensions among objects. A malformed object, which [`schema`] reports, counts as one without fields.
pub fn extensions(objects: &Objects) -> Extensions {
    let extensions = objects.iter().filter_map(|(path, object)| {
        Some((extension_name(path)?, serde_json::from_value(object.clone()).unwrap_or_default()))
    });
    extensions.collect()
}

/// Decodes an object of a snapshot strictly: an unknown field is an error that names its path. The decoder of stacks
/// implements this trait, so that `database` does not depend on `source`.
pub trait ObjectDecoder {
    /// Returns the decoded value.
    ///
    /// # Errors
    /// The first value that does not fit, with its path.
    fn decode<T: DeserializeOwned>(&self, object: &Value) -> Result<T, String>;
}

/// Returns the schema that consists of these objects.
///
/// # Errors
/// The first object that is not part of a schema or does not fit its type.
pub fn schema(objects: &Objects, decoder: &impl ObjectDecoder) -> Result<Schema, String> {
    let mut schema = Schema::default();
    for (path, object) in objects {
        if path == DEFAULT_PRIVILEGES {
            schema.default_privileges = decoder.decode(object).map_err(|reason| format!("{path}: {reason}"))?;
            continue;
        }
        let Some((kind, name)) = path.split_once('/') else { return Err(not_an_object(path)) };
        let insert_result = match kind {
            "schemas" => insert_object(&mut schema.schemas, name, object, decoder),
            EXTENSIONS => insert_object(&mut schema.extensions, name, object, decoder),
            "types" => insert_object(&mut schema.types, name, object, decoder),
            "sequences" => insert_object(&mut schema.sequences, name, object, decoder),
            "tables" => insert_object(&mut schema.tables, name, object, decoder),
            "views" => insert_object(&mut schema.views, name, object, decoder),
            "functions" => insert_object(&mut schema.functions, name, object, decoder),
            "objects" => insert_object(&mut schema.objects, name, object, decoder),
            _ => return Err(not_an_object(path)),
        };
        insert_result.map_err(|reason| format!("{path}: {reason}"))?;
    }
    Ok(schema)
}

fn not_an_object(path: &str) -> String {
    format!("{path} is not an object of a schema")
}

/// Decodes an object and adds it to the objects of its kind.
fn insert_object<N: Checked + Ord, T: DeserializeOwned>(
    objects: &mut BTreeMap<N, T>,
    name: &str,
    object: &Value,
    decoder: &impl ObjectDecoder,
) -> Result<(), String> {
    objects.insert(N::new(name)?, decoder.decode(object)?);
    Ok(())
}

/// Maps the path of each object of a schema to the digest of the object.
#[derive(Debug, Clone, Default)]
pub struct Digests(BTreeMap<String, Digest>);

impl Digests {
    pub fn of_objects(objects: &Objects) -> Self {
        Digests(objects.iter().map(|(path, object)| (path.clone(), Self::digest_of_object(object))).collect())
    }

    fn digest_of_object(object: &Value) -> Digest {
        Digest::keyed("nself schema object v1", &json::canonical(object))
    }

    /// Makes the changes of a delta. Hashes only the changed objects.
    pub fn apply(&mut self, delta: &Delta) {
        for path in &delta.unset {
            self.0.remove(path);
        }
        self.0.extend(delta.set.iter().map(|(path, object)| (path.clone(), Self::digest_of_object(object))));
    }

    /// Returns the digest of all objects together.
    pub fn root(&self) -> Digest {
        Digest::keyed("nself schema v2", &json::to_canonical(&self.0))
    }
}

/// The difference between two sets of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// New and changed objects.
    pub set: Objects,
    /// Paths of removed objects.
    pub unset: Vec<String>,
}

impl Delta {
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }

    /// Returns canonical JSON of the changes.
    pub fn canonical(&self) -> Vec<u8> {
        let Delta { set, unset } = self;
        let set = json::canonical_record(set.iter().map(|(path, object)| (path, json::canonical(object))));
        json::canonical_record([("set", set), ("unset", json::to_canonical(unset))])
    }

    /// Returns the changes that lead from the old objects to the new ones.
    pub fn between(old: &Objects, new: &Objects) -> Delta {
        let set = new.iter().filter(|(path, object)| old.get(*path) != Some(object));
        let unset = old.keys().filter(|path| !new.contains_key(*path));
        Delta {
            set: set.map(|(path, object)| (path.clone(), object.clone())).collect(),
            unset: unset.cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::JsonDecoder;

    #[test]
    fn objects_are_the_schema_and_a_delta_is_the_difference() {
        let text = r#"{"extensions": ["citext"], "schemas": {"audit": {}}, "default_privileges": {"private_types": true},
            "tables": {"audit.log": {"columns": {"id": {"type": "int8"}}, "primary_key": ["id"]}, "b": {"columns": {"x": {"type": "text"}}}}}"#;
        let old_schema: Schema = serde_json::from_str(text).unwrap();
        let old_objects = objects(&old_schema);
        assert_eq!(schema(&old_objects, &JsonDecoder).unwrap(), old_schema);
        for (path, object, reason) in [
            ("tables", "{}", "tables is not an object of a schema"),
            ("tabels/a", "{}", "tabels/a is not an object of a schema"),
            ("tables/a.b.c", "{}", "tables/a.b.c: "),
            ("tables/a", r#"{"columns": {"x": {"type": "text", "nulable": true}}}"#, "tables/a: columns.x.nulable: "),
            ("extensions/A", "{}", "extensions/A: "),
        ] {
            let object = serde_json::from_str(object).unwrap();
            let error = schema(&Objects::from([(path.to_owned(), object)]), &JsonDecoder).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
        assert_eq!(
            old_objects.keys().collect::<Vec<_>>(),
            ["default_privileges/database", "extensions/citext", "schemas/audit", "tables/audit.log", "tables/b"]
        );
        let mut new_schema = old_schema.clone();
        new_schema.tables.pop_last();
        new_schema.extensions.clear();
        let new_objects = objects(&new_schema);
        let delta = Delta::between(&old_objects, &new_objects);
        assert_eq!(delta, Delta { set: Objects::new(), unset: vec!["extensions/citext".into(), "tables/b".into()] });
        let (mut digests, new_digests) = (Digests::of_objects(&old_objects), Digests::of_objects(&new_objects));
        assert_ne!(digests.root(), new_digests.root());
        digests.apply(&delta);
        assert_eq!(digests.root(), new_digests.root());
    }
}
