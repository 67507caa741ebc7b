//! Types for claims, for the volumes of a pod, and for their mounts in a container.

use serde::Serialize;
use serde_json::Value;

use super::metadata::Metadata;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    pub access_modes: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    pub resources: Value,
}

/// A claim in a StatefulSet; the API server adds the other fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTemplate {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Metadata,
    pub spec: Claim,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Volume {
    Claim { name: String, persistent_volume_claim: ClaimName },
    EmptyDir { name: String, empty_dir: EmptyDir },
    Projected { name: String, projected: Projection },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimName {
    pub claim_name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDir {
    /// `Memory`, or empty for the disk of the node.
    pub medium: &'static str,
    pub size_limit: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Projection {
    pub default_mode: u32,
    pub sources: Vec<ProjectionSource>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum ProjectionSource {
    Secret { secret: ProjectedKeys },
    Config { config_map: ProjectedKeys },
}

/// A Secret or ConfigMap by its name, and its keys that a volume contains as files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectedKeys {
    pub name: String,
    pub items: Vec<ProjectedKey>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectedKey {
    pub key: String,
    /// The path of the key's file, relative to the volume.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    pub name: String,
    pub mount_path: String,
    /// The file of the volume that is mounted instead of the whole volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}
