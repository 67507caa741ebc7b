//! Configuration files of a service: their content is part of the stack, or a text file of the project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;
use crate::values::{FileMode, ProjectPath};

/// A read-only file in the container of a service. Set exactly one of `text`, `yaml`, `json` and `from`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceFile {
    /// The content as text, or as a reference without secrets.
    pub text: Option<EnvValue>,
    /// A value that is written as YAML. References in it are replaced by their text.
    pub yaml: Option<Value>,
    /// A value that is written as JSON. References in it are replaced by their text.
    pub json: Option<Value>,
    /// A text file of the project, which is copied.
    pub from: Option<ProjectPath>,
    /// The mode of the file, for example `0755` for a program; 0644 by default.
    pub mode: Option<FileMode>,
}

/// Names of references; each is the only field of its record.
pub const REFERENCES: [&str; 11] = [
    "secret",
    "url",
    "public_url",
    "database_url",
    "pooled_url",
    "replica_url",
    "database_part",
    "stack",
    "mail",
    "by_profile",
    "join",
];

/// Returns the reference that a value in a file represents, such as `{ stack = "domain" }`; `None` for other values. A
/// record such as `{ url = "http://example.com" }` has the key of a reference, but is not one.
pub fn reference(value: &Value) -> Option<EnvValue> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.keys().find(|name| REFERENCES.contains(&name.as_str()))?;
    serde_json::from_value(value.clone()).ok()
}

impl ServiceFile {
    /// Calls `visit` with every reference in the content for these profiles.
    pub fn for_each_reference(&self, profiles: &[Profile], visit: &mut impl FnMut(&EnvReference)) {
        if let Some(text) = &self.text {
            text.for_each_reference(profiles, visit);
        }
        for value in self.yaml.iter().chain(&self.json) {
            visit_references(value, profiles, visit);
        }
    }
}

/// Calls `visit` with every reference in a value for these profiles, at any depth.
fn visit_references(value: &Value, profiles: &[Profile], visit: &mut impl FnMut(&EnvReference)) {
    if let Some(reference) = reference(value) {
        return reference.for_each_reference(profiles, visit);
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit_references(item, profiles, visit)),
        Value::Object(fields) => fields.values().for_each(|field| visit_references(field, profiles, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_record_with_one_known_key_is_a_reference() {
        for value in [json!({"stack": "domain"}), json!({"url": {"service": "redis"}}), json!({"secret": "key"})] {
            assert!(reference(&value).is_some(), "{value}");
        }
        for value in [
            json!({"url": "http://example.com"}),
            json!({"stack": "a stack of papers"}),
            json!({"stack": "domain", "other": 1}),
            json!("stack"),
        ] {
            assert!(reference(&value).is_none(), "{value}");
        }
    }

    #[test]
    fn references_are_found_at_any_depth() {
        let yaml = json!({"a": [{"b": {"url": {"service": "redis"}}}], "c": {"join": ["x", {"stack": "domain"}]}});
        let file = ServiceFile { yaml: Some(yaml), ..ServiceFile::default() };
        let mut names = Vec::new();
        file.for_each_reference(&Profile::ALL, &mut |reference| names.push(serde_json::to_value(reference).unwrap()));
        assert_eq!(names.len(), 3, "{names:?}");
    }

    #[test]
    fn only_references_of_the_profiles_are_visited() {
        let url = |name: &str| json!({"url": {"service": name}});
        let yaml = json!({"a": {"by_profile": {"local": url("redis"), "staging": "none", "prod": url("cache")}}});
        let file = ServiceFile { yaml: Some(yaml), ..ServiceFile::default() };
        let services = |profiles: &[Profile]| {
            let mut names = Vec::new();
            file.for_each_reference(profiles, &mut |reference| {
                if let EnvReference::Url(address) = reference {
                    names.push(address.service.to_string());
                }
            });
            names
        };
        assert_eq!(services(&[Profile::Prod]), ["cache"]);
        assert_eq!(services(&[Profile::Staging]), [""; 0]);
        assert_eq!(services(&Profile::ALL), ["redis", "cache"]);
    }
}
