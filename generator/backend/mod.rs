//! The backends, and the order in which they run. The content backends write files from parts of the plan alone, such
//! as the configuration of nginx. The other backends, such as Compose and Kubernetes, run after them, since their files
//! contain the content files or digests of them. No backend imports another.

pub mod acme;
pub mod backups;
pub mod bake;
pub mod compose;
pub mod fidelity;
mod field_presence;
pub mod files;
mod findings;
pub mod hasura;
pub mod kubernetes;
pub mod migrations;
pub mod monitoring;
pub mod nginx;
pub mod pgbouncer;
mod plan_digests;
pub mod postgres;
mod provenance;
pub mod raw_keys;
pub mod render;
mod rights_in_schema;
pub mod summary;
pub mod timers;
pub mod waivers;

pub use plan_digests::{PlanDigests, PlanField};
pub use provenance::GeneratedLine;

use crate::artifact::{ArtifactPath, Artifacts, Digest, Generator, Reusable};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;
use crate::values::{Checked, EnvironmentName};

/// Describes one backend. Its name is the name of its folder below `generator/backend`.
pub struct Description {
    /// The paths that the backend may write, relative to an environment's folder. A path that ends with `/` is a folder
    /// with everything below it. No two backends share a path.
    pub paths: &'static [&'static str],
    /// The parts of the plan from which the files are generated, as a text that `nself why` prints.
    pub reads: &'static str,
    pub emit: Emit,
    /// Returns the fields of the stack from which the file with this path is generated, the likeliest first.
    pub file_fields: fn(&Plan, &str) -> Vec<FieldPath>,
    /// Returns additional fields from which one line of a file is generated, the likeliest first.
    pub line_fields: fn(&Plan, &GeneratedLine) -> Vec<FieldPath>,
}

/// The function that writes the files of a backend.
pub enum Emit {
    /// Writes files from these parts of the plan alone, in one step. Compose mounts the files; clusters have them in
    /// ConfigMaps.
    FromPlanParts { parts: &'static [PlanField], emit: fn(&Plan) -> Result<Artifacts, Diagnostic> },
    /// Writes files from the whole input and sets their derivations.
    FromInput(fn(&Input) -> Result<Artifacts, Vec<Diagnostic>>),
}

/// The input of the backends that run after the content backends.
pub struct Input<'a> {
    pub plan: &'a Plan,
    /// Digests of the plan's parts.
    pub digests: &'a PlanDigests,
    /// Files of the content backends, which containers mount.
    pub mounted_files: &'a Artifacts,
    /// Files of the last run, which are reused where their input is unchanged.
    pub reusable: Reusable<'a>,
}

/// Declares the enum [`Backend`] from pairs of a variant and the folder of its module, in the order in which the backends
/// run.
macro_rules! backends {
    ($($variant:ident $folder:ident)*) => {
        /// A backend that writes files from the plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Backend { $($variant),* }

        impl Backend {
            /// All backends in the order in which they run.
            pub const ALL: &[Backend] = &[$(Backend::$variant),*];

            pub fn description(self) -> &'static Description {
                match self { $(Backend::$variant => &$folder::DESCRIPTION),* }
            }

            /// Returns the backend's identity: its folder's name and the digest of its sources.
            pub const fn generator(self) -> Generator {
                match self { $(Backend::$variant => const { Generator::named(stringify!($folder)) }),* }
            }
        }
    };
}

backends! {
    Nginx nginx
    Acme acme
    Pgbouncer pgbouncer
    Postgres postgres
    Backups backups
    Hasura hasura
    Files files
    Migrations migrations
    Monitoring monitoring
    Bake bake
    Summary summary
    Timers timers
    Compose compose
    Kubernetes kubernetes
}

impl Backend {
    pub const fn name(self) -> &'static str {
        self.generator().name()
    }

    /// Returns the backend that writes a path below the output folder: the name of an environment, then a path of the
    /// backend's description. Returns `None` for all other files, such as `.env`, values of secrets and hidden files.
    pub fn of_output(path: &ArtifactPath) -> Option<Backend> {
        let (environment, path) = path.as_str().split_once('/')?;
        let is_environment = EnvironmentName::refusal(environment).is_none();
        Backend::ALL.iter().copied().find(|backend| is_environment && backend.owns(path))
    }

    /// Returns whether the backend may write this path below an environment's folder.
    fn owns(self, path: &str) -> bool {
        let is_visible = |part: &str| !part.is_empty() && !part.starts_with('.');
        self.description().paths.iter().any(|described_path| {
            if !described_path.ends_with('/') {
                return path == *described_path;
            }
            path.strip_prefix(described_path).is_some_and(|path_in_folder| path_in_folder.split('/').all(is_visible))
        })
    }

    /// Returns the files if the backend may write all of them, else NS901.
    fn check_paths(self, files: Artifacts) -> Result<Artifacts, Diagnostic> {
        let Some((path, _)) = files.iter().find(|(path, _)| !self.owns(path.as_str())) else { return Ok(files) };
        let message = format!("{} writes {path}, which is not among the paths of its description", self.name());
        Err(Diagnostic::error(Code::Internal, FieldPath::root()).message(message))
    }
}

