//! Makes missing secrets and composes those that consist of others.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Folder, certificate, environment_file, modes};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::secret_list::Recipe;
use crate::stack::secret::Encoding;
use crate::stack::{Profile, TemplatePart};
use crate::values::SecretName;

/// What a run did, by name.
#[derive(Debug, Default)]
pub struct Outcome {
    pub made: Vec<SecretName>,
    pub kept: Vec<SecretName>,
    /// Secrets that only the operator has: name and what it is.
    pub wanted: Vec<(SecretName, String)>,
    /// What else the operator should know.
    pub findings: Vec<Diagnostic>,
    /// Why a committed value would not be recognised.
    pub remark: Option<String>,
}

/// Makes what is missing; never replaces a value that exists.
///
/// # Errors
/// File operations that fail, values that git tracks, and values that an environment file cannot carry.
pub fn init(folder: &Folder) -> Result<Outcome, Vec<Diagnostic>> {
    let mut outcome = Outcome { remark: folder.refuse_tracked()?, ..Outcome::default() };
    outcome.findings.extend(modes::repair(folder).map_err(|finding| vec![finding])?);
    let mut values: BTreeMap<SecretName, String> = BTreeMap::new();
    let fail = |finding| vec![finding];
    for (name, entry) in &folder.list.secrets {
        let old = folder.read(name).map_err(fail)?;
        let made = match (&entry.recipe, old) {
            (Recipe::Random { length }, None) => Some(random(*length).map_err(fail)?),
            (Recipe::External { .. }, None) if folder.list.profile == Profile::Local => Some(random(43).map_err(fail)?),
            (Recipe::External { what }, None) => {
                outcome.wanted.push((name.clone(), what.to_string()));
                None
            }
            (Recipe::Random { .. } | Recipe::External { .. }, Some(old)) => {
                values.insert(name.clone(), old);
                outcome.kept.push(name.clone());
                None
            }
            _ => None,
        };
        if let Some(value) = made {
            folder.write(name, &value).map_err(fail)?;
            values.insert(name.clone(), value);
            outcome.made.push(name.clone());
        }
    }
    for (name, entry) in &folder.list.secrets {
        if let Recipe::Template { parts } = &entry.recipe {
            let Some(value) = compose(parts, &values) else { continue };
            let same = folder.read(name).map_err(fail)?.as_deref() == Some(value.as_str());
            if same {
                outcome.kept.push(name.clone());
            } else {
                folder.write(name, &value).map_err(fail)?;
                outcome.made.push(name.clone());
            }
            values.insert(name.clone(), value);
        }
    }
    certificate::renew(folder, &mut outcome).map_err(fail)?;
    environment_file::write(folder, &values)?;
    Ok(outcome)
}

/// The composed value; nothing while a part is missing.
fn compose(parts: &[TemplatePart], values: &BTreeMap<SecretName, String>) -> Option<String> {
    let mut whole = String::new();
    for part in parts {
        if let Some(text) = &part.text {
            whole.push_str(text.as_str());
        }
        if let Some(name) = &part.secret {
            let value = values.get(name)?;
            match part.encode {
                Encoding::None => whole.push_str(value),
                Encoding::Url => percent(value, &mut whole),
                Encoding::Json => {
                    let quoted = serde_json::to_string(value).ok()?;
                    whole.push_str(quoted.strip_prefix('"')?.strip_suffix('"')?);
                }
            }
        }
    }
    Some(whole)
}

/// Everything but unreserved characters (RFC 3986, section 2.3).
fn percent(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// `[A-Za-z0-9]`, drawn without bias.
fn random(length: u16) -> Result<String, Diagnostic> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    while text.len() < usize::from(length) {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes).map_err(|error| {
            Diagnostic::error(Code::Io, FieldPath::root())
                .message(format!("the system gives no random numbers: {error}"))
        })?;
        // 248 = 4 × 62: larger bytes would favour the first letters.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(usize::from(length) - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Checked, Text};

    #[test]
    fn random_text_has_its_length_and_alphabet_and_never_repeats() {
        let (a, b) = (random(43).unwrap(), random(43).unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.chars().all(|c| c.is_ascii_alphanumeric()));
    }

    /// Defect 10 of the incumbent: a password with `@ : / #` broke the URL.
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
        let url = compose(&parts, &BTreeMap::from([(name.clone(), password.to_owned())])).unwrap();
        let encoded = url.strip_prefix("postgres://u:").unwrap().strip_suffix("@h/d").unwrap();
        assert!(encoded.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%".contains(c)), "{encoded}");
        let mut bytes = Vec::new();
        let mut rest = encoded.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = match first {
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
            let value = compose(&parts, &BTreeMap::from([(name.clone(), secret.to_owned())])).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&value).unwrap()["key"], secret);
        }
    }
}
