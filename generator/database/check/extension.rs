//! Checks extensions: their schemas, the extensions that they require, and names of their objects without the schema.

use super::Check;
use crate::database::extension_catalogue::{
    extension_of_function, extension_of_operator_class, extension_of_type, fixed_schema, requirements,
};
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

impl Check<'_> {
    /// Reports extensions whose schema is not declared or not possible, and required extensions that are missing.
    pub(super) fn check_extensions(&mut self) {
        let (schema, path) = (self.schema, self.root.key("extensions"));
        for (name, extension) in &schema.extensions {
            if let Some(place) = &extension.schema {
                self.check_schema_of_extension(name.as_str(), place, &path);
            }
            let missing =
                requirements(name.as_str()).iter().filter(|required| !schema.extensions.contains_key(**required));
            for required in missing {
                let message = format!("the extension `{name}` requires the extension `{required}`");
                self.report(path.clone(), message, format!("add `\"{required}\"` to `extensions`"));
            }
        }
    }

    fn check_schema_of_extension(&mut self, name: &str, place: &SqlIdent, path: &FieldPath) {
        if let Some(fixed) = fixed_schema(name) {
            let message = format!("the extension `{name}` is always in the schema `{fixed}`");
            self.report(path.clone(), message, format!("write `\"{name}\"` instead of the record"));
        } else if !self.schema.schemas.contains_key(place.as_str()) {
            let message = format!("there is no schema `{place}`");
            self.report(path.clone(), message, format!("declare it: `schemas.{place} = {{}}`"));
        }
    }

    /// Returns the name, with its schema, of the object of an extension; `None` if the definition does not have the
    /// extension. `extension` is the extension that has an object of this name, if it is known.
    fn object_of_extension(&self, extension: Option<&str>, name: &str) -> Option<ObjectName> {
        let (extension_name, extension) = self.schema.extensions.get_key_value(extension?)?;
        Some(ObjectName::new_in(extension.schema_of(extension_name), name))
    }

    /// Returns the name of the type that an extension has in a different schema than `name`.
    pub(super) fn type_of_extension(&self, name: &ObjectName) -> Option<ObjectName> {
        let object = self.object_of_extension(extension_of_type(name.name()), name.name());
        object.filter(|object| object != name)
    }

    /// Reports an operator class that an extension has in a different schema.
    pub(super) fn check_operator_class(&mut self, name: &ObjectName, path: &FieldPath) {
        let object = self.object_of_extension(extension_of_operator_class(name.name()), name.name());
        if let Some(object) = object.filter(|object| object != name) {
            let message = format!("there is no operator class `{name}`");
            self.report(path.clone(), message, format!("write `{object}`, with the schema of its extension"));
        }
    }

    /// Reports a function that an expression calls without a schema and that an extension has in a different schema than
    /// `public`, which migrations do not search.
    pub(super) fn check_function_of_extension(&mut self, name: &str, path: &FieldPath) {
        let object = self.object_of_extension(extension_of_function(name), name);
        let Some(object) = object.filter(|object| object.schema() != PUBLIC_SCHEMA) else { return };
        if self.schema.functions_named(&ObjectName::new_in(PUBLIC_SCHEMA, name)).next().is_none() {
            let message = format!("there is no function `{name}` in the schema public");
            self.report(path.clone(), message, format!("write `{object}`, with the schema of its extension"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns message and hint of each finding about a definition.
    fn findings(definition: Value) -> Vec<(String, String)> {
        let schema: Schema = serde_json::from_value(definition).unwrap();
        let findings = super::super::check(&schema, &FieldPath::root());
        findings.into_iter().map(|finding| (finding.message, finding.hint)).collect()
    }

    /// Returns a definition with extensions in the schema `ext`, and a table with these fields.
    fn with_table(fields: &Value) -> Value {
        let in_ext = |name: &str| json!({ "name": name, "schema": "ext" });
        let mut table =
            json!({ "columns": { "id": { "type": "uuid" }, "mail": { "type": "text" } }, "primary_key": ["id"] });
        for (name, value) in fields.as_object().unwrap() {
            table[name] = value.clone();
        }
        let extensions = ["citext", "moddatetime", "pg_trgm", "uuid-ossp"].map(in_ext);
        json!({ "schemas": { "ext": {} }, "extensions": extensions, "tables": { "t": table } })
    }

    fn finding(message: &str, hint: &str) -> Vec<(String, String)> {
        vec![(message.to_owned(), hint.to_owned())]
    }

    #[test]
    fn schemas_and_required_extensions_must_be_declared() {
        assert_eq!(findings(json!({ "extensions": ["cube", "earthdistance", "pg_cron"] })), []);
        assert_eq!(
            findings(json!({ "extensions": [{ "name": "citext", "schema": "ext" }] })),
            finding("there is no schema `ext`", "declare it: `schemas.ext = {}`")
        );
        assert_eq!(
            findings(json!({ "extensions": ["earthdistance"] })),
            finding("the extension `earthdistance` requires the extension `cube`", "add `\"cube\"` to `extensions`")
        );
        assert_eq!(
            findings(json!({ "schemas": { "ext": {} }, "extensions": [{ "name": "pg_cron", "schema": "ext" }] })),
            finding(
                "the extension `pg_cron` is always in the schema `pg_catalog`",
                "write `\"pg_cron\"` instead of the record"
            )
        );
    }

    #[test]
    fn objects_are_in_the_schema_of_their_extension() {
        let column = |kind: &str, default: &str| json!({ "columns": { "id": { "type": "uuid", "default": default }, "mail": { "type": kind } } });
        let index = |class: &str| json!({ "indexes": { "i": { "columns": [{ "column": "mail", "opclass": class }], "using": "gin" } } });
        let trigger = |function: &str| json!({ "triggers": { "g": { "timing": "before", "events": ["update"], "function": function, "arguments": ["mail"] } } });
        let with_schema = "with the schema of its extension";
        for fields in [
            column("ext.citext", "ext.uuid_generate_v4()"),
            column("text", "gen_random_uuid()"),
            index("ext.gin_trgm_ops"),
            trigger("ext.moddatetime"),
        ] {
            assert_eq!(findings(with_table(&fields)), [], "{fields}");
        }
        assert_eq!(
            findings(with_table(&column("citext", "gen_random_uuid()"))),
            finding("there is no type `citext`", &format!("write `ext.citext`, {with_schema}"))
        );
        assert_eq!(
            findings(with_table(&column("text", "uuid_generate_v4()"))),
            finding(
                "there is no function `uuid_generate_v4` in the schema public",
                &format!("write `ext.uuid_generate_v4`, {with_schema}")
            )
        );
        assert_eq!(
            findings(with_table(&index("gin_trgm_ops"))),
            finding("there is no operator class `gin_trgm_ops`", &format!("write `ext.gin_trgm_ops`, {with_schema}"))
        );
        assert_eq!(
            findings(with_table(&trigger("moddatetime"))),
            finding(
                "there is no function `moddatetime` that returns trigger",
                "write the schema of the extension before the name: `ext.moddatetime`"
            )
        );
    }
}
