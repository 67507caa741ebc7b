//! Folders and files of a container: volumes, parts of the project, parts of the host, and memory.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{ContainerPath, Memory, ProjectPath, Reason, ServiceName, UserId};

/// A named data volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub path: ContainerPath,
    /// Whether the user of the service becomes the owner of the folder before the first start. Needed for images that do not
    /// change the owner.
    #[serde(default)]
    pub set_owner: bool,
    /// Requested size on Kubernetes; volumes of Compose have no size.
    #[serde(default)]
    pub size: Option<Memory>,
    /// Other services that read the volume, each with the path in its container.
    #[serde(default)]
    pub readers: BTreeMap<ServiceName, ContainerPath>,
    /// Services that also write to the volume, each with the path in its container. All programs must support several
    /// writers.
    #[serde(default)]
    pub writers: BTreeMap<ServiceName, ContainerPath>,
}

/// A file or folder of the project inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    pub source: ProjectPath,
    pub target: ContainerPath,
    /// Whether the container may write to the file or folder; false by default.
    #[serde(default)]
    pub writable: bool,
}

/// A file or folder of the host inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostMount {
    /// Path on the host.
    pub source: ContainerPath,
    pub target: ContainerPath,
    /// Whether the container may write to the file or folder; false by default.
    #[serde(default)]
    pub writable: bool,
    /// The reason why the container needs files of the host. For example, the socket of the engine gives full control of the host.
    pub reason: Reason,
}

/// A writable memory file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tmpfs {
    pub path: ContainerPath,
    #[serde(default)]
    pub size: Option<Memory>,
    /// Owner of the folder; by default, every user may write to it.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl Tmpfs {
    /// Returns the largest total size of the files; 64 MiB unless the stack sets it.
    pub fn limit(&self) -> Memory {
        self.size.unwrap_or(Memory(64 << 20))
    }
}
