//! Commands over the migrations of a project: write, check, compare, export, and adopt a server. Each command is a
//! function that neither parses arguments nor prints; `nself db` does both.

mod baseline;
mod create;
mod definition;
mod diff;
mod down;
mod export;
mod import;
mod lint;
mod rebase;
mod revision;
mod seal;
mod sql_text;
mod status;
mod verify;

pub use baseline::{Baseline, baseline};
pub use create::{CreatedMigrations, NewMigrations, create};
pub use definition::{Definition, Selection};
pub use diff::{Diff, Side, between, pending};
pub use down::down_script;
pub use export::{Runner, export};
pub use import::{ImportSource, ImportedDefinition, import};
pub use lint::{Hazard, Lint, lint};
pub use rebase::rebase;
pub use seal::{SealedDatabase, seal};
pub use status::{DatabaseStatus, ServerStatus, status};
pub use verify::{Verification, verify};
