//! The file `nself.lock`: the digest of each image tag. It has one sorted line for each image, so that the pins of two
//! branches merge line by line, and no digest of the whole file, which would conflict in every pull request.
//!
//! The plan applies the pins. Generating files never contacts a registry; `nself lock` does.

mod image_name;
mod lock_file;
mod update;

pub use image_name::{DEFAULT_HOST, ImageName};
pub use lock_file::{FILE, Lock, Pin, PluginPin};
pub use update::{Change, StackImages, changes, select, update};
