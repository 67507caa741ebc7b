//! Services to begin with: the folders below `templates/`, embedded when nself is built. Their names and what kind of
//! service each is follow from their files.

use std::collections::BTreeSet;

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The templates' names, in order.
pub fn names() -> BTreeSet<&'static str> {
    FILES.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect()
}

/// A template's files by their paths in its folder.
pub fn files(name: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(name)?.strip_prefix('/')?, *bytes)))
}

/// The templates with this file, such as what a language's own tool reads.
pub fn with(file: &str) -> Vec<&'static str> {
    names().into_iter().filter(|name| files(name).any(|(path, _)| path == file)).collect()
}

/// Whether a template's sources read a variable.
pub fn reads(name: &str, variable: &str) -> bool {
    let variable = variable.as_bytes();
    files(name).any(|(_, bytes)| bytes.windows(variable.len()).any(|part| part == variable))
}
