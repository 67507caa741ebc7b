//! What a run reads of the project beside the stack: hand-written nginx files, the lock, Dockerfiles, migrations.
//! Each is watched, so that the next run knows when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::Run;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{EntryKind, FileError, FileKind, Folder, Reason, Root, Total, look_at};
use crate::lock::{self, Lock};
use crate::path;
use crate::plan::{ProjectFiles, dockerfile, nginx_snippets};
use crate::project::migrations as db;
use crate::source;
use crate::store::Watch;
use crate::values::{Checked, ProjectPath};

impl Run<'_> {
    /// Dockerfiles of services with a build folder.
    pub(super) fn dockerfiles(
        &self,
        environments: &[source::Environment],
        inputs: &mut Vec<Watch>,
        findings: &mut Vec<Diagnostic>,
    ) -> BTreeMap<String, Option<String>> {
        let stacks = environments.iter().map(|environment| &environment.stack);
        let builds = stacks.flat_map(|stack| stack.services.values().filter_map(|service| service.build.as_ref()));
        // A path that was refused leads nowhere.
        let usable = |path: &ProjectPath| ProjectPath::refusal(path.as_str()).is_none();
        let builds = builds.filter(|build| usable(&build.context) && build.dockerfile.iter().all(usable));
        let names: BTreeSet<String> = builds.map(dockerfile::dockerfile).collect();
        let mut files = BTreeMap::new();
        for name in names {
            match Root::project(&self.project).read(&name, FileKind::Dockerfile) {
                Ok(Some(bytes)) => {
                    inputs.push(Watch::File(self.project.join(&name)));
                    files.insert(name.clone(), Some(String::from_utf8_lossy(&bytes).into_owned()));
                }
                Ok(None) => {
                    inputs.push(Watch::Absent(self.project.join(&name)));
                    files.insert(name.clone(), None);
                }
                Err(error @ FileError { reason: Reason::TooLarge(_), .. }) => findings.push(error.into()),
                // A link or a folder: the builder decides, and nself reads nothing.
                Err(_) => {}
            }
            if self.arguments.frozen && !files.contains_key(&name) {
                findings.push(
                    Diagnostic::error(Code::Unpinned, path!("services"))
                        .message(format!("`{name}` cannot be read, so nothing says what the image begins from")),
                );
            }
        }
        files
    }

    /// What services mount of the project, as far as it is not there or behind a link.
    pub(super) fn mounts(
        &self,
        environments: &[source::Environment],
        inputs: &mut Vec<Watch>,
        findings: &mut Vec<Diagnostic>,
    ) {
        for environment in environments {
            let services = environment.stack.services.iter().filter(|(_, service)| service.enabled != Some(false));
            for (name, service) in services {
                for (i, mount) in service.mounts.iter().enumerate() {
                    if ProjectPath::refusal(mount.source.as_str()).is_some() {
                        continue;
                    }
                    let path = path!("services", name, "mounts").index(i).key("source");
                    let Some(mut finding) = self.source(mount.source.as_str(), path, inputs) else { continue };
                    environment.origins.locate(&mut finding);
                    finding.environments = vec![environment.name.to_string()];
                    findings.push(finding);
                }
            }
        }
    }

    /// The finding about one source of a mount: a link on the way leads the container wherever its author likes.
    fn source(&self, source: &str, field: FieldPath, inputs: &mut Vec<Watch>) -> Option<Diagnostic> {
        let mut path = self.project.clone();
        for part in Path::new(source).components() {
            path.push(part);
            match look_at(&path) {
                Err(_) => {
                    inputs.push(Watch::Absent(path));
                    return Some(
                        Diagnostic::warning(Code::NoSource, field)
                            .message(format!("there is no `{source}` beside the stack file"))
                            .expected("a file or folder of the project")
                            .hint("make it: a container that mounts it does not start without"),
                    );
                }
                Ok(stat) if stat.kind == EntryKind::Link => {
                    let link = path.strip_prefix(&self.project).unwrap_or(&path).display();
                    return Some(
                        Diagnostic::error(Code::LinkedSource, field)
                            .message(format!("`{link}` is a symbolic link, and the container gets what it leads to"))
                            .expected("a file or folder of the project, behind no link")
                            .hint("put the file or folder itself there, or name the place where it is"),
                    );
                }
                Ok(_) => inputs.push(Watch::Plain(path.clone())),
            }
        }
        None
    }

    /// Hand-written nginx files, and the way from an environment's folder back to the project.
    pub(super) fn project_files(&self, inputs: &mut Vec<Watch>, findings: &mut Vec<Diagnostic>) -> ProjectFiles {
        let mut files =
            ProjectFiles { project_folder: way_back(self.out.path(), &self.project), ..ProjectFiles::default() };
        let lock_path = self.project.join(lock::FILE);
        match self.lock.clone().map_or_else(|| Lock::read(&self.project), Ok) {
            Ok(read) => files.lock = read,
            Err(finding) => findings.push(finding),
        }
        let locked = look_at(&lock_path).is_ok();
        inputs.push(if locked { Watch::File(lock_path) } else { Watch::Absent(lock_path) });
        let project = Root::project(&self.project).open();
        match project.and_then(|project| project.map_or(Ok(None), |project| project.folder(nginx_snippets::FOLDER))) {
            Ok(Some(folder)) => snippets(&folder, &mut files, inputs, findings),
            Ok(None) => inputs.push(Watch::Absent(self.project.join(nginx_snippets::FOLDER))),
            Err(error) => findings.push(error.into()),
        }
        files
    }

    /// The migrations of the databases that the stack defines.
    pub(super) fn databases(
        &self,
        environments: &[source::Environment],
        files: &mut ProjectFiles,
        inputs: &mut Vec<Watch>,
    ) -> Result<(), Vec<Diagnostic>> {
        let names: BTreeSet<_> =
            environments.iter().flat_map(|environment| environment.stack.databases.keys()).collect();
        for name in names {
            let folder = db::folder(&self.project, name);
            let found = db::read(&self.project, name)?;
            if found.is_empty() {
                inputs.push(Watch::Absent(folder.join("migrations")));
            }
            let folders: BTreeSet<PathBuf> =
                found.keys().filter_map(|path| Some(folder.join(path).parent()?.to_owned())).collect();
            // A new migration is a new folder.
            let above = folders.iter().filter_map(|folder| Some(folder.parent()?.to_owned())).collect::<BTreeSet<_>>();
            inputs.extend(folders.union(&above).cloned().map(Watch::Folder));
            inputs.extend(found.keys().map(|path| Watch::File(folder.join(path))));
            files.databases.insert(name.clone(), found);
        }
        Ok(())
    }
}

