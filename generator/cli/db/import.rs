//! `nself db import`: a definition from a DBML file, as Nickel on stdout.

use std::path::PathBuf;

use clap::Args;

use super::super::{FINE, output};
use super::Outcome;
use crate::database::import::{dbml, nickel};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};

#[derive(Debug, Args)]
pub struct Arguments {
    /// A DBML file.
    file: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let shown = arguments.file.display().to_string();
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{shown}: {error}"))])?;
    let schema = dbml::read(&text).map_err(|lost| {
        let found = lost.into_iter().map(|lost| {
            let line = u32::try_from(lost.line).unwrap_or(u32::MAX);
            Diagnostic::error(Code::NotImported, FieldPath::root()).message(lost.what).at(Some(Span {
                file: shown.clone(),
                line,
                column: 1,
            }))
        });
        found.collect::<Vec<_>>()
    })?;
    let (_, findings) = crate::database::complete(schema.clone(), &FieldPath::root());
    if !findings.is_empty() {
        return Err(findings);
    }
    output::result(&nickel::write(&schema));
    Ok(FINE)
}
