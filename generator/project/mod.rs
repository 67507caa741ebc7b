//! Files of the project beside the stack file.

pub mod migrations;
