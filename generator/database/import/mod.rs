//! Definitions from what exists. What the model cannot hold is named and refused, never dropped.

pub mod dbml;
mod names;
pub mod nickel;
pub mod sql;

/// Something that was not taken over; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportFinding {
    pub line: usize,
    pub column: usize,
    pub what: String,
}
