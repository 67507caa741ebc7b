//! Creates missing secrets, and composes secrets from other secrets.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::created_secrets::CreatedSecrets;
use super::folder::SecretFolder;
use super::random::{encoded_bytes, random_text};
use super::{certificate, environment_file, modes, placeholder};
use crate::diagnostic::Diagnostic;
use crate::plan::secret_list::Recipe;
use crate::stack::secret::{Encoding, RandomBytes};
use crate::stack::{Profile, TemplatePart};
use crate::values::{SecretName, Text};

/// Creates the missing values of an environment and writes its `.env`. Does not change existing values, except composed
/// values whose parts changed, and certificates that expire soon.
///
/// # Errors
/// NS509 for values that git tracks, NS106 for malformed values and those that an environment file cannot hold, NS804 if a
/// file operation fails.
pub fn create_missing(folder: &SecretFolder) -> Result<CreatedSecrets, Vec<Diagnostic>> {
    let mut report = CreatedSecrets { version_control_problem: folder.refuse_tracked()?, ..CreatedSecrets::default() };
    report.findings.extend(modes::repair(folder).map_err(|finding| vec![finding])?);
    folder.refuse_malformed()?;
    let values = create_values(folder, &mut report).map_err(|finding| vec![finding])?;
    environment_file::write(folder, &values)?;
    Ok(report)
}

/// The origin of a value that is not composed.
enum Origin<'a> {
    /// nself creates this number of random characters.
    Random(u16),
    RandomBytes(RandomBytes),
    /// The operator provides the value, which has this description. In the local profile, nself creates a placeholder of
    /// this length, with which the stack starts.
    Placeholder(&'a Text, u16),
    /// The operator provides the value, which has this description.
    Operator(&'a Text),
}

/// Creates missing values, and returns the values of all secrets except certificates and values that the operator has
/// not provided, by name.
fn create_values(
    folder: &SecretFolder,
    report: &mut CreatedSecrets,
) -> Result<BTreeMap<SecretName, String>, Diagnostic> {
    let mut values = BTreeMap::new();
    for (name, entry) in &folder.list.secrets {
        let origin = match &entry.recipe {
            Recipe::Random { length } => Origin::Random(*length),
            Recipe::RandomBytes(bytes) => Origin::RandomBytes(*bytes),
            Recipe::External { what } if folder.list.profile == Profile::Local => {
                Origin::Placeholder(what, entry.min_length.unwrap_or_default())
            }
            Recipe::External { what } => Origin::Operator(what),
            _ => continue,
        };
        let existing = folder.read(name)?;
        let new = match &origin {
            _ if existing.is_some() => None,
            Origin::Random(length) => Some(random_text(*length)?),
            Origin::RandomBytes(bytes) => Some(encoded_bytes(*bytes)?),
            Origin::Placeholder(_, min_length) => Some(placeholder::new(*min_length)?),
            Origin::Operator(description) => {
                report.required.push((name.clone(), description.to_string()));
                None
            }
        };
        if let Some(value) = &new {
            folder.write(name, value)?;
            report.created.push(name.clone());
        } else if existing.is_some() {
            report.existing.push(name.clone());
        }
        let Some(value) = new.or(existing) else { continue };
        if let Origin::Placeholder(description, _) = origin
            && placeholder::is_placeholder(&value)
        {
            report.placeholders.push((name.clone(), description.to_string()));
        }
        values.insert(name.clone(), value);
    }
    for (name, entry) in &folder.list.secrets {
        let Recipe::Template { parts } = &entry.recipe else { continue };
        let Some(value) = compose_value(parts, &values) else { continue };
        // `read` removes one line break at the end.
        if folder.read(name)?.as_deref() == Some(value.strip_suffix('\n').unwrap_or(&value)) {
            report.existing.push(name.clone());
        } else {
            folder.write(name, &value)?;
            report.created.push(name.clone());
        }
        values.insert(name.clone(), value);
    }
    certificate::renew(folder, report)?;
    Ok(values)
}

/// Returns the composed value; `None` if a part has no value.
fn compose_value(parts: &[TemplatePart], values: &BTreeMap<SecretName, String>) -> Option<String> {
    let mut composed = String::new();
    for part in parts {
        if let Some(text) = &part.text {
            composed.push_str(text.as_str());
        }
        if let Some(name) = &part.secret {
            composed.push_str(&encode(values.get(name)?, part.encode)?);
        }
    }
    Some(composed)
}

/// Returns a value as it is written inside of other text.
pub(super) fn encode(value: &str, encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::None => Some(value.to_owned()),
        Encoding::Url => Some(percent_encode(value)),
        Encoding::Json => {
            let quoted = serde_json::to_string(value).ok()?;
            Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
    }
}

/// Returns a value with each byte encoded that RFC 3986, section 2.3, does not call unreserved: `p@ss` becomes `p%40ss`.
fn percent_encode(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Checked, Text};

    /// A password with `@ : / #` must not change the meaning of the URL that contains it.
    #[test]
    fn a_password_with_reserved_characters_survives_the_url() {
        let name = SecretName::wrap("pw".into());
        let password = "p@ss:/#?%[] wörd$";
        let text = |text: &str| TemplatePart { text: Some(Text::wrap(text.into())), ..TemplatePart::default() };
        let parts = [
            text("postgres://u:"),
            TemplatePart { secret: Some(name.clone()), encode: Encoding::Url, ..TemplatePart::default() },
            text("@h/d"),
        ];
        let url = compose_value(&parts, &BTreeMap::from([(name.clone(), password.to_owned())])).unwrap();
        let encoded = url.strip_prefix("postgres://u:").unwrap().strip_suffix("@h/d").unwrap();
        assert!(encoded.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%".contains(c)), "{encoded}");
        let mut bytes = Vec::new();
        let mut remaining = encoded.as_bytes();
        while let [first, tail @ ..] = remaining {
            remaining = match first {
                b'%' => {
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                    &tail[2..]
                }
                byte => {
                    bytes.push(*byte);
                    tail
                }
            };
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), password);
    }

    #[test]
    fn json_keeps_quotes_inside_the_string() {
        let name = SecretName::wrap("key".into());
        let parts = [
            TemplatePart { text: Some(Text::wrap(r#"{"key":""#.into())), ..TemplatePart::default() },
            TemplatePart { secret: Some(name.clone()), encode: Encoding::Json, ..TemplatePart::default() },
            TemplatePart { text: Some(Text::wrap(r#""}"#.into())), ..TemplatePart::default() },
        ];
        for secret in ["a\"b\\c", "\"ends with a quote\"", "ends with \\"] {
            let value = compose_value(&parts, &BTreeMap::from([(name.clone(), secret.to_owned())])).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&value).unwrap()["key"], secret);
        }
    }
}
