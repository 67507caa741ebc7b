//! Names of refused objects and columns. The problems of later statements that name one follow from the refusal, so they
//! are not reported.

use std::collections::BTreeSet;

use squawk_syntax::SyntaxNode;

use crate::database::lexer::{self, Token};
use crate::database::model::*;

/// The objects and columns that a file creates, but that the reader refused.
#[derive(Default)]
pub struct Refused {
    pub(super) objects: BTreeSet<ObjectName>,
    pub(super) columns: BTreeSet<(ObjectName, SqlName)>,
    /// Tables that the current statement names and that do not exist.
    pub(super) missing: Vec<ObjectName>,
    /// Keys of other objects, such as `publication changes`, that the current statement names and that do not exist.
    pub(super) missing_keys: Vec<String>,
    /// Keys whose absence is reported.
    pub(super) reported_keys: BTreeSet<String>,
}

impl Refused {
    /// Adds an object whose absence is reported.
    pub fn add(&mut self, name: ObjectName) {
        self.objects.insert(name);
    }

    /// Records a table that the current statement names and that does not exist.
    pub fn record_missing(&mut self, name: &ObjectName) {
        self.missing.push(name.clone());
    }

    /// Records the key of an object that the current statement names and that does not exist.
    pub fn record_missing_key(&mut self, key: &str) {
        self.missing_keys.push(key.to_owned());
    }

    /// Returns whether an object was refused.
    pub fn contains(&self, name: &ObjectName) -> bool {
        self.objects.contains(name)
    }

    /// Returns whether a statement names a refused object or column.
    pub(super) fn is_mentioned_in(&self, node: &SyntaxNode) -> bool {
        if self.objects.is_empty() && self.columns.is_empty() {
            return false;
        }
        let text = node.text().to_string();
        let tokens = lexer::tokens(&text).unwrap_or_default();
        let mentions_word = |name: &str| tokens.iter().any(|token| is_name(token, name));
        self.objects.iter().any(|name| mentions_object(&tokens, name))
            || self
                .columns
                .iter()
                .any(|(table, column)| mentions_object(&tokens, table) && mentions_word(column.as_str()))
    }
}

/// Returns whether a token is a name as the server stores it.
fn is_name(token: &Token, name: &str) -> bool {
    match token.kind {
        lexer::TokenKind::Word => token.text.eq_ignore_ascii_case(name),
        lexer::TokenKind::Quoted => lexer::unquoted_name(token.text) == name,
        _ => false,
    }
}

/// Returns whether tokens mention an object: with its schema, or without one if the schema is `public`.
fn mentions_object(tokens: &[Token], object: &ObjectName) -> bool {
    tokens.iter().enumerate().any(|(i, token)| {
        let schema = match tokens[..i] {
            [.., ref schema, ref dot] if dot.text == "." => Some(schema),
            _ => None,
        };
        is_name(token, object.name())
            && schema.map_or(object.schema() == PUBLIC_SCHEMA, |schema| is_name(schema, object.schema()))
    })
}
