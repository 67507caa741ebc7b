//! Reads the files of the project next to the stack file: hand-written nginx files, nself.lock, Dockerfiles and
//! migrations. Every path that was read is recorded, so that the next run can detect changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::migrations::{self, UnknownFolder};
use crate::database::history::HistoryFiles;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{FileError, FileKind, Folder, Reason, Root, SizeBudget, stat_path};
use crate::lock::{self, Lock};
use crate::path;
use crate::plan::{ProjectFiles, SourceFile, dockerfile, nginx_snippets};
use crate::source::Environment;
use crate::stack::{Service, Stack};
use crate::store::Watch;
use crate::values::{Checked, ProjectPath, SqlIdent};

/// Reads the project of a stack, and collects findings and the paths that were read.
pub struct ProjectReader<'a> {
    /// The folder of the stack file.
    pub project: &'a Path,
    /// The output folder.
    pub out: &'a Path,
    /// The lock that replaces nself.lock, if there is one.
    pub lock: Option<&'a Lock>,
    /// Names of the requested environments; all if empty.
    pub selected: &'a [String],
    /// Whether images must be pinned, and plugins must equal their pins. If so, a Dockerfile that cannot be read is
    /// refused, because its base images cannot be checked.
    pub frozen: bool,
    /// The paths that were read, or that do not exist.
    pub watches: Vec<Watch>,
    pub findings: Vec<Diagnostic>,
}

