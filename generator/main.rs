//! The `nself` command.

use std::process::ExitCode;

/// Evaluation is many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nself::cli::run()
}
