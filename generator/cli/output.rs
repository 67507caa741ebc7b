//! Prints findings and remarks to stderr and results to stdout. Everything passes through
//! [`terminal`](crate::terminal).

use super::Format;
use crate::diagnostic::{Diagnostic, Severity};
use crate::terminal::{self, Lines, Style};
use crate::words;

/// Prints one line of a result.
pub fn line(line: &str) {
    terminal::print(&Lines::line(line));
}

/// Prints a result of several lines.
pub fn lines(lines: &Lines) {
    terminal::print(lines);
}

/// Writes a result for other programs to stdout, byte for byte. A closed pipe is not an error.
pub fn document(text: &str) {
    let _ = terminal::send(text);
}

/// Prints one line about the result.
pub fn remark(line: &str) {
    terminal::print_remarks(&Lines::line(line));
}

/// Prints several lines about the result.
pub fn remarks(lines: &Lines) {
    terminal::print_remarks(lines);
}

/// Writes a result as one JSON document.
pub fn json(value: &serde_json::Value) {
    json_text(&format!("{value:#}\n"));
}

/// Writes a result that is already JSON text.
pub fn json_text(text: &str) {
    document(&terminal::escaped_json(text));
}

/// Prints the findings that ended a command, in the requested format.
pub fn failure(format: Format, findings: &[Diagnostic]) {
    match format {
        Format::Json => json(&serde_json::json!({ "version": 1, "status": "error", "diagnostics": findings })),
        Format::Text => self::findings(findings),
    }
}

/// The maximum number of findings that are printed as text; `--format json` prints all.
const MAX_FINDINGS: usize = 1_000;

/// Prints findings in order, and the number of errors and of warnings.
pub fn findings<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) {
    let colour = terminal::is_stderr_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut lines = Lines::default();
    let (mut errors, mut warnings) = (0, 0);
    for finding in findings {
        if errors + warnings < MAX_FINDINGS {
            lines.append(&render(finding, colour));
        }
        if finding.is_error() {
            errors += 1;
        } else {
            warnings += 1;
        }
    }
    let counts_with_nouns = [(errors, "error"), (warnings, "warning")].into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts_with_nouns.map(|(count, noun)| words::count(count, noun)).collect();
    if !counts.is_empty() {
        let hidden_count = (errors + warnings).saturating_sub(MAX_FINDINGS);
        let hidden = if hidden_count > 0 { format!("; {hidden_count} of them not shown") } else { String::new() };
        lines.push(&[counts.join(", "), hidden].concat());
    }
    terminal::print_remarks(&lines);
}

/// Returns the lines of one finding. They do not quote the user's source, which may contain secrets.
pub fn render(finding: &Diagnostic, colour: bool) -> Lines {
    let (name, style) = match finding.severity {
        Severity::Error => ("error", Style::Error),
        Severity::Warning => ("warning", Style::Warning),
    };
    let (title, message) = (format!("{name}[{}]", finding.code), format!(": {}", finding.message));
    let mut lines = Lines::default();
    if colour {
        lines.push_styled(&[(style, &title), (Style::Strong, &message)]);
    } else {
        lines.push(&[title, message].concat());
    }
    let path = finding.path.to_string();
    let mut place = finding.span.as_ref().map(ToString::to_string).unwrap_or_default();
    if !path.is_empty() {
        place = if place.is_empty() { path } else { format!("{place} ({path})") };
    }
    if !place.is_empty() {
        lines.push(&format!("  --> {place}"));
    }
    let environments = finding.environments.join(", ");
    for (name, text) in [("in", &environments), ("expected", &finding.expected), ("help", &finding.hint)] {
        if !text.is_empty() {
            lines.push(&format!("   = {name}: {text}"));
        }
    }
    for related in &finding.related {
        let place = related.span.as_ref().map_or_else(|| related.path.to_string(), ToString::to_string);
        lines.push(&format!("   = see: {place}: {}", related.message));
    }
    lines.push("");
    lines
}