impl ProjectReader<'_> {
    /// Reads all files that the environments use.
    ///
    /// # Errors
    /// The errors of [`migrations::read`], and errors about a plugin that cannot be read. All other findings are collected
    /// in `findings`.
    pub fn read(&mut self, environments: &[Environment]) -> Result<ProjectFiles, Vec<Diagnostic>> {
        let mut files = ProjectFiles {
            project_folder: path_to_project(self.out, self.project),
            lock: self.read_lock(),
            nginx_snippets: self.read_snippets(),
            ..ProjectFiles::default()
        };
        files.dockerfiles = self.read_dockerfiles(environments);
        files.service_files = self.read_service_files(environments);
        self.check_mounts(environments);
        if self.frozen {
            self.check_plugin_pins(environments, &files.lock)?;
        }
        files.databases = self.read_migrations(environments)?;
        Ok(files)
    }

    /// Reads the Dockerfiles of services with a build folder, by path; `None` for one that does not exist.
    fn read_dockerfiles(&mut self, environments: &[Environment]) -> BTreeMap<String, Option<String>> {
        let stacks = environments.iter().map(|environment| &environment.stack);
        let builds = stacks.flat_map(|stack| stack.services.values().filter_map(|service| service.build.as_ref()));
        // A path that was refused while decoding must not be opened.
        let is_allowed = |path: &ProjectPath| ProjectPath::refusal(path.as_str()).is_none();
        let builds = builds.filter(|build| is_allowed(&build.context) && build.dockerfile.iter().all(is_allowed));
        let paths: BTreeSet<String> = builds.map(dockerfile::path).collect();
        let mut files = BTreeMap::new();
        for path in paths {
            match Root::project(self.project).read(&path, FileKind::Dockerfile) {
                Ok(Some(bytes)) => {
                    self.watches.push(Watch::File(self.project.join(&path)));
                    files.insert(path.clone(), Some(String::from_utf8_lossy(&bytes).into_owned()));
                }
                Ok(None) => {
                    self.watches.push(Watch::Absent(self.project.join(&path)));
                    files.insert(path.clone(), None);
                }
                Err(error @ FileError { reason: Reason::TooLarge(_), .. }) => self.findings.push(error.into()),
                // A link or a folder, which the image builder may accept. nself does not read it, so it cannot check
                // the base images.
                Err(error) if self.frozen => self.findings.push(unchecked_base_images(&path, &error.reason_text())),
                Err(_) => {}
            }
        }
        files
    }

    /// Reads the files of the project that services use, by path.
    fn read_service_files(&mut self, environments: &[Environment]) -> BTreeMap<String, SourceFile> {
        let services = environments.iter().flat_map(|environment| services_and_containers(&environment.stack));
        let paths = services.flat_map(|service| {
            let sources = service.files.values().filter_map(|file| file.from.as_ref());
            let dashboards = service.dashboards.values().filter_map(|dashboard| dashboard.file.as_ref());
            sources.chain(&service.env_files).chain(dashboards)
        });
        let paths = paths.filter(|path| ProjectPath::refusal(path.as_str()).is_none());
        let paths: BTreeSet<String> = paths.map(ToString::to_string).collect();
        let mut files = BTreeMap::new();
        for path in paths {
            let file = match Root::project(self.project).read(&path, FileKind::ServiceFile) {
                Ok(Some(bytes)) => {
                    self.watches.push(Watch::File(self.project.join(&path)));
                    let text = String::from_utf8(bytes);
                    text.map_or_else(|_| SourceFile::Unusable("it is not text in UTF-8".to_owned()), SourceFile::Text)
                }
                Ok(None) => {
                    self.watches.push(Watch::Absent(self.project.join(&path)));
                    SourceFile::Missing
                }
                Err(error) => SourceFile::Unusable(error.reason_text()),
            };
            files.insert(path, file);
        }
        files
    }

    /// Returns the lock that replaces nself.lock, or else reads nself.lock.
    fn read_lock(&mut self) -> Lock {
        let path = self.project.join(lock::FILE);
        let lock = self.lock.cloned().map_or_else(|| Lock::read(self.project), Ok);
        self.watches.push(if stat_path(&path).is_ok() { Watch::File(path) } else { Watch::Absent(path) });
        lock.unwrap_or_else(|finding| {
            self.findings.push(finding);
            Lock::default()
        })
    }

    /// Reads the hand-written nginx files, by name.
    fn read_snippets(&mut self) -> BTreeMap<String, String> {
        let project = Root::project(self.project).open();
        let folder =
            project.and_then(|project| project.map_or(Ok(None), |project| project.folder(nginx_snippets::FOLDER)));
        match folder {
            Ok(Some(folder)) => self.read_snippet_folder(&folder),
            Ok(None) => {
                self.watches.push(Watch::Absent(self.project.join(nginx_snippets::FOLDER)));
                BTreeMap::new()
            }
            Err(error) => {
                self.findings.push(error.into());
                BTreeMap::new()
            }
        }
    }

    /// Reads the files of the open folder of nginx files, by name.
    fn read_snippet_folder(&mut self, folder: &Folder) -> BTreeMap<String, String> {
        let mut snippets = BTreeMap::new();
        let entries = match folder.list() {
            Ok(entries) => entries,
            Err(error) => {
                self.findings.push(error.into());
                return snippets;
            }
        };
        self.watches.push(Watch::Folder(folder.path().to_owned()));
        let mut size_budget = SizeBudget::new(FileKind::Snippet);
        for entry in entries {
            let name = entry.name.to_string_lossy().into_owned();
            let bytes = match folder.read(&entry.name, FileKind::Snippet) {
                Err(error @ FileError { reason: Reason::TooLarge(_), .. }) => {
                    self.findings.push(error.into());
                    continue;
                }
                // All other errors are reported below.
                result => result.ok().flatten(),
            };
            if let Some(Err(error)) = bytes.as_ref().map(|bytes| size_budget.add(folder, &entry.name, bytes)) {
                self.findings.push(error.into());
                return snippets;
            }
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            match text.filter(|text| is_snippet(&name, text)) {
                Some(text) => {
                    self.watches.push(Watch::File(folder.path().join(&entry.name)));
                    snippets.insert(name, text);
                }
                None => self.findings.push(unusable_snippet(&name)),
            }
        }
        snippets
    }

    /// Reads the migrations of the databases that the stack defines.
    fn read_migrations(
        &mut self,
        environments: &[Environment],
    ) -> Result<BTreeMap<SqlIdent, HistoryFiles>, Vec<Diagnostic>> {
        let mut databases = BTreeMap::new();
        let names: BTreeSet<_> =
            environments.iter().flat_map(|environment| environment.stack.databases.keys()).collect();
        for name in names {
            let folder = migrations::folder(self.project, name);
            let files = migrations::read(self.project, name)?;
            if files.is_empty() {
                self.watches.push(Watch::Absent(folder.join("migrations")));
            }
            let folders: BTreeSet<PathBuf> =
                files.keys().filter_map(|path| Some(folder.join(path).parent()?.to_owned())).collect();
            // A new migration is a new folder, which shows as a new name in the parent folder.
            let parents =
                folders.iter().filter_map(|folder| Some(folder.parent()?.to_owned())).collect::<BTreeSet<_>>();
            self.watches.extend(folders.union(&parents).cloned().map(Watch::Folder));
            self.watches.extend(files.keys().map(|path| Watch::File(folder.join(path))));
            databases.insert(name.clone(), files);
        }
        // After an error, a definition may be missing only because it was refused.
        if !self.findings.iter().any(Diagnostic::is_error) {
            self.report_unused_migrations(environments, &databases)?;
        }
        Ok(databases)
    }

    /// Warns of migrations of databases that no environment defines: for example, the definition was given a new name.
    fn report_unused_migrations(
        &mut self,
        environments: &[Environment],
        databases: &BTreeMap<SqlIdent, HistoryFiles>,
    ) -> Result<(), Vec<Diagnostic>> {
        let is_known = |name: &str| databases.keys().any(|database| database.as_str() == name);
        let unknown_folders = migrations::unknown_folders(self.project, is_known)?;
        let parent = self.project.join(migrations::PARENT);
        self.watches.push(match stat_path(&parent) {
            Ok(stat) if stat.is_file() => Watch::File(parent),
            Ok(_) => Watch::Folder(parent),
            Err(_) => Watch::Absent(parent),
        });
        for UnknownFolder { name, has_migrations } in unknown_folders {
            let folder = format!("{}/{name}", migrations::PARENT);
            // A folder of a different tool can become a folder of migrations.
            self.watches.push(Watch::Folder(self.project.join(&folder)));
            if !has_migrations {
                continue;
            }
            let mut finding = Diagnostic::warning(Code::UnusedMigrations, path!("databases"))
                .message(format!("`{folder}` has migrations, but no environment defines the database `{name}`"))
                .expected(format!("a definition `databases.{name}`"))
                .hint(format!(
                    "define `databases.{name}` again; or move the rows on the server yourself, and then delete `{folder}`"
                ));
            if let Some(environment) = environments.first() {
                environment.origins.locate(&mut finding);
            }
            self.findings.push(finding);
        }
        Ok(())
    }
}

