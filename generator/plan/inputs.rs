//! Inputs of the planner: the stack of an environment, and files of the project.

use std::collections::BTreeMap;

use crate::database::history::HistoryFiles;
use crate::lock::Lock;
use crate::stack::{Profile, Stack};
use crate::values::{EnvironmentName, SqlIdent};

/// Files of the project that the planner uses. The caller has read them.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    /// Contents of the hand-written nginx files in `nginx/conf.d` by name.
    pub nginx_snippets: BTreeMap<String, String>,
    /// Contents of Dockerfiles by path in the project; `None` for a file that does not exist.
    pub dockerfiles: BTreeMap<String, Option<String>>,
    /// Files of the project that services use, by path.
    pub service_files: BTreeMap<String, SourceFile>,
    /// The lock file, with the digests of images.
    pub lock: Lock,
    /// Migration files of the databases that the stack defines.
    pub databases: BTreeMap<SqlIdent, HistoryFiles>,
    /// Relative path from an environment's folder to the project, such as `../..`.
    pub project_folder: String,
}

/// A file of the project that a service uses, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFile {
    Text(String),
    /// There is no such file.
    Missing,
    /// The file cannot be used, for this reason.
    Unusable(String),
}

/// The inputs of an environment, which every aspect may read.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub environment: &'a EnvironmentName,
    pub stack: &'a Stack,
    pub profile: Profile,
    pub files: &'a ProjectFiles,
}

impl<'a> Inputs<'a> {
    /// Returns the inputs of an environment, with the profile of its stack.
    pub fn new(environment: &'a EnvironmentName, stack: &'a Stack, files: &'a ProjectFiles) -> Self {
        Inputs { environment, stack, profile: profile(stack), files }
    }
}

/// Returns the profile of a stack; `prod`, the strictest, if it declares none.
pub fn profile(stack: &Stack) -> Profile {
    stack.profile.unwrap_or(Profile::Prod)
}
