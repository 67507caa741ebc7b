//! `nself explain CODE`.

use clap::Args;

use super::{SUCCESS, output};
use crate::codes::Code;
use crate::terminal::Lines;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The code, such as NS201; all of them without one.
    code: Option<Code>,
}

pub fn run(arguments: &Arguments) -> u8 {
    match arguments.code {
        Some(code) => output::lines(&Lines::text(&format!("{code}: {}\n\n{}\n", code.title(), code.explanation()))),
        None => Code::ALL.iter().for_each(|code| output::line(&format!("{code}  {}", code.title()))),
    }
    SUCCESS
}
