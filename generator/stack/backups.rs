//! Backups of the database server and of files: when they are taken, what they contain, where they are stored, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;
use crate::values::{
    BucketName, ContainerPath, Duration, EnvironmentName, Memory, ObjectPath, ProjectName, Region, Schedule,
    VolumeName, WebAddress, ranged,
};

/// Backups of the database server with its log, which restore it to any time, and snapshots of volumes and buckets.
/// Everything that is stored is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backups {
    /// Whether the backup services run.
    pub enabled: Option<bool>,
    /// Times of base backups, in UTC; 01:15 each night by default.
    pub schedule: Option<Schedule>,
    /// Volumes of services for snapshots. Live files of a database are no backup of it.
    pub volumes: Vec<VolumeName>,
    /// Buckets for snapshots, of the service `s3`, or of `minio` in a stack without `s3`.
    pub buckets: Vec<BucketName>,
    /// Times of the snapshots of volumes and buckets, in UTC; 01:45 each night by default.
    pub files_schedule: Option<Schedule>,
    pub retention: Retention,
    pub target: BackupTarget,
    /// Secret with the key of all stored data; `backup_key`, which `nself secrets init` creates, by default. Without it no
    /// backup can be read, so a copy must be kept outside of the servers.
    pub key: Option<SecretReference>,
}

/// How long base backups are kept: the newest by number, and others by age. The log is kept from the start of the
/// oldest of them. Snapshots of each volume and bucket are kept by the same numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Number of the newest backups that are kept at any age; 7 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub count: Option<u16>,
    /// Age up to which older backups are kept as well; by default, only their number counts.
    pub age: Option<Duration>,
}

/// Where backups are stored. Sets exactly one of `s3` and `folder`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupTarget {
    pub s3: Option<S3Target>,
    pub folder: Option<FolderTarget>,
}

/// A bucket of a store that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Target {
    pub bucket: BucketName,
    /// Folder in the bucket; `<project>/<environment>` by default.
    #[serde(default)]
    pub path: Option<ObjectPath>,
    /// URL of the store; that of AWS for the region by default.
    #[serde(default)]
    pub endpoint: Option<WebAddress>,
    #[serde(default)]
    pub region: Option<Region>,
    /// Secret with the name of the access key.
    pub access_key: SecretReference,
    /// Secret with the secret part of the access key.
    pub secret_key: SecretReference,
    /// Secret with the certificate, as PEM, of the authority that signed the store's certificate; public authorities by
    /// default.
    #[serde(default)]
    pub authority: Option<SecretReference>,
}

/// A folder: a volume of the stack, or a folder of the host, such as the mount of a second disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FolderTarget {
    /// Folder of the host, which the user of the database server can write to. Clusters do not allow it.
    pub host: Option<ContainerPath>,
    /// Size of the volume on Kubernetes; volumes of Compose have no size.
    pub size: Option<Memory>,
}

impl S3Target {
    /// Returns the folder in the bucket for the backups of an environment.
    pub fn path_of(&self, project: &ProjectName, environment: &EnvironmentName) -> String {
        let default_path = || format!("{project}/{environment}");
        self.path.as_ref().map_or_else(default_path, ToString::to_string)
    }
}

impl BackupTarget {
    /// Returns the references to secrets in `s3`, each with the name of its field, such as `access_key`.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretReference)> {
        let s3 = self.s3.iter();
        s3.flat_map(|s3| {
            [
                ("access_key", Some(&s3.access_key)),
                ("secret_key", Some(&s3.secret_key)),
                ("authority", s3.authority.as_ref()),
            ]
        })
        .filter_map(|(field, reference)| Some((field, reference?)))
    }
}
