//! `nself db import`: converts a DBML file, SQL or a running server to a definition in Nickel.

use std::path::PathBuf;

use clap::Args;

use super::super::{SUCCESS, output};
use super::Outcome;
use crate::migrations::{self, ImportSource};

#[derive(Debug, Args)]
#[group(id = "source", required = true, multiple = false)]
pub struct Arguments {
    /// A DBML file.
    file: Option<PathBuf>,
    /// An SQL file that creates a schema, such as the output of pg_dump --schema-only, or a folder of migrations.
    #[arg(long, value_name = "PATH")]
    sql: Option<PathBuf>,
    /// A running server, read through pg_dump.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let source = match (&arguments.file, &arguments.sql, &arguments.url) {
        (Some(file), ..) => ImportSource::Dbml(file),
        (None, Some(file), _) => ImportSource::Sql(file),
        (None, None, Some(url)) => ImportSource::Server(url),
        // clap requires one of the three, so this case does not occur.
        (None, None, None) => return Ok(SUCCESS),
    };
    let imported = migrations::import(source)?;
    output::findings(&imported.warnings);
    output::document(&imported.nickel);
    Ok(SUCCESS)
}
