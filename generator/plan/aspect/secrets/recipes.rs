//! The recipes of declared secrets, and of connection URLs.

use std::collections::BTreeMap;

use super::declared::{DeclaredSecrets, NeededValue};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::aspect::databases::{Role, Url};
use crate::plan::aspect::encryption;
use crate::plan::secret_list::Recipe;
use crate::stack::secret::{Encoding, RandomBytes};
use crate::stack::{self, Stack, TemplatePart};
use crate::values::{Checked, SecretName, Text};
use crate::words;

/// Characters of a generated password: 62^43 is more than 2^256.
pub const RANDOM_LENGTH: u16 = 43;

/// The smallest number of characters of `[A-Za-z0-9]` that gives a random value 128 bits.
const MIN_LENGTH: u16 = 22;

/// The smallest number of random bytes: 128 bits.
const MIN_BYTES: u16 = 16;

/// Returns the recipe of a declared secret. Adds findings about a secret that is too short or has no clear recipe.
pub fn recipe(secret: &stack::Secret, path: &FieldPath, findings: &mut Vec<Diagnostic>) -> Recipe {
    let stack::Secret { random, random_bytes, template, external, min_length: required } = secret;
    match (random, random_bytes, template, external) {
        (Some(length), None, None, None) => {
            findings.extend(weak_text(*length, *required, path));
            Recipe::Random { length: *length }
        }
        (None, Some(bytes), None, None) => {
            findings.extend(weak_bytes(*bytes, *required, path));
            Recipe::RandomBytes(*bytes)
        }
        (None, None, Some(parts), None) => Recipe::Template { parts: parts.clone() },
        (None, None, None, Some(what)) => Recipe::External { what: what.clone() },
        _ => {
            findings.push(
                Diagnostic::error(Code::BadValue, path.clone())
                    .message("a secret must have exactly one of `random`, `random_bytes`, `template` and `external`")
                    .expected("`nself.random 43`, `nself.template […]` or `nself.external \"what it is\"`"),
            );
            Recipe::Random { length: RANDOM_LENGTH }
        }
    }
}

/// Returns a finding if random text can be guessed, or is shorter than a service requires.
fn weak_text(length: u16, required: Option<u16>, path: &FieldPath) -> Option<Diagnostic> {
    let finding = Diagnostic::error(Code::WeakSecret, path.key("random"));
    if length < MIN_LENGTH {
        return Some(
            finding
                .message(format!("a secret of {} can be guessed", words::count(length, "character")))
                .expected(format!("at least {MIN_LENGTH} characters, for 128 bits"))
                .hint("use `nself.random 43`"),
        );
    }
    let required = required.filter(|required| *required > length)?;
    let message = format!("the secret has {}, but a service requires {required}", words::count(length, "character"));
    Some(finding.message(message).hint(format!("use `nself.random {required}`")))
}

/// Returns a finding if random bytes can be guessed, or their text is shorter than a service requires.
fn weak_bytes(bytes: RandomBytes, required: Option<u16>, path: &FieldPath) -> Option<Diagnostic> {
    let finding = Diagnostic::error(Code::WeakSecret, path.key("random_bytes").key("count"));
    if bytes.count < MIN_BYTES {
        return Some(
            finding
                .message(format!("a secret of {} can be guessed", words::count(bytes.count, "byte")))
                .expected(format!("at least {MIN_BYTES} bytes, for 128 bits"))
                .hint("use 32 bytes, such as `nself.random_hex 32`"),
        );
    }
    let required = required.filter(|required| u32::from(*required) > bytes.characters())?;
    let message =
        format!("the secret has {}, but a service requires {required}", words::count(bytes.characters(), "character"));
    Some(finding.message(message).hint("use more bytes, or correct `min_length`"))
}

/// Returns the recipe of a connection URL, which contains the role's password.
pub fn url_recipe(stack: &Stack, role: &Role, url: &Url) -> Recipe {
    let text = |text: String| TemplatePart { text: Some(Text::wrap(text)), ..TemplatePart::default() };
    let password =
        TemplatePart { secret: Some(role.password.clone()), encode: Encoding::Url, ..TemplatePart::default() };
    let parameters = encryption::url_parameters(stack, url.endpoint);
    let address = format!("@{}:{}/{}{parameters}", url.host, url.port, url.database);
    Recipe::Template { parts: vec![text(format!("postgres://{}:", role.name)), password, text(address)] }
}

/// Checks that templates refer to existing secrets that are not templates. `declared_at` has the secrets to check,
/// each with its path.
pub fn check_templates(declared: &DeclaredSecrets, declared_at: &BTreeMap<SecretName, FieldPath>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, path) in declared_at {
        let Some(Recipe::Template { parts }) = declared.recipe(name) else {
            continue;
        };
        for (i, part) in parts.iter().enumerate() {
            let path = path.key("template").index(i);
            if part.text.is_some() == part.secret.is_some() {
                findings.push(
                    Diagnostic::error(Code::BadValue, path.clone())
                        .message("a part of a template must be either `text` or `secret`")
                        .expected("`{ text = \"…\" }` or `{ secret = \"name\" }`"),
                );
            }
            let Some(part_name) = &part.secret else { continue };
            match declared.recipe(part_name) {
                Some(Recipe::Template { .. }) => findings.push(
                    Diagnostic::error(Code::UnknownSecret, path)
                        .message(format!("a template cannot contain `{part_name}`, which is a template too"))
                        .expected("a random or external secret"),
                ),
                Some(_) => {}
                None => findings.push(declared.unknown_secret(part_name, NeededValue::Any, path)),
            }
        }
    }
    findings
}
