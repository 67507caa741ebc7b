//! The state of each plugin of a project: its folder compared with its pin in `nself.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::{digest, read};
use crate::diagnostic::Diagnostic;
use crate::files::{EntryKind, Root};
use crate::lock::Lock;
use crate::values::plugin_names;

/// The result of comparing the folder of a plugin with its pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The files are those that were added.
    Pinned,
    /// The files differ from the pin.
    Changed,
    /// The lock has no pin, so the plugin is part of the project itself.
    Own,
    /// The lock has a pin, and the folder does not exist.
    Missing,
}

/// A plugin that has a folder or a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginState {
    pub status: Status,
    /// The source in its pin; `None` without a pin.
    pub source: Option<String>,
}

/// Returns the plugins that have a folder or a pin, by name.
///
/// # Errors
/// NS757 for a folder that is not a plugin, NS804 if a file cannot be read, NS806 if nself.lock cannot be used.
pub fn status(project: &Path) -> Result<BTreeMap<String, PluginState>, Vec<Diagnostic>> {
    let lock = Lock::read(project).map_err(|finding| vec![finding])?;
    let root = Root::project(project).below(plugin_names::FOLDER);
    let folder = root.open().map_err(|error| vec![error.into()])?;
    let entries = folder.map_or(Ok(Vec::new()), |folder| folder.list()).map_err(|error| vec![error.into()])?;
    let folders = entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
    let folder_names = folders.map(|entry| entry.name.to_string_lossy().into_owned());
    let names: BTreeSet<String> = folder_names.chain(lock.plugins.keys().cloned()).collect();
    let mut states = BTreeMap::new();
    for name in names {
        let pin = lock.plugins.get(&name);
        let status = match (read(&root.below(&name))?, pin) {
            (None, _) => Status::Missing,
            (Some(_), None) => Status::Own,
            (Some(files), Some(pin)) if pin.digest == digest(&files) => Status::Pinned,
            (Some(_), Some(_)) => Status::Changed,
        };
        let source = pin.map(|pin| pin.source.clone());
        states.insert(name, PluginState { status, source });
    }
    Ok(states)
}
