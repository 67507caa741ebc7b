//! Types for text that the kubelet expands: it replaces `$(NAME)` in commands and variables.

use serde::{Serialize, Serializer};

/// A text in a field in which the kubelet would replace `$(NAME)`. Every `$` of the text is doubled, and the kubelet turns
/// `$$` into one `$`, so the container gets the text unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded(pub String);

impl Serialize for Expanded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.replace('$', "$$"))
    }
}

/// A word of a probe's command, which the kubelet expands like [`Expanded`]. Commands of health checks often contain `$` in
/// forms that the kubelet leaves unchanged, such as `$HOME` and `$(cat FILE)`, so only words that it would change have
/// every `$` doubled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeWord(pub String);

impl ProbeWord {
    /// Returns whether the text contains `$$` or `$(NAME)`.
    fn is_expanded(&self) -> bool {
        let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let mut references = self.0.split("$(").skip(1).filter_map(|rest| rest.split_once(')'));
        self.0.contains("$$") || references.any(|(name, _)| is_name(name))
    }
}

impl Serialize for ProbeWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_expanded() {
            return Expanded(self.0.clone()).serialize(serializer);
        }
        serializer.serialize_str(&self.0)
    }
}
