//! `nself explain [CODE]`: prints the explanation of a code, or the titles of all codes.

use clap::Args;

use super::{SUCCESS, output};
use crate::backend::{compose, kubernetes};
use crate::codes::Code;
use crate::terminal::Lines;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The code, such as NS201; all codes if omitted.
    code: Option<Code>,
}

pub fn run(arguments: &Arguments) -> u8 {
    match arguments.code {
        Some(code) => {
            let mut text = format!("{code}: {}\n\n{}\n", code.title(), code.explanation());
            if code == Code::RawKey {
                text.extend([compose::RAW_KEYS, kubernetes::RAW_KEYS].map(|keys| format!("\n{}\n", keys.list())));
            }
            output::lines(&Lines::text(&text));
        }
        None => Code::ALL.iter().for_each(|code| output::line(&format!("{code}  {}", code.title()))),
    }
    SUCCESS
}
