//! Differences for people and machines.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use similar::TextDiff;

use super::state::{Change, State};
use crate::words;

/// A unified diff of everything that differs; control and direction marks are shown by number.
pub fn diff(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes.iter().filter(|change| change.state.differs()) {
        let _ = writeln!(out, "# {}: {}", change.state.name(), change.path);
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(&change.old), text(&change.new));
        let name = |side: &str, present: bool| {
            if present { format!("{side}/{}", change.path) } else { "/dev/null".to_owned() }
        };
        let (from, to) = (name("a", change.old.is_some()), name("b", change.new.is_some()));
        let diff = TextDiff::from_lines(&old, &new);
        out.push_str(&words::visible(&diff.unified_diff().context_radius(3).header(&from, &to).to_string(), true));
    }
    out
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
