//! The output folder and the cache: compares, writes and deletes generated files, and keeps the records of earlier
//! runs. The manifest names the files that nself wrote; all other files stay unchanged. A stamp records the inputs and
//! outputs of a run, so that a run after which nothing changed can be skipped.

mod cache;
mod change;
mod compare;
mod diff;
mod fingerprint;
mod folder_scan;
mod generations;
mod manifest;
mod objects;
mod output_file;
mod previous_outputs;
mod report;
mod stamp;
mod stamp_format;
mod stamp_writer;
mod write;

pub use cache::Cache;
pub use change::{Change, State, counts};
pub use compare::{Changes, compare, is_selected};
pub use diff::{DiffBudget, OldSide, text_diff};
pub use fingerprint::Watch;
pub use folder_scan::FolderFlags;
pub use generations::{Generation, GenerationChanges, Generations};
pub use manifest::Manifest;
pub use objects::Objects;
pub use output_file::{MANIFEST, has_mode, read, write};
pub use previous_outputs::PreviousOutputs;
pub use report::{diff, foreign_files, line_end_warning, states};
pub use stamp::{Stamp, StampFile};
pub use stamp_writer::{Outputs, StampWriter};
pub use write::apply;
