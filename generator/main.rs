//! The `nself` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    nself::cli::run()
}
