//! Files of the project beside the stack file.

mod inputs;
pub mod migrations;
mod plugin_pins;

pub use inputs::ProjectReader;
