//! The tokens of a DBML file and what has been read from them so far.

use std::collections::BTreeMap;

use super::tokens::{DbmlToken, DbmlTokenKind};
use crate::database::import::ImportFinding;
use crate::database::model::*;
use crate::values::{Checked, Text};

/// A setting in square brackets: its name and the tokens of its value.
pub type Setting = (String, Vec<DbmlToken>);

/// One side of a reference.
#[derive(Debug, Clone)]
pub struct Side {
    pub table: ObjectName,
    pub columns: Vec<SqlName>,
}

/// A reference: two sides and the sign between them, which tells how many rows of each side belong together.
pub struct Reference {
    pub line: usize,
    pub name: Option<SqlName>,
    pub one: Side,
    pub sign: String,
    pub other: Side,
    pub settings: Vec<Setting>,
}

/// The tokens of a file and what has been read from them.
#[derive(Default)]
pub struct Reader {
    pub tokens: Vec<DbmlToken>,
    /// Index of the next token.
    pub at: usize,
    pub schema: Schema,
    pub problems: Vec<ImportFinding>,
    pub references: Vec<Reference>,
    pub aliases: BTreeMap<String, ObjectName>,
}

impl Reader {
    /// Returns the next token without taking it.
    pub fn peek(&self) -> Option<&DbmlToken> {
        self.tokens.get(self.at)
    }

    /// Takes the next token.
    pub fn next(&mut self) -> Result<DbmlToken, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("unexpected end of the file")?;
        self.at += 1;
        Ok(token)
    }

    /// Returns whether the next token is this word or sign.
    pub fn is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| {
            matches!(token.kind, DbmlTokenKind::Symbol | DbmlTokenKind::Word) && token.text.eq_ignore_ascii_case(text)
        })
    }

    /// Takes the next token if it is this word or sign.
    pub fn take(&mut self, text: &str) -> bool {
        let is_next = self.is(text);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the next token, which must be this word or sign.
    pub fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("`{text}` is missing")) }
    }

    /// Skips to the end of the next closed block, or to the next element.
    pub fn skip(&mut self) {
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

    /// Reads a name.
    pub fn ident(&mut self) -> Result<SqlName, String> {
        let token = self.next()?;
        if !matches!(token.kind, DbmlTokenKind::Word | DbmlTokenKind::Name) {
            return Err(format!("a name is missing before `{}`", token.text));
        }
        SqlName::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))
    }

    /// Reads `orders` or `audit.orders`, and declares the schema.
    pub fn object(&mut self) -> Result<ObjectName, String> {
        let first = self.ident()?;
        if !self.take(".") {
            return Ok(ObjectName::new_in(PUBLIC_SCHEMA, first.as_str()));
        }
        let second = self.ident()?;
        self.qualified(&first, &second)
    }

    /// Returns the name of an object in a schema, and declares the schema.
    pub fn qualified(&mut self, schema: &SqlName, name: &SqlName) -> Result<ObjectName, String> {
        if schema.as_str() != PUBLIC_SCHEMA {
            self.schema.schemas.entry(schema.clone()).or_default();
        }
        Ok(ObjectName::new_in(schema.as_str(), name.as_str()))
    }

    /// Reads the settings in square brackets, if there are any.
    pub fn settings(&mut self) -> Result<Vec<Setting>, String> {
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

    /// Reads a text in quotes.
    pub fn text(&mut self) -> Result<Text, String> {
        let token = self.next()?;
        if token.kind == DbmlTokenKind::Text {
            Text::new(&token.text)
        } else {
            Err("a text in quotes is missing".into())
        }
    }

    /// Reads `: 'text'` or `{ 'text' }` after the word `Note`.
    pub fn note(&mut self) -> Result<Text, String> {
        if self.take("{") {
            let text = self.text()?;
            self.expect("}")?;
            return Ok(text);
        }
        self.expect(":")?;
        self.text()
    }
}
