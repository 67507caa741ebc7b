//! Extensions of a database. A definition lists them as names, or as records with the schema and the version.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::database::extension_catalogue::{extension_of_type, fixed_schema, in_order_of_creation, is_in_one_schema};
use crate::values::checked::check_text;
use crate::values::{ExtensionName, ExtensionVersion};

/// The extensions of a database, by name.
pub type Extensions = BTreeMap<ExtensionName, Extension>;

/// Where an extension is installed, and its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extension {
    /// The schema of its objects; `None` is `public`, or the schema that the extension always has.
    #[serde(skip_serializing_if = "is_default")]
    pub schema: Option<SqlIdent>,
    /// The server chooses the version if this is `None`.
    #[serde(skip_serializing_if = "is_default")]
    pub version: Option<ExtensionVersion>,
}

impl Extension {
    /// Returns the schema that contains the objects of the extension `name`.
    pub fn schema_of(&self, name: &ExtensionName) -> &str {
        self.schema.as_ref().map_or_else(|| fixed_schema(name.as_str()).unwrap_or(PUBLIC_SCHEMA), SqlIdent::as_str)
    }
}

/// An extension that a migration requires. With a schema, it is created in this schema or moved to it; without one, it is
/// created in the default schema and not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredExtension {
    pub name: ExtensionName,
    pub extension: Extension,
}

impl Serialize for RequiredExtension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ListedExtension::from((&self.name, &self.extension)).serialize(serializer)
    }
}

impl Schema {
    /// Returns all extensions in the order of their creation.
    pub fn required_extensions(&self) -> Vec<RequiredExtension> {
        let names = in_order_of_creation(&self.extensions.keys().cloned().collect());
        let required = names.into_iter().filter_map(|name| {
            let extension = self.extensions.get(&name)?.clone();
            Some(RequiredExtension { name, extension })
        });
        required.collect()
    }

    /// Returns the extensions whose objects are in a schema.
    pub fn extensions_in<'a>(&'a self, schema: &'a str) -> impl Iterator<Item = &'a ExtensionName> {
        self.extensions
            .iter()
            .filter(move |(name, extension)| extension.schema_of(name) == schema)
            .map(|(name, _)| name)
    }

    /// Returns the extension that has a type of this name in its schema; `None` if no known extension of the definition
    /// has one, or if the definition declares the name.
    pub fn extension_with_type(&self, name: &ObjectName) -> Option<&ExtensionName> {
        let (extension_name, extension) = self.extensions.get_key_value(extension_of_type(name.name())?)?;
        let is_declared = self.has_type(name) || self.tables.contains_key(name) || self.views.contains_key(name);
        (extension.schema_of(extension_name) == name.schema() && !is_declared).then_some(extension_name)
    }

    /// Returns whether an extension may have an object of this name: its objects are in its schema, and unknown
    /// extensions may create further schemas.
    pub fn extension_may_have(&self, name: &ObjectName) -> bool {
        let may_have_schema = |(extension_name, extension): (&ExtensionName, &Extension)| {
            extension.schema_of(extension_name) == name.schema() || !is_in_one_schema(extension_name.as_str())
        };
        self.extensions.iter().any(may_have_schema)
    }
}

/// An item of the list in a definition: the name of an extension, or a record.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Extension")]
pub enum ListedExtension {
    Name(ExtensionName),
    Detailed(DetailedExtension),
}

/// An extension with its schema or version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetailedExtension {
    name: ExtensionName,
    /// The schema of its objects, `public` by default.
    #[serde(default, skip_serializing_if = "is_default")]
    schema: Option<SqlIdent>,
    /// The version; the server chooses one by default.
    #[serde(default, skip_serializing_if = "is_default")]
    version: Option<ExtensionVersion>,
}

impl<'de> Deserialize<'de> for ListedExtension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrRecord;
        impl<'de> serde::de::Visitor<'de> for NameOrRecord {
            type Value = ListedExtension;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("the name of an extension, or a record with `name`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ListedExtension, E> {
                check_text::<ExtensionName>(text.to_owned()).map(ListedExtension::Name).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<ListedExtension, A::Error> {
                DetailedExtension::deserialize(MapAccessDeserializer::new(map)).map(ListedExtension::Detailed)
            }
        }
        deserializer.deserialize_any(NameOrRecord)
    }
}

impl From<ListedExtension> for (ExtensionName, Extension) {
    fn from(item: ListedExtension) -> Self {
        match item {
            ListedExtension::Name(name) => (name, Extension::default()),
            ListedExtension::Detailed(DetailedExtension { name, schema, version }) => {
                // The default schema has one spelling.
                (name, Extension { schema: schema.filter(|schema| schema.as_str() != PUBLIC_SCHEMA), version })
            }
        }
    }
}

impl From<(&ExtensionName, &Extension)> for ListedExtension {
    fn from((name, extension): (&ExtensionName, &Extension)) -> Self {
        let (name, Extension { schema, version }) = (name.clone(), extension.clone());
        match (schema, version) {
            (None, None) => ListedExtension::Name(name),
            (schema, version) => ListedExtension::Detailed(DetailedExtension { name, schema, version }),
        }
    }
}

/// Reads and writes extensions as the list of a definition.
pub(super) mod extension_list {
    use super::*;

    pub fn serialize<S: Serializer>(extensions: &Extensions, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(extensions.iter().map(ListedExtension::from))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Extensions, D::Error> {
        let mut extensions = Extensions::new();
        for item in Vec::<ListedExtension>::deserialize(deserializer)? {
            let (name, extension): (ExtensionName, Extension) = item.into();
            if extensions.get(&name).is_some_and(|other| *other != extension) {
                let reason = format!("the extension `{name}` is listed twice, with different fields");
                return Err(serde::de::Error::custom(reason));
            }
            extensions.insert(name, extension);
        }
        Ok(extensions)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(extensions: serde_json::Value) -> Result<Schema, serde_json::Error> {
        serde_json::from_value(json!({ "extensions": extensions }))
    }

    #[test]
    fn an_extension_is_a_name_unless_it_has_a_schema_or_a_version() {
        let list = json!(["citext", { "name": "pgcrypto", "schema": "extensions", "version": "1.3" }]);
        let schema = read(list.clone()).unwrap();
        assert_eq!(serde_json::to_value(&schema).unwrap()["extensions"], list);
        let name = |name: &str| ExtensionName::new(name).unwrap();
        assert_eq!(schema.extensions["citext"].schema_of(&name("citext")), "public");
        assert_eq!(schema.extensions["pgcrypto"].schema_of(&name("pgcrypto")), "extensions");
        let in_public = read(json!([{ "name": "citext", "schema": "public" }, "citext", "pg_cron"])).unwrap();
        assert_eq!(serde_json::to_value(&in_public).unwrap()["extensions"], json!(["citext", "pg_cron"]));
        assert_eq!(in_public.extensions["pg_cron"].schema_of(&name("pg_cron")), "pg_catalog");
    }

    #[test]
    fn malformed_and_contradicting_extensions_are_refused() {
        for list in [
            json!([{ "name": "citext", "schem": "a" }]),
            json!([{ "schema": "a" }]),
            json!([{ "name": "citext", "schema": "pg_catalog" }]),
            json!([{ "name": "citext", "version": "1--2" }]),
            json!([{ "name": "citext", "version": "1'" }]),
            json!(["citext", { "name": "citext", "schema": "a" }]),
        ] {
            assert!(read(list.clone()).is_err(), "{list}");
        }
    }
}
