//! Configuration files of services.

use serde::Serialize;

use crate::diagnostic::FieldPath;

/// A configuration file that the stack declares for a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct File {
    /// The field with the content; not part of any output.
    #[serde(skip)]
    pub origin: FieldPath,
    pub content: FileContent,
}

/// The content of a file, with all references resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileContent {
    Text(String),
    Yaml(serde_json::Value),
    Json(serde_json::Value),
}
