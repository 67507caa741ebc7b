//! Imports DBML (<https://dbml.dbdiagram.io/docs>). A column is nullable unless it has the setting `not null` or `pk`;
//! a name is a plain word or a text in double quotes.

mod part_name;
mod reader;
mod reference;
mod table;
mod tokens;

use std::collections::BTreeMap;

use super::ImportFinding;
use crate::database::model::*;
use crate::values::{Checked, Text};
use reader::{Reader, single_token};
use tokens::tokens;

/// Reads the text of a DBML file.
///
/// # Errors
/// One finding, with its line, for each part that is not DBML or that nself cannot represent.
pub fn read(text: &str) -> Result<Schema, Vec<ImportFinding>> {
    read_with_lines(text).map(|(schema, _)| schema)
}

/// Reads the text of a DBML file. Also returns the lines of its tables and their indexes by path, such as
/// `tables.orders.indexes.by_customer`.
///
/// # Errors
/// Those of [`read`].
pub fn read_with_lines(text: &str) -> Result<(Schema, BTreeMap<String, usize>), Vec<ImportFinding>> {
    let tokens = tokens(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader { tokens, ..Reader::default() };
    while let Some(token) = reader.peek().cloned() {
        if let Err(what) = reader.read_element() {
            // The problem concerns the token before the reader's position or, at the end of the file, the last token.
            let last_line = reader.tokens.last().map_or(token.line, |last| last.line);
            let line = reader.tokens.get(reader.at.saturating_sub(1)).map_or(last_line, |token| token.line);
            reader.problems.push(ImportFinding { line, column: 1, what });
            reader.skip_element();
        }
    }
    reader.add_foreign_keys();
    if reader.problems.is_empty() {
        Ok((reader.schema, reader.lines))
    } else {
        reader.problems.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        Err(reader.problems)
    }
}

impl Reader {
    /// Reads an element of the file, such as a table.
    fn read_element(&mut self) -> Result<(), String> {
        let keyword = self.next()?.text.to_ascii_lowercase();
        match keyword.as_str() {
            "table" => self.read_table(),
            "enum" => self.read_enumeration(),
            "ref" => self.read_reference(),
            // These elements only affect the diagram.
            "project" | "tablegroup" | "note" => {
                while !self.next_is("{") {
                    self.next()?;
                }
                self.skip_element();
                Ok(())
            }
            _ => Err(format!("nself cannot represent `{keyword}`")),
        }
    }

    /// Reads an enumeration, after its keyword.
    fn read_enumeration(&mut self) -> Result<(), String> {
        let name = self.read_object_name()?;
        self.expect("{")?;
        let mut values = Vec::new();
        let mut notes = Vec::new();
        while !self.take("}") {
            let token = self.next()?;
            let label = Label::new(&token.text).map_err(|reason| format!("the label `{}`: {reason}", token.text))?;
            for (setting, value) in self.read_settings()? {
                match setting.as_str() {
                    "note" => notes.push(format!("{label}: {}", single_token("note", &value)?.text)),
                    other => {
                        return Err(format!("nself cannot represent the setting `{other}` of the label `{label}`"));
                    }
                }
            }
            values.push(label);
        }
        // PostgreSQL has no comments on labels, so their notes become that of the enumeration.
        let comment = if notes.is_empty() { None } else { Some(Text::new(&notes.join("; "))?) };
        let enumeration = Enumeration { values, comment, ..Enumeration::default() };
        if self.schema.types.insert(name.clone(), UserType::Enum(enumeration)).is_some() {
            return Err(format!("there are two enumerations `{name}`"));
        }
        Ok(())
    }
}
