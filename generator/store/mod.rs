//! Artifacts on disk: compare, write, prune. Owns the output folder through `nself.manifest.json`; what is
//! not in the manifest is not ours and stays as it is.

mod around;
mod cache;
mod diff;
mod generations;
mod manifest;
mod objects;
mod recorder;
mod report;
mod seen;
mod stamp;
mod state;
mod text;
mod write;

pub use around::Folders;
pub use cache::Cache;
pub use diff::{Budget, OldSide, text_diff};
pub use generations::{Generation, Generations};
pub use manifest::{Manifest, conflict};
pub use objects::Objects;
pub use recorder::{Outputs, Recorder};
pub use report::{converted, counts, diff, foreign, states};
pub use seen::Watch;
pub use stamp::{Stamp, StampFile};
pub use state::{Change, Changes, State, Untouched, compare, is_selected, read};
pub use write::{apply, write};

/// The ownership record, beside the environments.
pub const MANIFEST: &str = "nself.manifest.json";
