//! Every file and folder that nself opens, and the only module that opens any: clippy refuses the functions of `std::fs`
//! elsewhere (`clippy.toml`). A checkout is untrusted, and git carries symbolic links, so everything below a [`Root`] is
//! opened relative to a handle of it, without following a link on the way or at the end. What is read is a regular file
//! within the limit of its [`FileKind`]: a pipe, a device or a file without end costs neither time nor memory.

#![expect(clippy::disallowed_methods, reason = "this module is what all others use instead")]

mod by_path;
mod descent;
mod error;
mod folder;
mod kind;
mod mode;
mod root;
mod stat;
mod write;

pub use by_path::{create_named, list_named, look_at, look_behind, read_named, real_path};
pub use error::{FileError, Reason};
pub use folder::{Entry, Folder};
pub use kind::{FileKind, Total};
pub use root::{Root, Scope};
pub use stat::{EntryKind, Stat};
pub use write::{TEMPORARY, is_temporary, random_suffix};

#[cfg(test)]
mod tests;
