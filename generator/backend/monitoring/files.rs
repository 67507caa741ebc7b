//! The files below `monitoring/`, in a folder for each program.

use serde::Serialize;

use crate::artifact::{Artifacts, yaml};
use crate::diagnostic::Diagnostic;
use crate::plan::Program;

/// The files that the monitoring programs read, by their paths.
#[derive(Default)]
pub struct Files(Artifacts);

impl Files {
    /// Adds a YAML file of a program.
    pub fn add_yaml(&mut self, program: Program, name: &str, content: &impl Serialize) -> Result<(), Diagnostic> {
        self.add_text(program, name, yaml::to_yaml(content)?)
    }

    /// Adds a text file of a program.
    pub fn add_text(&mut self, program: Program, name: &str, text: impl Into<Vec<u8>>) -> Result<(), Diagnostic> {
        self.0.add(format!("monitoring/{}/{name}", program.name()), text)
    }

    pub fn into_artifacts(self) -> Artifacts {
        self.0
    }
}
