//! Differences for people and machines.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use similar::TextDiff;

use super::state::{Change, State};
use crate::words;

/// A unified diff of everything that differs; control and direction marks are shown by number. What nself generated is
/// shown: the new side, and the old side where it is as the manifest records it. Lines that it did not generate may
/// hold a value that an operator pasted, and logs of CI are public, so they are counted and never shown. The same holds
/// for a file that is no longer generated: only the manifest, which comes with the checkout, says whose it is.
pub fn diff(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes.iter().filter(|change| change.state.differs()) {
        let _ = writeln!(out, "# {}: {}", change.state.name(), change.path);
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(&change.old), text(&change.new));
        if change.new.is_none() {
            let _ = writeln!(out, "{}", hidden(old.lines().count()));
            continue;
        }
        let from = if change.old.is_some() { format!("a/{}", change.path) } else { "/dev/null".to_owned() };
        let diff = TextDiff::from_lines(&old, &new);
        let unified = diff.unified_diff().context_radius(3).header(&from, &format!("b/{}", change.path)).to_string();
        let is_generated = matches!(change.state, State::New | State::Missing | State::Changed);
        let shown = if is_generated { unified } else { without_other_lines(&unified) };
        out.push_str(&words::visible(&shown, true));
    }
    out
}

/// A unified diff in which lines of the old side alone are counted.
fn without_other_lines(diff: &str) -> String {
    let mut shown = String::with_capacity(diff.len());
    let mut count = 0;
    // The two lines of the header name files.
    for (i, line) in diff.split_inclusive('\n').enumerate() {
        if i >= 2 && line.starts_with('-') {
            count += 1;
            continue;
        }
        if count > 0 {
            let _ = writeln!(shown, "{}", hidden(count));
            count = 0;
        }
        shown.push_str(line);
    }
    if count > 0 {
        let _ = writeln!(shown, "{}", hidden(count));
    }
    shown
}

fn hidden(lines: usize) -> String {
    format!("-[{} of the file on disk, not shown]", words::count(lines, "line"))
}

/// How many files stand how.
pub fn counts(changes: &[Change]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for change in changes {
        *counts.entry(change.state.name()).or_default() += 1;
    }
    counts
}

/// A line for each file that is not ours and stays as it is.
pub fn foreign(changes: &[Change]) -> String {
    let foreign = changes.iter().filter(|change| change.state == State::Foreign);
    let line = |change: &Change| {
        format!("foreign: {} is not nself's; it is left alone\n", words::visible(&change.path, false))
    };
    foreign.map(line).collect()
}

/// Whether a file is as generated but for line ends of Windows.
pub fn is_converted(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return false };
    old != new && old.contains(&b'\r') && String::from_utf8_lossy(old).replace("\r\n", "\n").as_bytes() == new
}

/// What gave files other line ends, and what keeps it from doing so.
pub const CONVERTED: &str =
    "git does that (`core.autocrlf`): `deploy/** -text` in .gitattributes keeps it from doing so";

/// A line when files have other line ends.
pub fn converted(changes: &[Change]) -> String {
    match changes.iter().filter(|change| is_converted(change)).count() {
        0 => String::new(),
        count => format!("hand-edited: {count} only by line ends of Windows; {CONVERTED}\n"),
    }
}

/// Every file that is not the same, with its state.
pub fn states(changes: &[Change]) -> Value {
    let listed = changes.iter().filter(|change| change.state != State::Same);
    Value::Array(listed.map(|change| json!({ "path": change.path, "state": change.state.name() })).collect())
}
