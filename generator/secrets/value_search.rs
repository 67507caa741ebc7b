//! Searches files for values of secrets. A value is found also in the forms in which files contain it: percent-encoded in
//! a URL, quoted in JSON, and base64 in a Secret of Kubernetes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::create::encode;
use crate::stack::secret::Encoding;

/// Minimum length in bytes of a value that is searched. Shorter ones, such as a PIN of six digits, occur by chance.
const MIN_LENGTH: usize = 12;
/// The number of bytes at the start of a value by which it is found.
const START_LENGTH: usize = 4;

/// A secret whose value is searched.
pub struct SearchedSecret {
    pub name: String,
    pub environment: String,
    /// The advice for replacing the value.
    pub remedy: String,
}

/// The values to search.
#[derive(Default)]
pub struct ValueSearch {
    secrets: Vec<SearchedSecret>,
    /// The forms of all values, each with the index of its secret, by their first bytes.
    forms: BTreeMap<[u8; START_LENGTH], Vec<(Vec<u8>, usize)>>,
}

impl ValueSearch {
    /// Adds a value, unless it is too short.
    pub fn add(&mut self, secret: SearchedSecret, value: &str) {
        if value.len() < MIN_LENGTH {
            return;
        }
        let index = self.secrets.len();
        self.secrets.push(secret);
        let encodings = [Encoding::None, Encoding::Url, Encoding::Json];
        let mut forms: Vec<String> = encodings.into_iter().filter_map(|encoding| encode(value, encoding)).collect();
        // Base64 of whole groups of three bytes does not depend on the bytes after them, such as a line break.
        forms.push(STANDARD.encode(&value.as_bytes()[..value.len() / 3 * 3]));
        forms.sort();
        forms.dedup();
        for form in forms {
            let Some(start) = form.as_bytes().first_chunk::<START_LENGTH>() else { continue };
            self.forms.entry(*start).or_default().push((form.into_bytes(), index));
        }
    }

    /// Returns the first value in a text, with the index of its first byte.
    pub fn first_in(&self, text: &[u8]) -> Option<(usize, &SearchedSecret)> {
        // Most bytes are not the first one of any value.
        let mut is_first_byte = [false; 256];
        self.forms.keys().for_each(|start| is_first_byte[usize::from(start[0])] = true);
        let mut starts =
            text.windows(START_LENGTH).enumerate().filter(|(_, start)| is_first_byte[usize::from(start[0])]);
        starts.find_map(|(offset, start)| {
            let forms = self.forms.get(start)?;
            let (_, index) = forms.iter().find(|(form, _)| text[offset..].starts_with(form))?;
            Some((offset, &self.secrets[*index]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_each_form() {
        let mut search = ValueSearch::default();
        let secret =
            |name: &str| SearchedSecret { name: name.into(), environment: "prod".into(), remedy: String::new() };
        search.add(secret("password"), "tulip/\"bed\" 42$");
        search.add(secret("token"), "tulipomania4242");
        search.add(secret("pin"), "tulip");
        let name_in =
            |text: &str| search.first_in(text.as_bytes()).map(|(offset, secret)| (offset, secret.name.as_str()));
        for (text, expected) in [
            ("tulip/\"bed\" 42$", Some((0, "password"))),
            ("a=tulipomania4242", Some((2, "token"))),
            ("postgres://u:tulip%2F%22bed%22%2042%24@db", Some((13, "password"))),
            ("{\"p\": \"tulip/\\\"bed\\\" 42$\"}", Some((7, "password"))),
            ("value: dHVsaXBvbWFuaWE0MjQyCg==", Some((7, "token"))),
            ("tulip tulipomania tulip/", None),
            ("", None),
            ("tul", None),
        ] {
            assert_eq!(name_in(text), expected, "{text}");
        }
    }
}
