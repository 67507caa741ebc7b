//! The parts that a service's container shares with the containers that run before it.

use super::cluster::Cluster;
use super::model::{Capabilities, ContainerSecurity, Mount};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::Service;
use crate::values::ServiceName;

/// The folder of secrets, as in Compose.
const SECRETS: &str = "/run/secrets";
/// Request and limit of ephemeral storage: logs, which the kubelet rotates at 5 × 10 MiB for each container, and the
/// writable layer of the root file system.
pub const EPHEMERAL: (&str, &str) = ("64Mi", "256Mi");
/// The user `nobody` of Debian and Alpine.
pub const NOBODY: u32 = 65534;

/// Returns the image of a service; for an image that is built, its name in the registry.
///
/// # Errors
/// NS307 for a built image without a registry.
pub fn image(cluster: &Cluster, name: &ServiceName, service: &Service) -> Result<String, Diagnostic> {
    if let Some(image) = &service.image {
        return Ok(image.to_string());
    }
    let settings = &cluster.settings;
    match (&settings.registry, &settings.tag) {
        (Some(registry), Some(tag)) => Ok(format!("{registry}/{}:{tag}", service.image_of.as_ref().unwrap_or(name))),
        _ => Err(Diagnostic::error(Code::NoImage, service.origin.key("build"))
            .message("the cluster pulls the built image from a registry, but the stack does not name one")
            .expected("`kubernetes = { registry = \"ghcr.io/acme\", tag = \"1.4.2\" }`, or an `image`")),
    }
}

/// Returns the security settings of a container that has only the capabilities `add`.
pub fn security(read_only: bool, add: Vec<String>) -> ContainerSecurity {
    ContainerSecurity {
        allow_privilege_escalation: false,
        read_only_root_filesystem: read_only,
        run_as_user: None,
        run_as_group: None,
        capabilities: Capabilities { add, drop: ["ALL"] },
    }
}

/// Returns the mount of the pod's secrets.
pub fn secrets_mount() -> Mount {
    Mount { name: "secrets".into(), mount_path: SECRETS.into(), sub_path: None, read_only: true }
}
