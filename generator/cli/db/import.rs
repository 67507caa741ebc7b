//! `nself db import`: a definition from a DBML file, from SQL or from a running server, as Nickel on stdout.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::{SUCCESS, output};
use super::Outcome;
use super::server::Server;
use crate::database::import::sql::Imported;
use crate::database::import::{ImportFinding, dbml, nickel, sql};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment, Span};
use crate::files::{FileKind, read_named};

#[derive(Debug, Args)]
#[group(id = "source", required = true, multiple = false)]
pub struct Arguments {
    /// A DBML file.
    file: Option<PathBuf>,
    /// A file of SQL that makes a schema, such as pg_dump --schema-only prints.
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// A running server, read through pg_dump.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let schema = match (&arguments.file, &arguments.sql, &arguments.url) {
        (Some(file), ..) => {
            let schema = dbml::read(&read(file)?).map_err(|lost| findings(lost, Some(file), Diagnostic::error))?;
            checked(&schema, |_| None)?;
            schema
        }
        (None, Some(file), _) => {
            let imported = sql::read(&read(file)?).map_err(|lost| findings(lost, Some(file), Diagnostic::error))?;
            whole(imported, Some(file))?
        }
        (None, None, Some(url)) => whole(Server::new(url)?.schema()?, None)?,
        (None, None, None) => return Ok(SUCCESS),
    };
    output::document(&nickel::write(&schema));
    Ok(SUCCESS)
}

fn read(file: &Path) -> Result<String, Vec<Diagnostic>> {
    let bytes = read_named(file, FileKind::Schema).map_err(|error| vec![error.into()])?;
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{}: it is no text in UTF-8", file.display());
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
    })
}

fn span(file: &Path, line: usize, column: usize) -> Span {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file: file.display().to_string(), line: number(line), column: number(column) }
}

fn findings(lost: Vec<ImportFinding>, file: Option<&Path>, new: fn(Code, FieldPath) -> Diagnostic) -> Vec<Diagnostic> {
    let found = lost.into_iter().map(|lost| {
        let at = file.map(|file| span(file, lost.line, lost.column));
        new(Code::NotImported, FieldPath::root()).message(lost.what).at(at)
    });
    found.collect()
}

/// A definition that is complete; says what was left out for a reason.
fn whole(imported: Imported, file: Option<&Path>) -> Result<Schema, Vec<Diagnostic>> {
    let Imported { schema, notes, places, service_rights: _ } = imported;
    checked(&schema, |path| {
        let [Segment::Key(kind), Segment::Key(name), ..] = path.0.as_slice() else { return None };
        let (line, column) = places.get(&format!("{kind}.{name}"))?;
        file.map(|file| span(file, *line, *column))
    })?;
    output::findings(&findings(notes, file, Diagnostic::warning));
    Ok(schema)
}

/// Nothing when a definition is complete; `place` says where each part was made.
pub fn checked(schema: &Schema, place: impl Fn(&FieldPath) -> Option<Span>) -> Result<(), Vec<Diagnostic>> {
    let (_, mut findings) = crate::database::complete(schema.clone(), &FieldPath::root());
    for finding in &mut findings {
        finding.span = place(&finding.path);
        for related in &mut finding.related {
            related.span = place(&related.path);
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}
