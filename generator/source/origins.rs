//! Finds the place in the stack's files where a field of an environment was written.

use std::sync::Arc;

use super::node::{Document, Mark, Node, Value};
use crate::diagnostic::{Diagnostic, FieldPath, Segment, Span};

/// The merged tree of one environment, in which the places of fields are looked up.
#[derive(Debug, Clone)]
pub struct Origins {
    pub(super) document: Arc<Document>,
    pub(super) root: Arc<Node>,
}

impl Origins {
    /// Returns the best place for a field: its value or key in a file of the user, else its nearest ancestor in a file
    /// of the user, else its place in the library.
    pub fn span(&self, path: &FieldPath) -> Option<Span> {
        let mut best = None;
        let mut library = None;
        let mut note = |mark: Option<Mark>| {
            if let Some(mark) = mark {
                if self.document.is_user(mark) { best = Some(mark) } else { library = Some(mark) }
            }
        };
        let mut node = &*self.root;
        note(node.mark);
        for segment in &path.0 {
            match (segment, &node.value) {
                (Segment::Key(key), Value::Record(fields)) => {
                    let Some(entry) = fields.get(key) else { break };
                    note(entry.key);
                    node = &entry.node;
                }
                (Segment::Index(index), Value::Array(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    node = item;
                }
                // `depends_on.redis` may refer to an item of a list of names.
                (Segment::Key(key), Value::Array(items)) => {
                    let Some(item) = items.iter().find(|item| matches!(&item.value, Value::Text(text) if text == key))
                    else {
                        break;
                    };
                    node = item;
                }
                _ => break,
            }
            note(node.mark);
        }
        best.or(library).and_then(|mark| self.document.span(mark))
    }

    /// Returns whether the environment has a value for the field, in a file of the user or in the library.
    pub fn holds(&self, path: &FieldPath) -> bool {
        self.node(path).is_some()
    }

    /// Returns the text of a field.
    pub(super) fn text(&self, path: &FieldPath) -> Option<&str> {
        match &self.node(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn node(&self, path: &FieldPath) -> Option<&Node> {
        path.0.iter().try_fold(&*self.root, |node, segment| match (segment, &node.value) {
            (Segment::Key(key), Value::Record(fields)) => fields.get(key).map(|entry| &entry.node),
            (Segment::Index(index), Value::Array(items)) => items.get(*index),
            _ => None,
        })
    }

    /// Returns a place as a span; `None` unless it is in a file of the user.
    pub(super) fn user_span(&self, mark: Option<Mark>) -> Option<Span> {
        mark.filter(|mark| self.document.is_user(*mark)).and_then(|mark| self.document.span(mark))
    }

    /// Sets the place of a finding and of its related fields.
    pub fn locate(&self, finding: &mut Diagnostic) {
        if finding.span.is_none() {
            finding.span = self.span(&finding.path);
        }
        for related in &mut finding.related {
            if related.span.is_none() {
                related.span = self.span(&related.path);
            }
        }
    }
}
