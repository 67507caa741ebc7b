//! The result of an evaluation as plain data, with the place of every value. The child process sends it to its parent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, FieldPath, Segment, Span};

/// A place in the source: the file as an index into [`Document::files`], the line and the column, which count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(pub u32, pub u32, pub u32);

/// A value and its place. [`super::wire`] serializes it as a flat list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    pub value: Value,
    pub mark: Option<Mark>,
}

/// A value that the evaluation returned, or a note that it failed ([`Value::Broken`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    /// The evaluation of the value failed, which was reported. The decoder uses the default instead.
    Broken,
    Bool(bool),
    Integer(i64),
    /// A finite number.
    Float(f64),
    Text(String),
    Array(Vec<Node>),
    Record(BTreeMap<String, Entry>),
}

/// A field of a record: its key's place and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Option<Mark>,
    pub node: Node,
}

/// A file that was evaluated: the stack file, a file that it imports, or a file of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name in messages: the path relative to the project, or `nself/…` for the library.
    pub shown: String,
    /// Whether the file belongs to the user and not to the library.
    pub user: bool,
}

/// A path on which the result depends: a file that was read, or a path at which no file was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    pub path: std::path::PathBuf,
    pub exists: bool,
}

/// The result of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub root: Node,
    pub files: Vec<File>,
    pub inputs: Vec<Input>,
    /// Findings, with their places.
    pub findings: Vec<Finding>,
    /// Paths of the fields whose evaluation failed, as [`field_path`] reads them.
    pub broken: Vec<Vec<String>>,
}

/// A finding of the evaluation, as plain data that can be sent between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: String,
    /// The path of the field, as [`field_path`] reads it.
    pub path: Vec<String>,
    pub mark: Option<Mark>,
    pub message: String,
    pub expected: String,
    pub hint: String,
    pub related: Vec<(Mark, String)>,
}

impl Document {
    /// Returns whether a place is in a file of the user.
    pub fn is_user(&self, mark: Mark) -> bool {
        usize::try_from(mark.0).ok().and_then(|index| self.files.get(index)).is_some_and(|file| file.user)
    }

    /// Returns the place as a span; `None` for a place in text that Nickel created, which has no file name.
    pub fn span(&self, mark: Mark) -> Option<Span> {
        let file = self.files.get(usize::try_from(mark.0).ok()?)?;
        (!file.shown.is_empty()).then(|| Span { file: file.shown.clone(), line: mark.1, column: mark.2 })
    }

    /// Returns the findings as diagnostics. One whose place is not in a file of the user has no span.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let diagnostics = self.findings.iter().map(|finding| {
            let code = finding.code.parse().unwrap_or(crate::codes::Code::Evaluation);
            let mut diagnostic = Diagnostic::error(code, field_path(&finding.path))
                .message(&finding.message)
                .expected(&finding.expected)
                .hint(&finding.hint)
                .at(finding.mark.filter(|mark| self.is_user(*mark)).and_then(|mark| self.span(mark)));
            for (mark, message) in &finding.related {
                let span = self.span(*mark);
                diagnostic.related.push(crate::diagnostic::Related {
                    path: FieldPath::root(),
                    span,
                    message: message.clone(),
                    is_counterpart: false,
                });
            }
            diagnostic
        });
        diagnostics.collect()
    }
}

/// Returns the step to an item of an array, such as `#3`.
pub fn index_step(index: usize) -> String {
    format!("#{index}")
}

/// Returns the step to a field of a record: its key. A key that begins with `#` is written after an additional `#`, so
/// that it is not read as an index.
pub fn key_step(key: &str) -> String {
    if key.starts_with('#') { format!("#{key}") } else { key.to_owned() }
}

/// Returns the path for serialized steps: `["volumes", "#3"]` is the key `volumes` and the index 3.
pub fn field_path(steps: &[String]) -> FieldPath {
    let segment = |step: &String| match step.strip_prefix('#') {
        Some(rest) => rest.parse().map_or_else(|_| Segment::Key(rest.to_owned()), Segment::Index),
        None => Segment::Key(step.clone()),
    };
    FieldPath(steps.iter().map(segment).collect())
}

impl Value {
    /// Returns whether the value is null or its evaluation failed.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Value::Null | Value::Broken)
    }
}

impl From<&serde_json::Value> for Node {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => {
                // Fractions, and whole numbers above the largest `i64`, become floats.
                number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or_default()), Value::Integer)
            }
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::Array(items.iter().map(Node::from).collect()),
            Json::Object(fields) => {
                let entry = |(key, value): (&String, _)| (key.clone(), Entry { key: None, node: Node::from(value) });
                Value::Record(fields.iter().map(entry).collect())
            }
        };
        Node { value, mark: None }
    }
}

impl Node {
    /// Returns the approximate size of the tree in memory, in bytes.
    pub fn memory(&self) -> usize {
        let content = match &self.value {
            Value::Text(text) => text.len(),
            Value::Array(items) => items.iter().map(Node::memory).sum(),
            Value::Record(fields) => {
                let entry = |(key, entry): (&String, &Entry)| size_of::<String>() + key.len() + entry.node.memory();
                fields.iter().map(entry).sum()
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => 0,
        };
        size_of::<Node>() + content
    }

    /// Returns a field of a record; `None` if the record lacks it or the value is not a record.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Record(fields) => fields.get(key),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_read_as_an_index() {
        let steps = [key_step("env"), index_step(3), key_step("#3"), key_step("#"), key_step("##a"), key_step("3")];
        let key = |key: &str| Segment::Key(key.to_owned());
        let segments = vec![key("env"), Segment::Index(3), key("#3"), key("#"), key("##a"), key("3")];
        assert_eq!(field_path(&steps), FieldPath(segments));
    }
}
