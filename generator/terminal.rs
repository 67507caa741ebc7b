//! Text for terminals and logs: the only place that writes to stdout and stderr. Names of files, values and messages of
//! other programs end inside the line of which they are a part: control characters, invisible characters and marks
//! that reorder text are shown by number, and the log of a CI service finds no command in them.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use crate::words;

/// Complete lines that a terminal or a log may show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(String);

/// How a part of a line looks on a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Error,
    Warning,
}

impl Style {
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
    /// One line; line breaks in it are shown by number.
    pub fn line(line: &str) -> Self {
        let mut lines = Lines::default();
        lines.push(line);
        lines
    }

    /// The lines of a text that has several.
    pub fn text(text: &str) -> Self {
        let mut lines = Lines::default();
        for line in text.split_terminator('\n') {
            lines.push(line);
        }
        lines
    }

    /// Adds one line; line breaks in it are shown by number.
    pub fn push(&mut self, line: &str) {
        write_line(&mut self.0, line);
        self.0.push('\n');
    }

    /// Adds one line whose parts have colours.
    pub fn push_styled(&mut self, parts: &[(Style, &str)]) {
        for (style, part) in parts {
            self.0.push_str(style.sequence());
            write_line(&mut self.0, part);
            self.0.push_str(if *style == Style::Plain { "" } else { "\x1b[0m" });
        }
        self.0.push('\n');
    }

    pub fn append(&mut self, other: &Lines) {
        self.0.push_str(&other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes one line without its end.
///
/// Which commands logs read: the runner of GitHub takes `::command::` at the start of a line, behind spaces too, and
/// `##[command]` anywhere in it; Azure Pipelines `##vso[` and `##[`, TeamCity `##teamcity[`. GitLab's sections need
/// the control characters that are shown by number.
fn write_line(out: &mut String, line: &str) {
    let command = line.trim_start();
    let start = if command.starts_with("::") { line.len() - command.len() + 1 } else { usize::MAX };
    for (at, c) in line.char_indices() {
        let shown = c == '\t' || !is_hidden(c);
        if shown && at != start && !(c == '#' && opens_command(line, at)) {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{{{:04X}}}", c as u32);
        }
    }
}

/// Whether a character is a command to the terminal, invisible, or changes the order of what follows. The last are tags,
/// which spell letters that no screen shows.
fn is_hidden(c: char) -> bool {
    c.is_control() || words::is_mark(c) || ('\u{E0000}'..='\u{E007F}').contains(&c)
}

/// Whether the sign at this place is the second of `##name[`.
fn opens_command(line: &str, at: usize) -> bool {
    let name = line[at + 1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    line[..at].ends_with('#') && name.starts_with('[')
}

/// JSON as logs may show it: the same document, with more of its characters written by number.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        // Outside of strings, JSON has no such characters except its line ends.
        if c != '\n' && is_hidden(c) || c == '#' && opens_command(text, at) {
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

/// Prints lines to stdout. A reader that goes away is no error.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn print(lines: &Lines) {
    let _ = io::stdout().lock().write_all(lines.0.as_bytes());
}

/// Prints lines to stderr.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn print_remarks(lines: &Lines) {
    let _ = io::stderr().lock().write_all(lines.0.as_bytes());
}

/// Sends a document for another program to stdout, byte for byte; a terminal shows its lines instead.
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

/// Whether stdout and stderr are terminals.
#[expect(clippy::disallowed_methods, reason = "everything that is printed passes through this module")]
pub fn are_terminals() -> (bool, bool) {
    (io::stdout().is_terminal(), io::stderr().is_terminal())
}

/// Makes a defect print its place alone: what the program had read may be part of a message that was made at run time.
pub fn set_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        print_remarks(&panic_message(&place, panic.payload()));
    }));
}

fn panic_message(place: &str, payload: &dyn std::any::Any) -> Lines {
    let what = payload.downcast_ref::<&str>().copied().unwrap_or("its message may hold what was read");
    Lines::line(&format!("error[NS901]: a defect of nself at {place}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_commands_nothing() {
        for (line, shown) in [
            ("plain: text, ümlaut\tand 漢字", "plain: text, ümlaut\tand 漢字"),
            ("a\x1b[31mb\r\nc", "a\\u{001B}[31mb\\u{000D}\\u{000A}c"),
            ("a\u{9b}31m\u{202E}b\u{2066}", "a\\u{009B}31m\\u{202E}b\\u{2066}"),
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
            assert_eq!(Lines::line(line).as_str(), format!("{shown}\n"), "{line:?}");
            // What was shown once is shown the same again.
            assert_eq!(Lines::text(&format!("{shown}\n")).as_str(), format!("{shown}\n"), "{line:?}");
        }
        assert_eq!(Lines::text("a\n::x::\n\nb").as_str(), "a\n:\\u{003A}x::\n\nb\n");
    }

    #[test]
    fn a_defect_repeats_nothing_that_was_read() {
        let read: Box<dyn std::any::Any> = Box::new("inside of `secret\x1b[31m`".to_owned());
        let shown = panic_message("a.rs:1:2", read.as_ref());
        assert_eq!(shown.as_str(), "error[NS901]: a defect of nself at a.rs:1:2: its message may hold what was read\n");
        let fixed: Box<dyn std::any::Any> = Box::new("no such field");
        assert!(panic_message("a.rs:1:2", fixed.as_ref()).as_str().ends_with(": no such field\n"));
    }

    #[test]
    fn json_stays_the_same_document() {
        let hostile = "a\x1b[0m\u{202E}\u{7f}\u{85}##[error]\n::warning::\u{E0041}\"\\";
        let text = format!("{:#}", serde_json::json!({ hostile: [hostile] }));
        let shown = json(&text);
        assert!(!shown.contains(['\u{202E}', '\u{7f}', '\u{85}', '\u{E0041}']) && !shown.contains("##["), "{shown}");
        assert!(shown.lines().all(|line| !line.trim_start().starts_with("::")));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&text), read(&shown));
    }
}
