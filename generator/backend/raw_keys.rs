//! Raw keys: settings of a platform that nself does not model. They are checked by name and by type.

use serde_json::Value;

use super::provenance::KeyFields;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// The type of a raw key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Flag,
    List,
    Record,
    ListOrRecord,
    /// A record of limits, each a number or a record of numbers.
    Limits,
}

impl Kind {
    /// Returns whether a value has this type.
    fn accepts(self, value: &Value) -> bool {
        match self {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Record => value.is_object(),
            Kind::ListOrRecord => value.is_array() || value.is_object(),
            Kind::Limits => value.as_object().is_some_and(|limits| {
                limits.values().all(|limit| {
                    let fields = limit.as_object();
                    limit.is_number() || fields.is_some_and(|fields| fields.values().all(Value::is_number))
                })
            }),
        }
    }

    /// Returns the description of this type in messages.
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Flag => "true or false",
            Kind::List => "an array",
            Kind::Record => "a record",
            Kind::ListOrRecord => "an array or a record",
            Kind::Limits => "a record of numbers, or of records such as `{ soft = 1024, hard = 4096 }`",
        }
    }
}

/// A platform with its raw keys.
pub struct PlatformKeys {
    /// The platform's name in messages.
    pub name: &'static str,
    pub keys: &'static [(&'static str, Kind)],
    /// Keys that nself writes from fields of a service that have other names than the keys.
    pub key_fields: &'static [KeyFields],
    /// Keys that nself writes from fields of a service that have the same names as the keys.
    pub same_fields: &'static [&'static str],
}

impl PlatformKeys {
    /// Returns the finding for a raw key of the service `owner` that nself refuses; `None` for an allowed key.
    pub fn refusal(&self, key: &str, value: &Value, path: FieldPath, owner: &str) -> Option<Diagnostic> {
        let finding = Diagnostic::error(Code::RawKey, path);
        let Some((_, kind)) = self.keys.iter().find(|(name, _)| *name == key) else {
            return Some(match self.fields_for_key(key) {
                Some(fields) => finding
                    .message(format!("nself already writes the key `{key}` of {}", self.name))
                    .hint(format!("set {fields} of `services.{owner}` instead")),
                None => finding
                    .message(format!("nself does not accept the key `{key}` of {}", self.name))
                    .expected("one of the keys that `nself explain NS702` lists")
                    .hint(words::suggestion(key, self.keys.iter().map(|(name, _)| *name))),
            });
        };
        (!kind.accepts(value)).then(|| {
            let message = format!("the key `{key}` of {} must be {}", self.name, kind.name());
            finding.message(message).expected(kind.name().to_owned())
        })
    }

    /// Returns the fields of a service from which nself writes a key, as text for a message; `None` if there are none.
    fn fields_for_key(&self, key: &str) -> Option<String> {
        let entry = self.key_fields.iter().find(|(name, fields)| *name == key && !fields.is_empty());
        let fields = entry.map(|(_, fields)| fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>());
        let same_field = || self.same_fields.contains(&key).then(|| vec![format!("`{key}`")]);
        fields.or_else(same_field).map(|fields| words::one_of(&fields))
    }

    /// Returns the platform's name and its keys for a message, such as `Compose: hostname, dns`.
    pub fn list(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|(name, _)| *name).collect();
        format!("{}: {}", self.name, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::path;

    const PLATFORM: PlatformKeys = PlatformKeys {
        name: "Compose",
        keys: &[("hostname", Kind::Text), ("dns", Kind::List)],
        key_fields: &[("environment", &["env", "extra_env"])],
        same_fields: &["image"],
    };

    fn refusal(key: &str, value: &Value) -> Option<(String, String)> {
        let finding = PLATFORM.refusal(key, value, path!("services", "orders", "compose"), "orders")?;
        Some((finding.message, finding.hint))
    }

    #[test]
    fn a_raw_key_is_checked_by_name_and_type() {
        assert_eq!(refusal("hostname", &json!("a")), None);
        assert_eq!(refusal("hostname", &json!(1)).unwrap().0, "the key `hostname` of Compose must be text");
        let (message, hint) = refusal("hostnam", &json!("a")).unwrap();
        assert_eq!(message, "nself does not accept the key `hostnam` of Compose");
        assert_eq!(hint, "did you mean `hostname`?");
        assert_eq!(refusal("bogus", &json!("a")).unwrap().1, "");
        let (message, hint) = refusal("environment", &json!({})).unwrap();
        assert_eq!(message, "nself already writes the key `environment` of Compose");
        assert_eq!(hint, "set one of `env`, `extra_env` of `services.orders` instead");
        assert_eq!(refusal("image", &json!("a")).unwrap().1, "set `image` of `services.orders` instead");
        assert_eq!(PLATFORM.list(), "Compose: hostname, dns");
    }
}
