//! `DO` blocks that create an object unless it exists, as Drizzle writes them.

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, start_offset, string_content, tokens, unsupported};
use crate::database::lexer;

/// The words that begin the block, and those that end it.
const BEGINNING: [&str; 1] = ["begin"];
const END: [&str; 8] = ["exception", "when", "duplicate_object", "then", "null", ";", "end", ";"];

impl Reader {
    /// Reads `DO $$ BEGIN … EXCEPTION WHEN duplicate_object THEN null; END $$`, and returns the statements in it.
    pub(super) fn statements_of_do_block(node: &SyntaxNode) -> Parsed<Vec<SyntaxNode>> {
        let mut parts = Parts::of(node);
        let body = parts.require(SyntaxKind::LITERAL)?;
        let text = string_content(&body)?;
        let refused =
            || unsupported(node, "nself can represent a `DO` block only if it creates an object unless it exists");
        let is_dollar_quoted = tokens(&body).next().is_some_and(|token| token.text().starts_with('$'));
        let is_language_default = parts.take_rest().is_empty();
        let all = lexer::tokens(&text).unwrap_or_default();
        let significant: Vec<_> = all.iter().filter(|token| token.kind != lexer::TokenKind::Comment).collect();
        let is_word = |token: &&&lexer::Token, word: &&str| token.text.eq_ignore_ascii_case(word);
        let end_words = if significant.last().is_some_and(|token| token.text == ";") { &END[..] } else { &END[..7] };
        let Some(length) = significant.len().checked_sub(end_words.len() + 1) else { return refused() };
        let (beginning, end) = (&significant[..1], &significant[length + 1..]);
        let matches = beginning
            .iter()
            .zip(&BEGINNING)
            .chain(end.iter().zip(end_words))
            .all(|(token, word)| is_word(&token, word));
        if !matches || !is_dollar_quoted || !is_language_default {
            return refused();
        }
        let from = significant[0].at + significant[0].text.len();
        let to = end[0].at;
        // Blanks before the statements keep their places.
        let tag_length = body.text().to_string()[1..].find('$').map_or(0, |end| end + 2);
        let offset = start_offset(&body) + tag_length + from;
        let parsed = SourceFile::parse(&format!("{}{}", " ".repeat(offset), &text[from..to]));
        if !parsed.errors().is_empty() {
            return refused();
        }
        let statements: Vec<SyntaxNode> = parsed.tree().syntax().children().collect();
        let creates = |statement: &SyntaxNode| match statement.kind() {
            SyntaxKind::CREATE_TYPE | SyntaxKind::CREATE_DOMAIN | SyntaxKind::EMPTY_STMT => true,
            SyntaxKind::ALTER_TABLE => statement.children().any(|part| part.kind() == SyntaxKind::ADD_CONSTRAINT),
            _ => false,
        };
        if statements.iter().all(creates) { Ok(statements) } else { refused() }
    }
}
