//! Placeholders: in the local profile, random values in place of those that the operator receives from another party. The
//! stack starts with them, but the other party does not know them.

use super::folder::SecretFolder;
use super::missing::with_article;
use super::random::random_text;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::{Recipe, SecretEntry};
use crate::values::SecretName;

/// The start of each placeholder, by which later runs and people recognize it.
const START: &str = "placeholder";
/// The number of random characters of a placeholder.
const RANDOM_LENGTH: u16 = 32;

/// Returns a new placeholder with at least this number of characters.
pub fn new(min_length: u16) -> Result<String, Diagnostic> {
    let missing = usize::from(min_length).saturating_sub(START.len());
    let random_length = u16::try_from(missing).unwrap_or(u16::MAX).max(RANDOM_LENGTH);
    Ok(format!("{START}{}", random_text(random_length)?))
}

/// Returns whether nself created the value as a placeholder.
pub fn is_placeholder(value: &str) -> bool {
    value.strip_prefix(START).is_some_and(|random| {
        random.len() >= usize::from(RANDOM_LENGTH) && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Returns a warning if the operator has not replaced the placeholder of a value that another party issues.
pub fn finding((folder, name, entry): (&SecretFolder, &SecretName, &SecretEntry), value: &str) -> Option<Diagnostic> {
    let Recipe::External { what } = &entry.recipe else { return None };
    let finding = Diagnostic::warning(Code::Placeholder, path!("secrets", name))
        .message(format!("the value of `{name}` is a placeholder that `nself secrets init` created"))
        .hint(format!(
            "write {} to {}, if the service uses it in this environment",
            with_article(what.as_str()),
            folder.value_path(name)
        ));
    is_placeholder(value).then_some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_recognized_and_has_the_minimum_length() {
        for min_length in [0, 43, 64] {
            let value = new(min_length).unwrap();
            assert!(is_placeholder(&value) && value.len() >= usize::from(min_length), "{value}");
        }
        assert_ne!(new(0).unwrap(), new(0).unwrap());
        assert!(!is_placeholder("placeholder") && !is_placeholder("sk_live_0123456789abcdefghijklmnopqrstuvwxyz"));
    }
}
