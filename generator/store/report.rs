//! Differences for people and machines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compare::{Change, State};
use super::diff::{Budget, OldSide, hidden, text_diff};
use crate::terminal::Lines;

/// A unified diff of everything that differs. What nself generated is shown: the new side, and the old side where it is as
/// the manifest records it. Lines that it did not generate may hold a value that an operator pasted, and logs of CI are
/// public, so they are counted and never shown. The same holds for a file that is no longer generated: only the
/// manifest, which comes with the checkout, says whose it is.
pub fn diff(changes: &[Change]) -> Lines {
    let mut lines = Lines::default();
    let mut budget = Budget::default();
    for change in changes.iter().filter(|change| change.state.differs()) {
        lines.push(&format!("# {}: {}", change.state.name(), change.path));
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(&change.old), text(&change.new));
        if change.new.is_none() {
            lines.push(&hidden(old.lines().count()));
            continue;
        }
        let from = if change.old.is_some() { format!("a/{}", change.path) } else { "/dev/null".to_owned() };
        let is_generated = matches!(change.state, State::New | State::Missing | State::Changed);
        let old_side = if is_generated { OldSide::Shown } else { OldSide::Counted };
        let to = format!("b/{}", change.path);
        lines.append(&text_diff((&from, &old), (&to, &new), old_side, &mut budget));
    }
    lines
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
pub fn foreign(changes: &[Change]) -> Lines {
    let mut lines = Lines::default();
    for change in changes.iter().filter(|change| change.state == State::Foreign) {
        lines.push(&format!("foreign: {} is not nself's; it is left alone", change.path));
    }
    lines
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
pub fn converted(changes: &[Change]) -> Lines {
    match changes.iter().filter(|change| is_converted(change)).count() {
        0 => Lines::default(),
        count => Lines::line(&format!("hand-edited: {count} only by line ends of Windows; {CONVERTED}")),
    }
}

/// Every file that is not the same, with its state.
pub fn states(changes: &[Change]) -> Value {
    let listed = changes.iter().filter(|change| change.state != State::Same);
    Value::Array(listed.map(|change| json!({ "path": change.path, "state": change.state.name() })).collect())
}
