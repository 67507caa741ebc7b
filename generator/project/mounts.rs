//! Checks that the files and folders of the project that containers mount exist and are not reached through links.

use std::collections::BTreeSet;
use std::path::Path;

use super::ProjectReader;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{EntryKind, stat_path};
use crate::path;
use crate::plan::inputs::profile;
use crate::plan::roster::{Category, roster};
use crate::source::Environment;
use crate::store::Watch;
use crate::values::{Checked, ProjectPath};

impl ProjectReader<'_> {
    /// Reports sources of mounts that do not exist or are links, of the services that run in the requested environments.
    pub(super) fn check_mounts(&mut self, environments: &[Environment]) {
        let selected = self.selected;
        let is_selected = |environment: &&Environment| {
            selected.is_empty() || selected.iter().any(|name| name == environment.name.as_str())
        };
        for environment in environments.iter().filter(is_selected) {
            for (source, field) in mounts(environment) {
                let Some(mut finding) = self.mount_finding(&source, field) else { continue };
                environment.locate(&mut finding);
                self.findings.push(finding);
            }
        }
    }

    /// Returns the finding about the source of one mount, if any. A link in the path of the source could give the
    /// container any file of the machine.
    fn mount_finding(&mut self, source: &str, field: FieldPath) -> Option<Diagnostic> {
        let mut path = self.project.to_owned();
        for part in Path::new(source).components() {
            path.push(part);
            match stat_path(&path) {
                Err(_) => {
                    self.watches.push(Watch::Absent(path));
                    return Some(
                        Diagnostic::warning(Code::NoSource, field)
                            .message(format!("`{source}` does not exist in the folder of the stack"))
                            .expected("a file or folder of the project")
                            .hint("create it: the container cannot start without it"),
                    );
                }
                Ok(stat) if stat.kind == EntryKind::Link => {
                    let link = path.strip_prefix(self.project).unwrap_or(&path).display();
                    return Some(
                        Diagnostic::error(Code::LinkedSource, field)
                            .message(format!("`{link}` is a symbolic link, so the container would get the file or folder to which it points"))
                            .expected("a file or folder of the project, not reached through a link")
                            .hint("replace the link with the file or folder, or mount the path to which the link points"),
                    );
                }
                Ok(_) => self.watches.push(Watch::NoLink(path.clone())),
            }
        }
        None
    }
}

/// Returns the sources of the mounts of an environment, each with its field. A path that was refused while decoding is
/// left out, since it must not be opened.
fn mounts(environment: &Environment) -> BTreeSet<(String, FieldPath)> {
    let stack = &environment.stack;
    let roster = roster(stack, profile(stack)).value;
    let mounts = roster.values().flat_map(|member| {
        // A copy has the mounts of the original, and a process those of its service.
        let path = match &member.category {
            Category::Copy(service) | Category::Process(service) => {
                roster.get(service).map_or_else(|| path!("services", service), |original| original.path.clone())
            }
            _ => member.path.clone(),
        };
        let sources = member.service.mounts.iter().map(|mount| mount.source.as_str().to_owned());
        sources.enumerate().map(move |(i, source)| (source, path.key("mounts").index(i).key("source")))
    });
    mounts.filter(|(source, _)| ProjectPath::refusal(source).is_none()).collect()
}
