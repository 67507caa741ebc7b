//! Reports on a comparison, as text and as JSON.

use serde_json::{Value, json};

use super::change::{Change, State};
use super::diff::{DiffBudget, OldSide, hidden_lines, text_diff};
use crate::terminal::Lines;
use crate::words;

/// Returns a unified diff of all files that differ. Shows only generated lines: the new side, and the old side if the
/// file is as the manifest records it. Other lines may contain a value that an operator pasted, and logs of CI are
/// public, so these lines are only counted. Lines of a stale file are counted too, because only the manifest, which
/// comes with the checkout, says that nself wrote the file.
pub fn diff(changes: &[Change]) -> Lines {
    let mut lines = Lines::default();
    let mut budget = DiffBudget::default();
    for change in changes.iter().filter(|change| change.state.differs()) {
        lines.push(&format!("# {}: {}", change.state.name(), change.path));
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(&change.old), text(&change.new));
        if change.new.is_none() {
            lines.push(&hidden_lines(old.lines().count()));
            continue;
        }
        let old_name = if change.old.is_some() { format!("a/{}", change.path) } else { "/dev/null".to_owned() };
        let is_old_side_public = matches!(change.state, State::New | State::Missing | State::Changed);
        let old_side = if is_old_side_public { OldSide::Printed } else { OldSide::Counted };
        let new_name = format!("b/{}", change.path);
        lines.append(&text_diff((&old_name, &old), (&new_name, &new), old_side, &mut budget));
    }
    lines
}

/// Returns a line for each foreign file.
pub fn foreign_files(changes: &[Change]) -> Lines {
    let mut lines = Lines::default();
    for change in changes.iter().filter(|change| change.state == State::Foreign) {
        lines.push(&format!("foreign: nself did not write {}, and leaves it unchanged", change.path));
    }
    lines
}

/// Returns whether a file differs from the generated one only by Windows line endings.
pub fn is_converted(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return false };
    old != new && old.contains(&b'\r') && String::from_utf8_lossy(old).replace("\r\n", "\n").as_bytes() == new
}

/// The cause of Windows line endings and the remedy, for messages.
pub const LINE_ENDS_CONVERTED: &str =
    "git converts line endings (`core.autocrlf`): prevent that with `deploy/** -text` in .gitattributes";

/// Returns a warning if the line endings of any file were converted.
pub fn line_end_warning(changes: &[Change]) -> Lines {
    match changes.iter().filter(|change| is_converted(change)).count() {
        0 => Lines::default(),
        count => {
            let files = words::count(count, "file");
            Lines::line(&format!("hand-edited only by Windows line endings: {files}; {LINE_ENDS_CONVERTED}"))
        }
    }
}

/// Returns every file that is not the same: `[{ "path": "prod/compose.yaml", "state": "changed" }]`.
pub fn states(changes: &[Change]) -> Value {
    let changed = changes.iter().filter(|change| change.state != State::Same);
    Value::Array(changed.map(|change| json!({ "path": change.path, "state": change.state.name() })).collect())
}
