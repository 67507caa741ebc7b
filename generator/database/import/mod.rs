//! Definitions from what exists. What the model cannot hold is named and refused, never dropped.

pub mod dbml;
pub mod nickel;
mod tokens;

/// Something that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub line: usize,
    pub what: String,
}
