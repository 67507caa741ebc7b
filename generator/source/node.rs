//! An evaluated program as plain data with the place of every value: what crosses from the guarded
//! evaluation to the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, FieldPath, Segment, Span};

/// File (index into [`Document::files`]), line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(pub u32, pub u32, pub u32);

/// A value and where it was written. Crosses processes as a flat list, see [`super::wire`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    pub value: Value,
    pub mark: Option<Mark>,
}

/// A value.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    /// Its evaluation failed, which is a finding already. Whatever reads it goes on with a default.
    Broken,
    Bool(bool),
    Integer(i64),
    /// Finite.
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

/// A file that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// As shown to the user: relative to the project, `nself/…` for the library.
    pub shown: String,
    /// The user's own, as opposed to the library's.
    pub user: bool,
}

/// A path that decided the result: a file that was read, or one that was looked for and absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    pub path: std::path::PathBuf,
    pub exists: bool,
}

/// What an evaluation gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub root: Node,
    pub files: Vec<File>,
    pub inputs: Vec<Input>,
    /// Located already.
    pub findings: Vec<Finding>,
    /// Fields without a value, since their evaluation failed.
    pub broken: Vec<Vec<String>>,
}

/// A finding of the evaluation, in a form that crosses processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: String,
    pub path: Vec<String>,
    pub mark: Option<Mark>,
    pub message: String,
    pub expected: String,
    pub hint: String,
    pub related: Vec<(Mark, String)>,
}

impl Document {
    pub fn is_user(&self, mark: Mark) -> bool {
        usize::try_from(mark.0).ok().and_then(|index| self.files.get(index)).is_some_and(|file| file.user)
    }

    /// None in a source that Nickel made itself.
    pub fn span(&self, mark: Mark) -> Option<Span> {
        let file = self.files.get(usize::try_from(mark.0).ok()?)?;
        (!file.shown.is_empty()).then(|| Span { file: file.shown.clone(), line: mark.1, column: mark.2 })
    }

    /// The findings, located where they name a place in a file of the user.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let located = self.findings.iter().map(|finding| {
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
                });
            }
            diagnostic
        });
        located.collect()
    }
}

/// Steps as they cross processes: an index is written as `#3`.
pub fn field_path(steps: &[String]) -> FieldPath {
    let segment = |step: &String| match step.strip_prefix('#').and_then(|index| index.parse().ok()) {
        Some(index) => Segment::Index(index),
        None => Segment::Key(step.clone()),
    };
    FieldPath(steps.iter().map(segment).collect())
}

impl Value {
    /// Whether there is nothing to read.
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
    /// About how many bytes the tree takes.
    pub fn memory(&self) -> usize {
        let held = match &self.value {
            Value::Text(text) => text.len(),
            Value::Array(items) => items.iter().map(Node::memory).sum(),
            Value::Record(fields) => {
                let entry = |(key, entry): (&String, &Entry)| size_of::<String>() + key.len() + entry.node.memory();
                fields.iter().map(entry).sum()
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => 0,
        };
        size_of::<Node>() + held
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Record(fields) => fields.get(key),
            _ => None,
        }
    }
}
