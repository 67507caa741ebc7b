//! Checks the SQL of whole migrations: syntax errors, commands of psql, and statements that would end the runner's
//! transaction.

use crate::database::completeness::{self, TextForm};
use crate::database::{lexer, parse};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};

/// First words of statements that begin, end or divide a transaction.
const TRANSACTION_WORDS: [&str; 8] = ["abort", "begin", "commit", "end", "prepare", "rollback", "savepoint", "start"];

/// Returns findings about statements that the runner cannot apply. `text` is the content of the migration's file
/// `file`.
pub fn findings(file: &str, text: &str) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut report = |at: usize, code: Code, message: String| {
        let (line, column) = lexer::position(text, at);
        let as_u32 = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let span = Span { file: file.to_owned(), line: as_u32(line), column: as_u32(column) };
        findings.push(Diagnostic::error(code, FieldPath::root()).message(message).at(Some(span)));
    };
    if let Some(fault) = completeness::fault(text, TextForm::Statements) {
        report(fault.at, fault.code, fault.what);
        return findings;
    }
    let tokens = lexer::tokens(text).unwrap_or_default();
    let mut starts_statement = true;
    for token in tokens.iter().filter(|token| token.kind != lexer::TokenKind::Comment) {
        if starts_statement && TRANSACTION_WORDS.contains(&token.text.to_ascii_lowercase().as_str()) {
            report(
                token.at,
                Code::SqlSyntax,
                format!("`{}` is not allowed: the runner begins and ends the transaction of a migration", token.text),
            );
        }
        starts_statement = token.text == ";";
    }
    for (at, message) in parse::errors(text) {
        report(at, Code::SqlSyntax, message);
    }
    findings
}
