//! The reader of a DBML file: its tokens, and the tables, types and references that it has read so far.

use std::collections::BTreeMap;

use super::tokens::{DbmlToken, DbmlTokenKind};
use crate::database::import::ImportFinding;
use crate::database::model::*;
use crate::values::{Checked, Text};

/// A setting in square brackets: its name and the tokens of its value.
pub type Setting = (String, Vec<DbmlToken>);

/// One side of a reference.
#[derive(Debug, Clone)]
pub struct ReferenceSide {
    pub table: ObjectName,
    pub columns: Vec<SqlName>,
}

/// A reference: two sides and the sign between them. In `orders.customer > customers.id`, `>` says that many orders
/// refer to one customer.
pub struct Reference {
    pub line: usize,
    pub name: Option<SqlName>,
    pub left: ReferenceSide,
    pub sign: String,
    pub right: ReferenceSide,
    pub settings: Vec<Setting>,
}

/// Reads the tokens of a file one after another.
#[derive(Default)]
pub struct Reader {
    pub tokens: Vec<DbmlToken>,
    /// Index of the next token.
    pub at: usize,
    pub schema: Schema,
    pub problems: Vec<ImportFinding>,
    /// Lines of the tables and their indexes, by path, such as `tables.orders` and `tables.orders.indexes.by_customer`.
    pub lines: BTreeMap<String, usize>,
    /// References, which become foreign keys after the last element.
    pub references: Vec<Reference>,
    /// Maps an alias (`table orders as o`) to its table.
    pub aliases: BTreeMap<String, ObjectName>,
}

impl Reader {
    /// Returns the next token without taking it.
    pub fn peek(&self) -> Option<&DbmlToken> {
        self.tokens.get(self.at)
    }

    /// Takes the next token. Fails at the end of the file.
    pub fn next(&mut self) -> Result<DbmlToken, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("unexpected end of the file")?;
        self.at += 1;
        Ok(token)
    }

    /// Returns whether the next token is this word or sign.
    pub fn next_is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| {
            matches!(token.kind, DbmlTokenKind::Symbol | DbmlTokenKind::Word) && token.text.eq_ignore_ascii_case(text)
        })
    }

    /// Takes the next token if it is this word or sign, and returns whether it was.
    pub fn take(&mut self, text: &str) -> bool {
        let is_next = self.next_is(text);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the next token, which must be this word or sign.
    pub fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("`{text}` is missing")) }
    }

    /// Skips the rest of an element: to the end of its block in braces, or to the line where the next element begins.
    pub fn skip_element(&mut self) {
        let mut depth = 0;
        while let Ok(token) = self.next() {
            match (token.kind, token.text.as_str()) {
                (DbmlTokenKind::Symbol, "{") => depth += 1,
                (DbmlTokenKind::Symbol, "}") if depth <= 1 => return,
                (DbmlTokenKind::Symbol, "}") => depth -= 1,
                _ => {}
            }
            let keywords = ["table", "enum", "ref", "project", "tablegroup", "note", "tablepartial"];
            let begins_element = |token: &DbmlToken| {
                token.is_first_of_line && keywords.contains(&token.text.to_ascii_lowercase().as_str())
            };
            if depth == 0 && self.peek().is_some_and(begins_element) {
                return;
            }
        }
    }

    /// Reads a name.
    pub fn read_name(&mut self) -> Result<SqlName, String> {
        let token = self.next()?;
        if !matches!(token.kind, DbmlTokenKind::Word | DbmlTokenKind::Name) {
            return Err(format!("a name is missing before `{}`", token.text));
        }
        SqlName::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))
    }

    /// Reads `orders` or `audit.orders`, and declares the schema.
    pub fn read_object_name(&mut self) -> Result<ObjectName, String> {
        let schema_or_name = self.read_name()?;
        if !self.take(".") {
            return Ok(ObjectName::new_in(PUBLIC_SCHEMA, schema_or_name.as_str()));
        }
        let name = self.read_name()?;
        self.qualified_name(&schema_or_name, &name)
    }

    /// Returns the name of an object in a schema, and declares the schema.
    pub fn qualified_name(&mut self, schema: &SqlName, name: &SqlName) -> Result<ObjectName, String> {
        if schema.as_str() != PUBLIC_SCHEMA {
            self.schema.schemas.entry(schema.clone()).or_default();
        }
        Ok(ObjectName::new_in(schema.as_str(), name.as_str()))
    }

    /// Reads the settings in square brackets, if there are any. `[pk, default: 0]` has the setting `pk` and the setting
    /// `default` with the value `0`. A setting without a value gets the tokens of its name as its value.
    pub fn read_settings(&mut self) -> Result<Vec<Setting>, String> {
        let mut settings = Vec::new();
        if !self.take("[") {
            return Ok(settings);
        }
        let (mut name_tokens, mut value, mut bracket_depth) = (Vec::new(), None::<Vec<DbmlToken>>, 0);
        loop {
            let token = self.next()?;
            let symbol = (token.kind == DbmlTokenKind::Symbol).then_some(token.text.as_str());
            match symbol {
                Some("]" | ",") if bracket_depth == 0 => {
                    let name: Vec<String> =
                        name_tokens.iter().map(|token: &DbmlToken| token.text.to_ascii_lowercase()).collect();
                    settings.push((name.join(" "), value.take().unwrap_or_else(|| std::mem::take(&mut name_tokens))));
                    name_tokens.clear();
                    if symbol == Some("]") {
                        return Ok(settings);
                    }
                    continue;
                }
                Some(":") if value.is_none() => {
                    value = Some(Vec::new());
                    continue;
                }
                Some("(") => bracket_depth += 1,
                Some(")") => bracket_depth -= 1,
                _ => {}
            }
            // After the colon, tokens belong to the value; before it, to the name.
            value.as_mut().unwrap_or(&mut name_tokens).push(token);
        }
    }

    /// Reads a text in quotes.
    pub fn read_text(&mut self) -> Result<Text, String> {
        let token = self.next()?;
        if token.kind == DbmlTokenKind::Text {
            Text::new(&token.text)
        } else {
            Err("a text in quotes is missing".into())
        }
    }

    /// Reads `: 'text'` or `{ 'text' }` after the word `Note`.
    pub fn read_note(&mut self) -> Result<Text, String> {
        if self.take("{") {
            let text = self.read_text()?;
            self.expect("}")?;
            return Ok(text);
        }
        self.expect(":")?;
        self.read_text()
    }
}

/// Returns the only token of a setting's value; several tokens are an error.
pub fn single_token<'a>(setting: &str, value: &'a [DbmlToken]) -> Result<&'a DbmlToken, String> {
    match value {
        [token] => Ok(token),
        _ => Err(format!("the setting `{setting}` must have exactly one value")),
    }
}
