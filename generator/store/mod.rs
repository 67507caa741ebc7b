//! Artifacts on disk: compare, write, prune. Owns the output folder through `nself.manifest`; what is
//! not in the manifest is not ours and stays as it is.

mod cache;
mod compare;
mod diff;
mod fingerprint;
mod folder_scan;
mod generations;
mod manifest;
mod objects;
mod report;
mod stamp;
mod stamp_format;
mod stamp_writer;
mod write;

pub use cache::Cache;
pub use compare::{Change, Changes, PreviousOutputs, State, compare, is_selected, read};
pub use diff::{Budget, OldSide, text_diff};
pub use fingerprint::Watch;
pub use folder_scan::Folders;
pub use generations::{Generation, Generations};
pub use manifest::Manifest;
pub use objects::Objects;
pub use report::{converted, counts, diff, foreign, states};
pub use stamp::{Stamp, StampFile};
pub use stamp_writer::{Outputs, StampWriter};
pub use write::{apply, write};

/// The ownership record, beside the environments.
pub const MANIFEST: &str = "nself.manifest";

/// What git knows of the manifest, beside it.
pub const ATTRIBUTES: &str = ".gitattributes";
