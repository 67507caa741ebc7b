//! SQL of whole migrations: what does not parse, what psql would take for its own, what would end the transaction
//! around it.

use super::lexer;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};

/// Statements that would end the transaction around a migration, and what does the same.
const TRANSACTION: [&str; 8] = ["abort", "begin", "commit", "end", "prepare", "rollback", "savepoint", "start"];

/// What in a migration's file the runner cannot apply.
pub fn findings(file: &str, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut report = |at: usize, message: String| {
        let (line, column) = lexer::position(text, at);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let span = Span { file: file.to_owned(), line: number(line), column: number(column) };
        found.push(Diagnostic::error(Code::SqlSyntax, FieldPath::root()).message(message).at(Some(span)));
    };
    if let Some(reason) = lexer::open(text, true).filter(|reason| reason != lexer::EMPTY) {
        report(0, reason);
        return found;
    }
    let tokens = lexer::tokens(text).unwrap_or_default();
    for pair in tokens.windows(3) {
        // psql puts the values of its variables there, whose names are in capitals.
        let touches = pair[1].text == ":" && pair[0].text != ":" && pair[2].at == pair[1].at + 1;
        let name =
            pair[2].kind == lexer::Kind::Word && pair[2].text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if touches && name {
            report(pair[1].at, format!("`:{}` is a variable of psql; write a blank after the colon", pair[2].text));
        }
    }
    let mut start = true;
    for token in tokens.iter().filter(|token| token.kind != lexer::Kind::Comment) {
        if start && TRANSACTION.contains(&token.text.to_ascii_lowercase().as_str()) {
            report(
                token.at,
                format!("`{}`: a migration is one transaction, which the runner begins and ends", token.text),
            );
        }
        start = token.text == ";";
    }
    for error in squawk_syntax::SourceFile::parse(text).errors() {
        report(usize::from(error.range().start()), error.message().to_owned());
    }
    found
}
