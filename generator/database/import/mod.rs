//! Imports definitions from DBML and SQL, and writes them as Nickel. What nself cannot represent is reported and
//! refused, never left out without a finding.

pub mod dbml;
pub mod migration_folder;
mod names;
pub mod nickel;
pub mod sql;

/// A part of the input that cannot be imported, or a note about a part that is left out. Lines and columns count
/// from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportFinding {
    pub line: usize,
    pub column: usize,
    pub what: String,
}
