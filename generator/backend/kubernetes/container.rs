//! The parts that a service's container shares with the containers that run before it.

use super::cluster::Cluster;
use super::model::{Capabilities, ContainerSecurity, Mount};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::secret_list::SECRETS_FOLDER;
use crate::plan::{Service, dockerfile};
use crate::values::ServiceName;

/// The requested ephemeral storage of a container.
pub const EPHEMERAL_REQUEST: &str = "64Mi";
/// The maximum ephemeral storage of a container: logs, which the kubelet rotates at 5 × 10 MiB, and the writable layer of
/// the root file system.
pub const EPHEMERAL_LIMIT: &str = "256Mi";
/// The user `nobody` of Debian and Alpine.
pub const NOBODY: u32 = 65534;

/// Returns the image of a service; for an image that is built, its name in the registry.
///
/// # Errors
/// NS307 for a built image if the stack sets no registry or no tag for such images.
pub fn image(cluster: &Cluster, name: &ServiceName, service: &Service) -> Result<String, Diagnostic> {
    if let Some(image) = &service.image {
        return Ok(image.to_string());
    }
    // The finding does not name the service, so it is the same for all built images: one setting corrects them all.
    dockerfile::pulled_image_name(cluster.plan, name).ok_or_else(|| {
        let missing_field = if cluster.settings.registry.is_none() { "registry" } else { "tag" };
        Diagnostic::error(Code::NoImage, path!("kubernetes", missing_field))
            .lacks(path!("kubernetes", missing_field))
            .message(format!("the cluster pulls built images from a registry, but the stack has no `{missing_field}`"))
            .expected("the registry to which you push the built images, and their tag")
            .hint("set both: `kubernetes = { registry = \"ghcr.io/acme\", tag = \"1.4.2\" }`")
    })
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
    Mount { name: "secrets".into(), mount_path: SECRETS_FOLDER.into(), sub_path: None, read_only: true }
}
