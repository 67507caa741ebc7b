//! Writes text to stdout and stderr; no other module does. Names of files, values and messages of other programs cannot
//! break out of their line: control characters, invisible characters and marks that reorder text are written as
//! numbers, such as `\u{001B}`. One character of each text that a CI service would run as a command from
//! its log is written as a number, too.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use crate::words;

/// Complete lines that are safe for terminals and logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(String);

/// The style of a part of a line on a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Error,
    Warning,
}

impl Style {
    /// Returns the control sequence that begins the style.
    fn sequence(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Strong => "\x1b[1m",
            Style::Error => "\x1b[1;31m",
            Style::Warning => "\x1b[1;33m",
        }
    }
}

impl Lines {
    /// Returns one line; line breaks in it are written as numbers.
    pub fn line(line: &str) -> Self {
        let mut lines = Lines::default();
        lines.push(line);
        lines
    }

    /// Returns the lines of a text.
    pub fn text(text: &str) -> Self {
        let mut lines = Lines::default();
        for line in text.split_terminator('\n') {
            lines.push(line);
        }
        lines
    }

    /// Adds one line; line breaks in it are written as numbers.
    pub fn push(&mut self, line: &str) {
        write_line(&mut self.0, line);
        self.0.push('\n');
    }

    /// Adds one line whose parts have styles.
    pub fn push_styled(&mut self, parts: &[(Style, &str)]) {
        for (style, part) in parts {
            self.0.push_str(style.sequence());
            write_line(&mut self.0, part);
            self.0.push_str(if *style == Style::Plain { "" } else { "\x1b[0m" });
        }
        self.0.push('\n');
    }

    /// Adds the lines of `other` at the end.
    pub fn append(&mut self, other: &Lines) {
        self.0.push_str(&other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text of all lines, each with its line break.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes one line without its end. CI services read commands from logs: GitHub `::command::` at the start of a line,
/// also after spaces, and `##[command]` anywhere in it; Azure Pipelines `##vso[` and `##[`; TeamCity `##teamcity[`.
/// GitLab's sections need control characters, which are written as numbers.
fn write_line(out: &mut String, line: &str) {
    let trimmed_line = line.trim_start();
    let second_colon = trimmed_line.starts_with("::").then(|| line.len() - trimmed_line.len() + 1);
    for (offset, c) in line.char_indices() {
        let is_command = second_colon == Some(offset) || c == '#' && opens_command(line, offset);
        if (c == '\t' || !is_hidden(c)) && !is_command {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{{{:04X}}}", c as u32);
        }
    }
}

/// Returns whether a character controls the terminal, is invisible, or changes the order of text.
fn is_hidden(c: char) -> bool {
    c.is_control() || words::is_mark(c)
}

/// Returns whether the character at this offset is the second `#` of `##name[`.
fn opens_command(line: &str, offset: usize) -> bool {
    let name = line[offset + 1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    line[..offset].ends_with('#') && name.starts_with('[')
}

/// Returns an equal JSON document that is safe for logs: characters that are hidden or begin a command are written as
/// escapes such as `\u001b`.
pub fn escaped_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (offset, c) in text.char_indices() {
        // Except for line endings, such characters occur only in strings of JSON, where escapes are allowed.
        if c != '\n' && is_hidden(c) || c == '#' && opens_command(text, offset) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints lines to stdout. A closed pipe is not an error.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn print(lines: &Lines) {
    let _ = io::stdout().lock().write_all(lines.0.as_bytes());
}

/// Prints lines to stderr.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn print_remarks(lines: &Lines) {
    let _ = io::stderr().lock().write_all(lines.0.as_bytes());
}

/// Sends a document for a different program to stdout, byte for byte; on a terminal, it prints the safe lines instead.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn send(document: &str) -> io::Result<()> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        print(&Lines::text(document));
        return Ok(());
    }
    let mut stdout = stdout.lock();
    stdout.write_all(document.as_bytes())?;
    stdout.flush()
}

/// Returns whether stdout is a terminal.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn is_stdout_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns whether stderr is a terminal.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn is_stderr_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Makes a panic print only its place and a constant message. A message that was built at run time may contain content
/// of files.
pub fn set_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        print_remarks(&panic_message(&place, panic.payload()));
    }));
}

/// Returns the message for a panic at this place of the sources. Only a constant message is repeated.
fn panic_message(place: &str, payload: &dyn std::any::Any) -> Lines {
    let constant_message = payload.downcast_ref::<&str>().copied();
    let message = constant_message.unwrap_or("the message is hidden, because it may contain file content");
    Lines::line(&format!("error[NS901]: a defect of nself at {place}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_line_or_run_commands() {
        for (line, printed) in [
            ("plain: text, ümlaut\tand 漢字", "plain: text, ümlaut\tand 漢字"),
            ("a\x1b[31mb\r\nc", "a\\u{001B}[31mb\\u{000D}\\u{000A}c"),
            ("a\u{9b}31m\u{202E}b\u{2066}", "a\\u{009B}31m\\u{202E}b\\u{2066}"),
            ("soft\u{AD}hyphen\u{E0041}", "soft\\u{00AD}hyphen\\u{E0041}"),
            ("::warning::x", ":\\u{003A}warning::x"),
            (" \u{a0}::add-mask::x", " \u{a0}:\\u{003A}add-mask::x"),
            ("ok ::warning::x", "ok ::warning::x"),
            ("x ##[error]y", "x #\\u{0023}[error]y"),
            ("##vso[task.x]", "#\\u{0023}vso[task.x]"),
            ("##teamcity[x]", "#\\u{0023}teamcity[x]"),
            ("####[x", "###\\u{0023}[x"),
            ("## a heading [x]", "## a heading [x]"),
            ("ä::x", "ä::x"),
        ] {
            assert_eq!(Lines::line(line).as_str(), format!("{printed}\n"), "{line:?}");
            // Escaping a text that is already escaped does not change it.
            assert_eq!(Lines::text(&format!("{printed}\n")).as_str(), format!("{printed}\n"), "{line:?}");
        }
        assert_eq!(Lines::text("a\n::x::\n\nb").as_str(), "a\n:\\u{003A}x::\n\nb\n");
    }

    #[test]
    fn a_panic_message_does_not_contain_file_content() {
        let built_message: Box<dyn std::any::Any> = Box::new("inside of `secret\x1b[31m`".to_owned());
        let printed = panic_message("a.rs:1:2", built_message.as_ref());
        assert_eq!(
            printed.as_str(),
            "error[NS901]: a defect of nself at a.rs:1:2: the message is hidden, because it may contain file content\n"
        );
        let constant_message: Box<dyn std::any::Any> = Box::new("no such field");
        assert!(panic_message("a.rs:1:2", constant_message.as_ref()).as_str().ends_with(": no such field\n"));
    }

    #[test]
    fn json_for_logs_is_an_equal_document() {
        let hostile = "a\x1b[0m\u{202E}\u{7f}\u{85}##[error]\n::warning::\u{E0041}\"\\";
        let text = format!("{:#}", serde_json::json!({ hostile: [hostile] }));
        let printed = escaped_json(&text);
        assert!(
            !printed.contains(['\u{202E}', '\u{7f}', '\u{85}', '\u{E0041}']) && !printed.contains("##["),
            "{printed}"
        );
        assert!(printed.lines().all(|line| !line.trim_start().starts_with("::")));
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&text), parse(&printed));
    }
}
