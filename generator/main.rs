//! The `nself` command.

use std::process::ExitCode;

/// A faster allocator, since the evaluation makes many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nself::cli::run()
}
