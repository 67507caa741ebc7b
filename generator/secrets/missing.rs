//! Findings about secrets without a value.

use super::folder::SecretFolder;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::Recipe;
use crate::stack::Profile;
use crate::values::SecretName;
use crate::words;

/// Returns a finding for each value that the operator must provide, and one for all values that `secrets init` creates.
pub fn missing_values(folder: &SecretFolder, missing: &[&SecretName]) -> Vec<Diagnostic> {
    let init = format!("nself secrets init --env {}", folder.list.environment);
    let what = |name: &SecretName| required_from_operator(folder, &folder.list.secrets.get(name)?.recipe);
    let (from_operator, created): (Vec<&SecretName>, Vec<&SecretName>) =
        missing.iter().partition(|name| what(name).is_some());
    let no_value = |name: &SecretName| {
        Diagnostic::error(Code::UnknownSecret, path!("secrets", name))
            .message(format!("the secret `{name}` has no value"))
    };
    let mut findings: Vec<Diagnostic> = match created.as_slice() {
        [] => Vec::new(),
        [name] => vec![no_value(name).hint(format!("run `{init}`"))],
        names => vec![
            Diagnostic::error(Code::UnknownSecret, path!("secrets"))
                .message(format!("{} of the environment have no value", words::count(names.len() as u64, "secret")))
                .hint(format!("run `{init}`, which creates them")),
        ],
    };
    let provided = from_operator.into_iter().filter_map(|name| {
        let hint = format!("write {} to {}", with_article(what(name)?), folder.value_path(name));
        Some(no_value(name).hint(hint))
    });
    findings.extend(provided);
    findings
}

/// Returns the description of a value that the operator must provide; `None` for a value that `secrets init` creates.
pub fn required_from_operator<'a>(folder: &SecretFolder, recipe: &'a Recipe) -> Option<&'a str> {
    match recipe {
        Recipe::External { what } if folder.list.profile != Profile::Local => Some(what.as_str()),
        _ => None,
    }
}

/// Returns the description of a value with an article.
pub fn with_article(description: &str) -> String {
    let has_article = ["the ", "a ", "an "].iter().any(|article| description.starts_with(article));
    if has_article { description.to_owned() } else { format!("the {description}") }
}
