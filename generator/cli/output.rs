//! Printing: findings to stderr as text, results to stdout. A reader that goes away is no error.

use std::io::{self, IsTerminal, Write};

use super::Format;
use crate::diagnostic::{Diagnostic, Severity};
use crate::words;

/// Writes a result; a closed pipe ends quietly.
pub fn result(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Writes a remark.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A result as one JSON document.
pub fn json(value: &serde_json::Value) {
    result(&format!("{value:#}\n"));
}

/// What ended a command: as a document where one was asked for, else for people.
pub fn failure(format: Format, findings: &[Diagnostic]) {
    match format {
        Format::Json => json(&serde_json::json!({ "version": 1, "status": "error", "diagnostics": findings })),
        Format::Text => self::findings(findings),
    }
}

/// Lines that are complete already, such as those of an earlier run.
pub fn again(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints findings in order and how many there were.
pub fn findings<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    let (mut errors, mut warnings) = (0, 0);
    for finding in findings {
        text.push_str(&render(finding, colour));
        *if finding.is_error() { &mut errors } else { &mut warnings } += 1;
    }
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let counts: Vec<String> = [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
    if !counts.is_empty() {
        text.push_str(&counts.join(", "));
        text.push('\n');
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// One finding. The user's source is not quoted: a line may hold what must not reach a log.
pub fn render(finding: &Diagnostic, colour: bool) -> String {
    let (name, paint) = match finding.severity {
        Severity::Error => ("error", "\x1b[1;31m"),
        Severity::Warning => ("warning", "\x1b[1;33m"),
    };
    let (paint, bold, plain) = if colour { (paint, "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let mut text =
        format!("{paint}{name}[{}]{plain}{bold}: {}{plain}\n", finding.code, words::visible(&finding.message, false));
    let path = finding.path.to_string();
    let mut place = finding.span.as_ref().map(ToString::to_string).unwrap_or_default();
    if !path.is_empty() {
        place = if place.is_empty() { path } else { format!("{place} ({path})") };
    }
    if !place.is_empty() {
        text.push_str(&format!("  --> {}\n", words::visible(&place, false)));
    }
    if !finding.environments.is_empty() {
        text.push_str(&format!("   = in: {}\n", finding.environments.join(", ")));
    }
    if !finding.expected.is_empty() {
        text.push_str(&format!("   = expected: {}\n", words::visible(&finding.expected, false)));
    }
    if !finding.hint.is_empty() {
        text.push_str(&format!("   = help: {}\n", words::visible(&finding.hint, false)));
    }
    for related in &finding.related {
        let place = related.span.as_ref().map_or_else(|| related.path.to_string(), ToString::to_string);
        text.push_str(&format!(
            "   = see: {}: {}\n",
            words::visible(&place, false),
            words::visible(&related.message, false)
        ));
    }
    text.push('\n');
    text
}
