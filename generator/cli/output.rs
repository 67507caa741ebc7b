//! Printing: findings to stderr as text, results to stdout. A reader that goes away is no error.

use std::io::{self, IsTerminal, Write};

use crate::diagnostic::{Diagnostic, Severity};

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

/// Warnings of an earlier run, said again.
pub fn warnings(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints findings in order and how many there were.
pub fn findings(findings: &[Diagnostic]) {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    for finding in findings {
        text.push_str(&render(finding, colour));
    }
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
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
    let mut text = format!("{paint}{name}[{}]{plain}{bold}: {}{plain}\n", finding.code, visible(&finding.message));
    let path = finding.path.to_string();
    let mut place = finding.span.as_ref().map(ToString::to_string).unwrap_or_default();
    if !path.is_empty() {
        place = if place.is_empty() { path } else { format!("{place} ({path})") };
    }
    if !place.is_empty() {
        text.push_str(&format!("  --> {}\n", visible(&place)));
    }
    if !finding.environments.is_empty() {
        text.push_str(&format!("   = in: {}\n", finding.environments.join(", ")));
    }
    if !finding.expected.is_empty() {
        text.push_str(&format!("   = expected: {}\n", visible(&finding.expected)));
    }
    if !finding.hint.is_empty() {
        text.push_str(&format!("   = help: {}\n", visible(&finding.hint)));
    }
    for related in &finding.related {
        let place = related.span.as_ref().map_or_else(|| related.path.to_string(), ToString::to_string);
        text.push_str(&format!("   = see: {}: {}\n", visible(&place), visible(&related.message)));
    }
    text.push('\n');
    text
}

/// Text from a stack as a terminal may show it: control and direction marks by number.
fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            out.push_str(&format!("\\u{{{:04X}}}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, FieldPath};

    #[test]
    fn marks_that_reorder_text_are_shown_by_number() {
        let finding = Diagnostic::error(Code::BadValue, FieldPath::root()).message("a\u{202E}b\u{1b}[31m");
        let text = render(&finding, false);
        assert!(text.contains("a\\u{202E}b\\u{001B}[31m"), "{text}");
    }
}