/// Reads the hand-written nginx files.
fn snippets(folder: &Folder, files: &mut ProjectFiles, inputs: &mut Vec<Watch>, findings: &mut Vec<Diagnostic>) {
    let entries = match folder.list() {
        Ok(entries) => entries,
        Err(error) => return findings.push(error.into()),
    };
    inputs.push(Watch::Folder(folder.path().to_owned()));
    let mut total = Total::new(FileKind::Snippet);
    for entry in entries {
        let shown = entry.name.to_string_lossy().into_owned();
        let portable = shown.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !shown.starts_with('.');
        let bytes = match folder.read(&entry.name, FileKind::Snippet) {
            Err(error @ FileError { reason: Reason::TooLarge(_), .. }) => {
                findings.push(error.into());
                continue;
            }
            read => read.ok().flatten(),
        };
        if let Some(Err(error)) = bytes.as_ref().map(|bytes| total.add(folder, &entry.name, bytes)) {
            return findings.push(error.into());
        }
        match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            // nginx takes a byte order mark for a part of the first directive.
            Some(text) if portable && shown.ends_with(".conf") && !text.starts_with('\u{FEFF}') => {
                inputs.push(Watch::File(folder.path().join(&entry.name)));
                files.conf_d.insert(shown, text);
            }
            _ => findings.push(
                Diagnostic::error(Code::ConfD, FieldPath::root())
                    .message(format!("{}/{shown} cannot be used", nginx_snippets::FOLDER))
                    .expected("plain UTF-8 files without a byte order mark, with names of letters, digits, `.`, `_` and `-` that end in .conf")
                    .at(Some(Span { file: format!("{}/{shown}", nginx_snippets::FOLDER), line: 1, column: 1 })),
            ),
        }
    }
}

/// `../..` and the like: from an environment's folder to the project's.
fn way_back(out: &Path, project: &Path) -> String {
    let from: Vec<Component> = out.components().collect();
    let to: Vec<Component> = project.components().collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    // One step for the environment's own folder.
    let mut steps = vec!["..".to_owned(); from.len() - common + 1];
    steps.extend(to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned()));
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_does_not_depend_on_where_the_project_is() {
        assert_eq!(way_back(Path::new("/a/b/deploy"), Path::new("/a/b")), "../..");
        assert_eq!(way_back(Path::new("/x/deploy"), Path::new("/x")), "../..");
        assert_eq!(way_back(Path::new("/a/out"), Path::new("/a/b/c")), "../../b/c");
    }
}
