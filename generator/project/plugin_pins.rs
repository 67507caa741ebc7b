//! Compares the folders of plugins with their digests in nself.lock, for `gen --frozen`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::ProjectReader;
use crate::diagnostic::{Code, Diagnostic};
use crate::files::Root;
use crate::lock::{Lock, PluginPin};
use crate::path;
use crate::plugins::{self, PluginFiles};
use crate::source::Environment;
use crate::store::Watch;
use crate::values::plugin_names;

impl ProjectReader<'_> {
    /// Reports each declared plugin whose files differ from its pin. A plugin without a pin belongs to the project, so
    /// there is nothing to compare it with.
    ///
    /// # Errors
    /// NS757 for a folder that is not a plugin, NS804 if a file cannot be read.
    pub(super) fn check_plugin_pins(
        &mut self,
        environments: &[Environment],
        lock: &Lock,
    ) -> Result<(), Vec<Diagnostic>> {
        let mut environments_by_plugin = BTreeMap::<&str, Vec<&Environment>>::new();
        for environment in environments {
            for name in environment.stack.plugins.keys() {
                environments_by_plugin.entry(name.as_str()).or_default().push(environment);
            }
        }
        for (name, environments) in environments_by_plugin {
            let Some(pin) = lock.plugins.get(name) else { continue };
            let root = Root::project(self.project).below(plugin_names::folder(name));
            let files = plugins::read(&root)?.unwrap_or_default();
            self.watches.extend(watches_of_files(root.path(), &files));
            if plugins::digest(&files) != pin.digest {
                self.findings.extend(environments.into_iter().map(|environment| {
                    let mut finding = changed_plugin(name, pin);
                    environment.locate(&mut finding);
                    finding
                }));
            }
        }
        Ok(())
    }
}

/// Returns the finding for a plugin whose files differ from its pin.
fn changed_plugin(name: &str, pin: &PluginPin) -> Diagnostic {
    Diagnostic::error(Code::PluginChanged, path!("plugins", name))
        .message(format!("the files in {} differ from their digest in nself.lock", plugin_names::folder(name)))
        .expected(format!("the files of {}", pin.source))
        .hint("restore the files, for example with git, and replace values of the plugin in the stack instead")
}

/// Returns the files of a plugin, and the folders that contain them, as paths to watch, so that the next run notices a
/// changed, new or deleted file.
fn watches_of_files(folder: &Path, files: &PluginFiles) -> impl Iterator<Item = Watch> {
    let folders: BTreeSet<_> = files.keys().filter_map(|path| Path::new(path).parent()).collect();
    let folders: Vec<_> = folders.into_iter().map(|path| Watch::Folder(folder.join(path))).collect();
    let files: Vec<_> = files.keys().map(|path| Watch::File(folder.join(path))).collect();
    folders.into_iter().chain(files)
}
