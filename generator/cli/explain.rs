//! `nself explain CODE`.

use clap::Args;

use super::{FINE, output};
use crate::codes::Code;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The code, such as NS201; all of them without one.
    code: Option<Code>,
}

pub fn run(arguments: &Arguments) -> u8 {
    match arguments.code {
        Some(code) => output::result(&format!("{code}: {}\n\n{}\n", code.title(), code.explanation())),
        None => {
            let lines: String = Code::ALL.iter().map(|code| format!("{code}  {}\n", code.title())).collect();
            output::result(&lines);
        }
    }
    FINE
}
