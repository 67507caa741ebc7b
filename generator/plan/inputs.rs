//! What the planner reads beside the stack.

use std::collections::BTreeMap;

use crate::database::history::HistoryFiles;
use crate::lock::Lock;
use crate::stack::{Profile, Stack};
use crate::values::{EnvironmentName, SqlIdent};

/// HistoryFiles of the project that take part, read by the caller.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    /// Hand-written nginx files: name to content.
    pub conf_d: BTreeMap<String, String>,
    /// Dockerfiles of services: path in the project to content; `None` where the file does not exist.
    pub dockerfiles: BTreeMap<String, Option<String>>,
    /// Digests of images.
    pub lock: Lock,
    /// Migrations of the databases that the stack defines.
    pub databases: BTreeMap<SqlIdent, HistoryFiles>,
    /// The path from an environment's folder back to the project's, such as `../..`.
    pub project_folder: String,
}

/// One environment as the stack declares it: what every aspect may read.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub environment: &'a EnvironmentName,
    pub stack: &'a Stack,
    pub profile: Profile,
    pub files: &'a ProjectFiles,
}

impl<'a> Inputs<'a> {
    pub fn new(environment: &'a EnvironmentName, stack: &'a Stack, files: &'a ProjectFiles) -> Self {
        Inputs { environment, stack, profile: profile(stack), files }
    }
}

/// Returns the profile of a stack; `prod`, the strictest, if it declares none.
pub fn profile(stack: &Stack) -> Profile {
    stack.profile.unwrap_or(Profile::Prod)
}
