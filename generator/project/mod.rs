//! Files of the project next to the stack file.

mod inputs;
pub mod migrations;
mod mounts;
mod plugin_pins;

pub use inputs::ProjectReader;
