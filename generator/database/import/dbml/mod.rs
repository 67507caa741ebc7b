//! Imports DBML (<https://dbml.dbdiagram.io/docs>). Columns are nullable unless marked otherwise; names are plain
//! words or in double quotes.

mod reader;
mod reference;
mod table;
mod tokens;

use super::ImportFinding;
use crate::database::model::*;
use crate::values::Checked;
use reader::Reader;
use tokens::tokens;

/// Reads the text of a DBML file.
///
/// # Errors
/// Everything that is not DBML or that nself cannot represent, with its line.
pub fn read(text: &str) -> Result<Schema, Vec<ImportFinding>> {
    let tokens = tokens(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader { tokens, ..Reader::default() };
    while let Some(token) = reader.peek().cloned() {
        if let Err(what) = reader.element() {
            let last = reader.tokens.last().map_or(token.line, |last| last.line);
            let line = reader.tokens.get(reader.at.saturating_sub(1)).map_or(last, |at| at.line);
            reader.problems.push(ImportFinding { line, column: 1, what });
            reader.skip();
        }
    }
    reader.link();
    if reader.problems.is_empty() {
        Ok(reader.schema)
    } else {
        reader.problems.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        Err(reader.problems)
    }
}

impl Reader {
    fn element(&mut self) -> Result<(), String> {
        let word = self.next()?.text.to_ascii_lowercase();
        match word.as_str() {
            "table" => self.table(),
            "enum" => self.enumeration(),
            "ref" => self.reference(),
            // These only affect the drawing.
            "project" | "tablegroup" | "note" => {
                while !self.is("{") {
                    self.next()?;
                }
                self.skip();
                Ok(())
            }
            _ => Err(format!("nself cannot represent `{word}`")),
        }
    }

    fn enumeration(&mut self) -> Result<(), String> {
        let name = self.object()?;
        self.expect("{")?;
        let mut values = Vec::new();
        while !self.take("}") {
            let token = self.next()?;
            values.push(Label::new(&token.text).map_err(|reason| format!("the label `{}`: {reason}", token.text))?);
            self.settings()?;
        }
        self.schema.types.insert(name, UserType::Enum(Enumeration { values, ..Enumeration::default() }));
        Ok(())
    }
}
