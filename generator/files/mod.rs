//! The only module that opens files and folders: clippy refuses the functions of `std::fs` elsewhere (`clippy.toml`). A
//! checkout is untrusted, and git stores symbolic links, so every path below a [`Root`] is opened relative to the
//! handle of the root, and a link anywhere in the path is refused. Only regular files within the limit of their
//! [`FileKind`] are read, so a pipe, a device or an endless file costs neither time nor memory.

#![expect(clippy::disallowed_methods, reason = "all other modules use this one instead")]

mod by_path;
mod descent;
mod error;
mod folder;
mod kind;
mod mode;
mod root;
mod scope;
mod size_budget;
mod stat;
mod write;

pub use by_path::{create_operator_file, list_operator_folder, read_operator_file, real_path};
pub use error::{FileError, Reason};
pub use folder::{Entry, Folder};
pub use kind::FileKind;
pub use root::{OUTPUT, Root, absolute_path};
pub use scope::Scope;
pub use size_budget::SizeBudget;
pub use stat::{EntryKind, Stat, stat_path, stat_target};
pub use write::{TEMPORARY, is_temporary, random_suffix};

#[cfg(test)]
mod tests;