/// Writes all files of one environment; `digests` are the digests of the plan. Files of the last run are reused if they
/// come from the same parts of the plan.
///
/// # Errors
/// All settings that a backend cannot express, and NS901 for a path outside of a backend's description.
pub fn generate(plan: &Plan, digests: &PlanDigests, reusable: Reusable) -> Result<Artifacts, Vec<Diagnostic>> {
    let (mut mounted_files, mut artifact_sets, mut findings) = (Artifacts::default(), Vec::new(), Vec::new());
    let as_list = |finding| vec![finding];
    for backend in Backend::ALL {
        let Description { paths, emit, .. } = backend.description();
        match emit {
            Emit::FromPlanParts { parts, emit } => {
                let step_input = digests.step_input(backend.generator(), parts);
                let files = match reusable.files(paths, &step_input) {
                    Some(reused) => Ok(reused),
                    None => emit(plan).map(|files| files.derived_from(&step_input)),
                };
                match files.and_then(|files| backend.check_paths(files)) {
                    Ok(files) => mounted_files.merge(None, files).map_err(as_list)?,
                    Err(finding) => findings.push(finding),
                }
            }
            Emit::FromInput(emit) => {
                let emitted = emit(&Input { plan, digests, mounted_files: &mounted_files, reusable });
                match emitted.and_then(|files| backend.check_paths(files).map_err(as_list)) {
                    Ok(files) => artifact_sets.push(files),
                    Err(backend_findings) => findings.extend(backend_findings),
                }
            }
        }
    }
    artifact_sets.push(mounted_files);
    if findings.is_empty() { Artifacts::collect(artifact_sets).map_err(as_list) } else { Err(findings) }
}

/// Writes the files of the content backends for a plan, without derivations.
fn content_files(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    for backend in Backend::ALL {
        if let Emit::FromPlanParts { emit, .. } = backend.description().emit {
            files.merge(None, emit(plan)?)?;
        }
    }
    Ok(files)
}

/// Returns the digest of the input of [`content_files`]. While it is unchanged, so are the files, which then need not
/// be rendered.
fn content_digest(digests: &PlanDigests) -> Digest {
    let inputs = Backend::ALL.iter().filter_map(|backend| match backend.description().emit {
        Emit::FromPlanParts { parts, .. } => Some(digests.step_input(backend.generator(), parts).input_digest()),
        Emit::FromInput(_) => None,
    });
    Digest::of_value(&inputs.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend_of(path: &str) -> Option<Backend> {
        Backend::of_output(&ArtifactPath::new(path).unwrap())
    }

    #[test]
    fn a_path_belongs_to_the_backend_that_describes_it() {
        for (path, backend) in [
            ("local/compose.yaml", Backend::Compose),
            ("prod/nginx/sites/api.conf", Backend::Nginx),
            ("local/.gitignore", Backend::Summary),
            ("local/kubernetes/a/b.yaml", Backend::Kubernetes),
        ] {
            assert_eq!(backend_of(path), Some(backend), "{path}");
        }
        for path in [
            "local/.env",
            "local/secrets/key",
            "local/.env.local",
            "local/data/x",
            "local/nginx",
            "local/compose.yaml/x",
            "local/nginx/.env",
            "local/nginx/.git/config",
            ".git/config",
            "compose.yaml",
            "Local/compose.yaml",
            "local/notes.txt",
            "local/secrets.json/x",
            "local/.gitignore/x",
        ] {
            assert_eq!(backend_of(path), None, "{path}");
        }
    }

    #[test]
    fn a_backend_writes_only_paths_of_its_description() {
        let mut files = Artifacts::default();
        files.add("nginx/nginx.conf", "").unwrap();
        assert!(Backend::Nginx.check_paths(files.clone()).is_ok());
        assert_eq!(Backend::Postgres.check_paths(files).unwrap_err().code, Code::Internal);
    }

    #[test]
    fn no_two_backends_share_a_path() {
        let paths = || Backend::ALL.iter().flat_map(|backend| backend.description().paths);
        assert!(paths().all(|path| paths().filter(|other| other.starts_with(path)).count() == 1));
    }

    /// Returns whether a file of one backend imports the backend `other`. `is_module_root` is true for the `mod.rs` of
    /// a backend, whose `super` is this module.
    fn imports(text: &str, is_module_root: bool, other: &str) -> bool {
        let imports_below = |module: &str| text.contains(&format!("{module}::{other}::"));
        imports_below("backend") || imports_below("super::super") || is_module_root && imports_below("super")
    }

    #[test]
    fn no_backend_imports_another() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generator/backend");
        let mut checked_files = 0;
        for entry in walkdir::WalkDir::new(&folder).min_depth(2) {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(&folder).unwrap().to_path_buf();
            let importer = path.iter().next().unwrap().to_str().unwrap();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for other in Backend::ALL.iter().map(|backend| backend.name()).filter(|name| *name != importer) {
                assert!(!imports(&text, entry.depth() == 2 && path.ends_with("mod.rs"), other), "{path:?}: {other}");
            }
            checked_files += 1;
        }
        assert!(checked_files > 20);
        // The test detects both spellings of an import.
        assert!(imports("use crate::backend::nginx::emit;", false, "nginx"));
        assert!(
            imports("use super::nginx::emit;", true, "nginx") && !imports("use super::nginx::emit;", false, "nginx")
        );
    }
}
