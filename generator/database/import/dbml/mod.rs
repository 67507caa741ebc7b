//! Imports DBML (<https://dbml.dbdiagram.io/docs>). Columns are nullable unless marked otherwise; names are plain
//! words or in double quotes.

use std::collections::BTreeMap;

mod reference;
mod table;
mod tokens;

use super::ImportFinding;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent, Text};
use reference::Reference;
use tokens::{DbmlToken, DbmlTokenKind, tokens};

/// Reads the text of a DBML file.
///
/// # Errors
/// Everything that is not DBML or that nself cannot represent, with its line.
pub fn read(text: &str) -> Result<Schema, Vec<ImportFinding>> {
    let tokens = tokens(text).map_err(|lost| vec![lost])?;
    let mut reader = Reader {
        tokens,
        at: 0,
        schema: Schema::default(),
        lost: Vec::new(),
        references: Vec::new(),
        aliases: BTreeMap::new(),
    };
    while let Some(token) = reader.peek().cloned() {
        if let Err(what) = reader.element() {
            let last = reader.tokens.last().map_or(token.line, |last| last.line);
            let line = reader.tokens.get(reader.at.saturating_sub(1)).map_or(last, |at| at.line);
            reader.lost.push(ImportFinding { line, column: 1, what });
            reader.skip();
        }
    }
    reader.link();
    if reader.lost.is_empty() {
        Ok(reader.schema)
    } else {
        reader.lost.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        Err(reader.lost)
    }
}

/// A setting in square brackets: its name and the tokens of its value.
type Setting = (String, Vec<DbmlToken>);

struct Reader {
    tokens: Vec<DbmlToken>,
    at: usize,
    schema: Schema,
    lost: Vec<ImportFinding>,
    references: Vec<Reference>,
    aliases: BTreeMap<String, ObjectName>,
}

impl Reader {
    fn peek(&self) -> Option<&DbmlToken> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<DbmlToken, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("unexpected end of the file")?;
        self.at += 1;
        Ok(token)
    }

    fn is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| {
            matches!(token.kind, DbmlTokenKind::Symbol | DbmlTokenKind::Word) && token.text.eq_ignore_ascii_case(text)
        })
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.is(text);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("`{text}` is missing")) }
    }

    /// Skips to the end of the next closed block, or to the next element.
    fn skip(&mut self) {
        let mut depth = 0;
        while let Ok(token) = self.next() {
            match (token.kind, token.text.as_str()) {
                (DbmlTokenKind::Symbol, "{") => depth += 1,
                (DbmlTokenKind::Symbol, "}") if depth <= 1 => return,
                (DbmlTokenKind::Symbol, "}") => depth -= 1,
                _ => {}
            }
            let element = ["table", "enum", "ref", "project", "tablegroup", "note", "tablepartial"];
            let begins = |token: &DbmlToken| token.first && element.contains(&token.text.to_ascii_lowercase().as_str());
            if depth == 0 && self.peek().is_some_and(begins) {
                return;
            }
        }
    }

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

    fn ident(&mut self) -> Result<SqlIdent, String> {
        let token = self.next()?;
        if !matches!(token.kind, DbmlTokenKind::Word | DbmlTokenKind::Name) {
            return Err(format!("a name is missing before `{}`", token.text));
        }
        SqlIdent::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))
    }

    /// Reads `orders` or `audit.orders`, and declares the schema.
    fn object(&mut self) -> Result<ObjectName, String> {
        let first = self.ident()?;
        if !self.take(".") {
            return ObjectName::new(first.as_str());
        }
        let second = self.ident()?;
        self.qualified(&first, &second)
    }

    fn qualified(&mut self, schema: &SqlIdent, name: &SqlIdent) -> Result<ObjectName, String> {
        if schema.as_str() == PUBLIC {
            return ObjectName::new(name.as_str());
        }
        self.schema.schemas.entry(schema.clone()).or_default();
        ObjectName::new(&format!("{schema}.{name}"))
    }

    fn settings(&mut self) -> Result<Vec<Setting>, String> {
        let mut all = Vec::new();
        if !self.take("[") {
            return Ok(all);
        }
        let (mut words, mut value, mut depth) = (Vec::new(), None::<Vec<DbmlToken>>, 0);
        loop {
            let token = self.next()?;
            let symbol = (token.kind == DbmlTokenKind::Symbol).then_some(token.text.as_str());
            match symbol {
                Some("]" | ",") if depth == 0 => {
                    let name: Vec<String> =
                        words.iter().map(|token: &DbmlToken| token.text.to_ascii_lowercase()).collect();
                    all.push((name.join(" "), value.take().unwrap_or_else(|| std::mem::take(&mut words))));
                    words.clear();
                    if symbol == Some("]") {
                        return Ok(all);
                    }
                    continue;
                }
                Some(":") if value.is_none() => {
                    value = Some(Vec::new());
                    continue;
                }
                Some("(") => depth += 1,
                Some(")") => depth -= 1,
                _ => {}
            }
            value.as_mut().unwrap_or(&mut words).push(token);
        }
    }

    fn text(&mut self) -> Result<Text, String> {
        let token = self.next()?;
        if token.kind == DbmlTokenKind::Text {
            Text::new(&token.text)
        } else {
            Err("a text in quotes is missing".into())
        }
    }

    /// Reads `: 'text'` or `{ 'text' }` after the word `Note`.
    fn note(&mut self) -> Result<Text, String> {
        if self.take("{") {
            let text = self.text()?;
            self.expect("}")?;
            return Ok(text);
        }
        self.expect(":")?;
        self.text()
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
