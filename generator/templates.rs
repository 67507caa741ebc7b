//! Templates of services: the folders below `templates/`, embedded when nself is built.

use std::collections::BTreeSet;

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// Returns the names of all templates, sorted.
pub fn names() -> BTreeSet<&'static str> {
    FILES.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect()
}

/// Returns the files of a template: the path in its folder, and the content.
pub fn files(name: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(name)?.strip_prefix('/')?, *bytes)))
}

/// Returns the names of the templates that have this file, such as `package.json`.
pub fn names_with_file(file: &str) -> Vec<&'static str> {
    names().into_iter().filter(|name| files(name).any(|(path, _)| path == file)).collect()
}

/// Returns whether a file of the template contains the name of a variable: the template then probably reads it.
pub fn reads(name: &str, variable: &str) -> bool {
    let variable = variable.as_bytes();
    files(name).any(|(_, bytes)| bytes.windows(variable.len()).any(|window| window == variable))
}
