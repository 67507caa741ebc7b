//! The output folder and the cache: comparing, writing and deleting generated files, and the records of earlier runs.
//! The manifest names the files that nself owns; all other files stay unchanged.

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
pub use diff::{Budget, OldSide, text_diff};
pub use fingerprint::Watch;
pub use folder_scan::Folders;
pub use generations::{Generation, GenerationChanges, Generations};
pub use manifest::Manifest;
pub use objects::Objects;
pub use output_file::{ATTRIBUTES, MANIFEST, read, write};
pub use previous_outputs::PreviousOutputs;
pub use report::{diff, foreign_files, line_end_warning, states};
pub use stamp::{Stamp, StampFile};
pub use stamp_writer::{Outputs, StampWriter};
pub use write::apply;
