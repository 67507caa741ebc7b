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

/// Every file that is not the same, with its state.
pub fn states(changes: &[Change]) -> Value {
    let listed = changes.iter().filter(|change| change.state != State::Same);
    Value::Array(listed.map(|change| json!({ "path": change.path, "state": change.state.name() })).collect())
}