/// Returns the finding for a Dockerfile that nself cannot read, while images must be pinned.
fn unchecked_base_images(name: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(Code::Unpinned, path!("services"))
        .message(format!("`{name}` cannot be read ({reason}), so its base images cannot be checked against nself.lock"))
        .hint("replace it with a regular file that nself can read")
}

/// Returns the services of a stack, and the containers of its frontends.
fn services_and_containers(stack: &Stack) -> impl Iterator<Item = &Service> {
    let containers = stack.frontends.values().filter_map(|frontend| frontend.container.as_deref());
    stack.services.values().chain(containers)
}

/// Returns whether nginx can include a file of the folder. nginx reads a byte order mark as part of the first
/// directive.
fn is_snippet(name: &str, text: &str) -> bool {
    let is_portable = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !name.starts_with('.');
    is_portable && name.ends_with(".conf") && !text.starts_with('\u{FEFF}')
}

/// Returns the finding for a file of the folder that nginx cannot include.
fn unusable_snippet(name: &str) -> Diagnostic {
    let file = format!("{}/{name}", nginx_snippets::FOLDER);
    Diagnostic::error(Code::ConfD, FieldPath::root())
        .message(format!("{file} is not a file that nginx can include"))
        .expected("a UTF-8 file without a byte order mark, with a name of letters, digits, `.`, `_` and `-` that ends in .conf")
        .at(Some(Span { file, line: 1, column: 1 }))
}

/// Returns the relative path from the folder of an environment, which is in `out`, to the folder of the project: `../..`
/// for `/shop/deploy` and `/shop`.
fn path_to_project(out: &Path, project: &Path) -> String {
    let out_parts: Vec<Component> = out.components().collect();
    let project_parts: Vec<Component> = project.components().collect();
    let common_length = out_parts.iter().zip(&project_parts).take_while(|(a, b)| a == b).count();
    // One more `..`, because the environment's folder is inside the output folder.
    let mut steps = vec!["..".to_owned(); out_parts.len() - common_length + 1];
    steps.extend(project_parts[common_length..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned()));
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_to_the_project_is_relative_wherever_the_project_is() {
        assert_eq!(path_to_project(Path::new("/a/b/deploy"), Path::new("/a/b")), "../..");
        assert_eq!(path_to_project(Path::new("/x/deploy"), Path::new("/x")), "../..");
        assert_eq!(path_to_project(Path::new("/a/out"), Path::new("/a/b/c")), "../../b/c");
    }
}
