//! The file `nself.lock`: the digest of each image tag. It has one line for each image, sorted by name, so that git can
//! merge the pins of two branches line by line. A digest of the whole file would conflict in every pull request, so there is
//! none.
//!
//! The plan applies the pins. Generating files never contacts a registry; `nself lock` does.

mod image_name;
mod lock_file;
mod update;

pub use image_name::{DEFAULT_HOST, ImageName};
pub use lock_file::{FILE, Lock, Pin, PluginPin};
pub use update::{Change, StackImages, changes, select, update};
