//! Files of the project beside the stack file.

mod inputs;
pub mod migrations;

pub use inputs::ProjectReader;
