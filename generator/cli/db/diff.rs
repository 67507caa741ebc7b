//! `nself db diff`: prints the SQL that turns one schema into a different one, or the SQL that `db new` would write.

use clap::{Args, ValueEnum};

use super::super::{DIFFERENCES, Format, SUCCESS, output};
use super::{NO_DATABASES, Outcome, SelectionArguments};
use crate::migrations::{self, Side};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// One side: a stack file, a folder such as db/shop, the URL of a server, or `empty`; the written migrations by default.
    #[arg(long, value_name = "X")]
    from: Option<String>,
    /// The other side, given in the same way; the definitions of the stack by default.
    #[arg(long, value_name = "Y")]
    to: Option<String>,
    /// URL of a server on which the other side is created in a temporary database. Needed if exactly one side is a server.
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "sql")]
    format: DiffFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    Sql,
    Json,
}

impl Arguments {
    /// Returns the format of the findings that end the command: text, unless the result is JSON.
    pub fn findings_format(&self) -> Format {
        if self.format == DiffFormat::Json { Format::Json } else { Format::Text }
    }
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = arguments.selection.selection();
    let parse_side = |argument: &Option<String>| argument.as_ref().map(|text| Side::parse(text, &selection));
    let diff = match (parse_side(&arguments.from), parse_side(&arguments.to)) {
        (None, None) => migrations::pending(&selection)?,
        (from, to) => {
            let from = from.unwrap_or_else(|| Side::Migrations(selection.clone()));
            let to = to.unwrap_or_else(|| Side::Stack(selection.clone()));
            migrations::between(&from, &to, arguments.scratch.as_deref())?
        }
    };
    output::findings(&arguments.selection.stack.complete_hints(diff.warnings.clone()));
    if diff.databases.is_empty() {
        output::remark(NO_DATABASES);
    }
    match arguments.format {
        DiffFormat::Sql => output::document(&diff.to_sql()),
        DiffFormat::Json => output::json(&diff.to_json()),
    }
    Ok(if diff.is_empty() { SUCCESS } else { DIFFERENCES })
}
