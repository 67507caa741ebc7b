//! Turns a DBML file, a file of SQL or a running server into a definition, as Nickel source.

use std::path::Path;

use crate::database::import::sql::Imported as ImportedSchema;
use crate::database::import::{ImportFinding, dbml, nickel, remedy, sql};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment, Span};
use crate::server::Server;

use super::sql_text::{SqlText, read_text, span};

/// The source of an imported definition.
#[derive(Debug, Clone, Copy)]
pub enum ImportSource<'a> {
    Dbml(&'a Path),
    /// A file of SQL that creates a schema, such as pg_dump prints, or a folder of migrations.
    Sql(&'a Path),
    /// The URL of a server.
    Server(&'a str),
}

/// An imported definition.
#[derive(Debug)]
pub struct ImportedDefinition {
    /// The definition as Nickel source.
    pub nickel: String,
    /// Warnings about the definition, and about parts of the source that it leaves out, such as comments of extensions.
    pub warnings: Vec<Diagnostic>,
}

/// Imports a definition.
///
/// # Errors
/// NS714 for each part that a definition cannot express, NS710 to NS712 for a definition that is not valid, NS780 for a
/// folder that does not show which files are migrations or in which order they run, NS804 if the file or the server
/// cannot be read.
pub fn import(source: ImportSource) -> Result<ImportedDefinition, Vec<Diagnostic>> {
    let (schema, warnings) = match source {
        ImportSource::Dbml(file) => {
            let position = |line, column| span(&file.display().to_string(), line, column);
            let read = dbml::read_with_lines(&read_text(file)?);
            let (schema, lines) = read.map_err(|findings| errors(findings, position))?;
            // The line of an index, or else that of its table.
            let warnings = check_complete(&schema, |path| {
                let keys: Vec<&str> = path.0.iter().map_while(key).collect();
                let index = keys.get(..4).and_then(|keys| lines.get(&keys.join(".")));
                let line = index.or_else(|| lines.get(&keys.get(..2)?.join(".")))?;
                Some(position(*line, 1))
            })?;
            (schema, warnings)
        }
        ImportSource::Sql(file) => {
            let sql_text = SqlText::read(file)?;
            let position = |line, column| sql_text.span(line, column);
            let imported_schema = sql::read(&sql_text.text).map_err(|findings| errors(findings, position))?;
            check_imported(imported_schema, Some(&sql_text))?
        }
        ImportSource::Server(url) => check_imported(Server::new(url)?.schema()?, None)?,
    };
    Ok(ImportedDefinition { nickel: nickel::write(&schema), warnings })
}

/// Returns the key of a segment; `None` for an index.
fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    }
}

/// Completes a definition, checks that the result is valid, and returns warnings. `position` returns the place in the
/// source for a path in the definition, such as `tables.orders`; always `None` if the source has no places.
///
/// # Errors
/// NS710 to NS712 for a definition that is not valid.
pub(super) fn check_complete(
    schema: &Schema,
    position: impl Fn(&FieldPath) -> Option<Span>,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let (_, mut findings) = crate::database::complete(schema.clone(), &FieldPath::root());
    for finding in &mut findings {
        finding.span = position(&finding.path);
        for related in &mut finding.related {
            related.span = position(&related.path);
        }
    }
    if findings.iter().any(Diagnostic::is_error) { Err(findings) } else { Ok(findings) }
}

/// Checks an imported schema. Returns it with warnings, including those about parts of the source that were left out.
/// `sql_text` is the source, unless it is a server.
fn check_imported(
    imported: ImportedSchema,
    sql_text: Option<&SqlText>,
) -> Result<(Schema, Vec<Diagnostic>), Vec<Diagnostic>> {
    let ImportedSchema { schema, notes, places, service_rights: _ } = imported;
    let mut warnings = check_complete(&schema, |path| {
        // `places` has the place of each object, such as `tables.orders`.
        let [Segment::Key(kind), Segment::Key(name), ..] = path.0.as_slice() else { return None };
        let (line, column) = places.get(&format!("{kind}.{name}"))?;
        sql_text.map(|text| text.span(*line, *column))
    })?;
    let warning = |finding: ImportFinding| {
        let position = sql_text.map(|text| text.span(finding.line, finding.column));
        Diagnostic::warning(Code::NotImported, FieldPath::root()).message(finding.what).at(position)
    };
    warnings.extend(notes.into_iter().map(warning));
    Ok((schema, warnings))
}

/// Returns the errors NS714 for parts that a definition cannot express.
fn errors(findings: Vec<ImportFinding>, position: impl Fn(usize, usize) -> Span) -> Vec<Diagnostic> {
    let error = |finding: ImportFinding| {
        let position = position(finding.line, finding.column);
        let hint = remedy(&finding.what);
        Diagnostic::error(Code::NotImported, FieldPath::root()).message(finding.what).hint(hint).at(Some(position))
    };
    findings.into_iter().map(error).collect()
}
