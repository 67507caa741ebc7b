//! Raw keys: settings of a platform that nself does not model. They are checked by name and by type.

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words::nearest;

/// The type of a raw key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Flag,
    List,
    Record,
    ListOrRecord,
}

impl Kind {
    fn accepts(self, value: &Value) -> bool {
        match self {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Record => value.is_object(),
            Kind::ListOrRecord => value.is_array() || value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Flag => "true or false",
            Kind::List => "an array",
            Kind::Record => "a record",
            Kind::ListOrRecord => "an array or a record",
        }
    }
}

/// A platform with its raw keys.
pub struct Target {
    /// The platform's name in messages.
    pub name: &'static str,
    pub keys: &'static [(&'static str, Kind)],
}

impl Target {
    /// Returns the finding for a raw key of the service `owner` that nself refuses; `None` for an allowed key.
    pub fn refusal(&self, key: &str, value: &Value, path: FieldPath, owner: &str) -> Option<Diagnostic> {
        let finding = Diagnostic::error(Code::RawKey, path);
        let Some((_, kind)) = self.keys.iter().find(|(name, _)| *name == key) else {
            let finding = finding
                .message(format!(
                    "the raw key `{key}` is not allowed: either nself sets it from other fields, or {} has no such key",
                    self.name
                ))
                .expected("one of the keys that `nself explain NS702` lists");
            return Some(match nearest(key, self.keys.iter().map(|(name, _)| *name)) {
                Some(nearest) => finding.hint(format!("did you mean `{nearest}`?")),
                None => finding.hint(format!(
                    "look for a field of `services.{owner}` for this setting: `nself schema Service` lists them"
                )),
            });
        };
        (!kind.accepts(value)).then(|| {
            finding.message(format!("the raw key `{key}` must be {}", kind.name())).expected(kind.name().to_owned())
        })
    }

    /// Returns the names of all keys for a message.
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

    const TARGET: Target = Target { name: "Compose", keys: &[("hostname", Kind::Text), ("dns", Kind::List)] };

    fn refusal(key: &str, value: &Value) -> Option<(String, String)> {
        let finding = TARGET.refusal(key, value, path!("services", "orders", "compose"), "orders")?;
        Some((finding.message, finding.hint))
    }

    #[test]
    fn a_raw_key_is_checked_by_name_and_type() {
        assert_eq!(refusal("hostname", &json!("a")), None);
        assert_eq!(refusal("hostname", &json!(1)).unwrap().0, "the raw key `hostname` must be text");
        let (message, hint) = refusal("hostnam", &json!("a")).unwrap();
        assert_eq!(
            message,
            "the raw key `hostnam` is not allowed: either nself sets it from other fields, or Compose has no such key"
        );
        assert_eq!(hint, "did you mean `hostname`?");
        assert!(refusal("bogus", &json!("a")).unwrap().1.starts_with("look for a field"));
        assert_eq!(TARGET.list(), "Compose: hostname, dns");
    }
}
