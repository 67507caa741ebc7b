//! Imports definitions from DBML and SQL, and writes them as Nickel. What nself cannot represent is reported and
//! refused, never left out without a finding.

pub mod dbml;
pub mod migration_folder;

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

/// Returns the hint for a part that cannot be imported; empty if the message `what` itself states the correction, which
/// then follows a semicolon.
pub fn remedy(what: &str) -> &'static str {
    if what.contains("nself cannot represent") && !what.contains("; ") {
        "remove it from the source, and add what you need in a hand-written migration: `nself db new --by-hand`"
    } else {
        ""
    }
}
