//! The object stores of the library, whose buckets the jobs of backups read and write.

use super::roster::Roster;
use super::service_names::service_name;
use crate::stack::Stack;

/// A service of the library that stores objects.
pub struct ObjectStore {
    /// The name of its service.
    pub service: &'static str,
    pub port: u16,
    /// A word in the name of its image, by which the store is recognized.
    pub image_word: &'static str,
    /// The name of its provider in rclone.
    pub provider: &'static str,
    /// The secret with its access key, which names the user of the store.
    pub access_key: &'static str,
    /// The secret with its secret key, which is the password of this user.
    pub secret_key: &'static str,
}

/// The stores in the order in which one is chosen, if a stack has several.
pub const OBJECT_STORES: [ObjectStore; 2] = [
    ObjectStore {
        service: "s3",
        port: 8333,
        image_word: "seaweedfs",
        provider: "SeaweedFS",
        access_key: "s3_access_key",
        secret_key: "s3_secret_key",
    },
    ObjectStore {
        service: "minio",
        port: 9000,
        image_word: "minio",
        provider: "Minio",
        access_key: "minio_root_user",
        secret_key: "minio_root_password",
    },
];

impl ObjectStore {
    /// Returns the store of the stack that contains the buckets of `backups.buckets`; `None` if the stack has no store.
    pub fn of_stack(stack: &Stack) -> Option<&'static ObjectStore> {
        OBJECT_STORES.iter().find(|store| stack.services.contains_key(&service_name(store.service)))
    }

    /// Returns the store of the stack, if it runs in the environment.
    pub fn in_environment(stack: &Stack, roster: &Roster) -> Option<&'static ObjectStore> {
        Self::of_stack(stack).filter(|store| roster.contains_key(&service_name(store.service)))
    }
}
