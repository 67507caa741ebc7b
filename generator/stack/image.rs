//! The source of an image: a Dockerfile, or a folder that nself packs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{ContainerPath, ImageRef, Platform, ProjectPath, ServiceName, Text, VariableName};

/// The build of an image from a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Folder of the project that is the build context.
    pub context: ProjectPath,
    #[serde(default)]
    pub dockerfile: Option<ProjectPath>,
    #[serde(default)]
    pub target: Option<ServiceName>,
    #[serde(default)]
    pub args: BTreeMap<VariableName, Text>,
}

/// An image that nself builds from a folder of the project without running commands, on a base image or an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Folder of the project whose files become a layer.
    pub folder: ProjectPath,
    /// Folder of these files in the image; `/app` by default.
    #[serde(default)]
    pub path: Option<ContainerPath>,
    /// The base image; empty by default.
    #[serde(default)]
    pub base: Option<ImageRef>,
    /// Platforms such as `linux/amd64`; all platforms of the base image by default.
    #[serde(default)]
    pub platforms: Vec<Platform>,
}
