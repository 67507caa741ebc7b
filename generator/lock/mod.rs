//! The file `nself.lock`, which pins each image tag to a digest. It has one line for each image, sorted by name, so
//! that git can merge the pins of two branches line by line. It has no digest of the whole file, which would conflict
//! in every merge.
//!
//! The plan applies the pins. Generating files never contacts a registry; `nself lock` does.

mod image_name;
mod lock_file;
mod update;

pub use image_name::{DEFAULT_HOST, ImageName};
pub use lock_file::{FILE, Lock, Pin, PluginPin};
pub use update::{Change, StackImages, changes, select, update};
