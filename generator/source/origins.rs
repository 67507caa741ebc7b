//! Finds the place in the stack's files where a field of an environment was written.

use std::sync::Arc;

use super::node::{Document, Mark, Node, Value};
use crate::diagnostic::{Diagnostic, FieldPath, Segment, Span};
use crate::path;
use crate::stack::file::REFERENCES;

/// The merged tree of one environment, in which the places of fields are looked up.
#[derive(Debug, Clone)]
pub struct Origins {
    pub(super) document: Arc<Document>,
    pub(super) root: Arc<Node>,
    /// The tree of the whole stack and the name of the environment, in whose layer `null` removes a field.
    pub(super) layer: Option<(Arc<Node>, String)>,
}

impl Origins {
    /// Returns the best place for a field: its value or key in a file of the user; otherwise its nearest ancestor in a
    /// file of the user; otherwise its place in the library.
    pub fn span(&self, path: &FieldPath) -> Option<Span> {
        let mut in_user_file = None;
        let mut in_library = None;
        let mut remember = |mark: Option<Mark>| {
            if let Some(mark) = mark {
                if self.document.is_user(mark) { in_user_file = Some(mark) } else { in_library = Some(mark) }
            }
        };
        // If the library declares a variable, its key is in the library. If its value is a reference, such as
        // `nself.secret "name"`, the argument of the reference may be in the user's file.
        let has_user_key = self.mark_of_key(path).is_some_and(|mark| self.document.is_user(mark));
        if !has_user_key && let Some(mark) = self.node(path).and_then(|node| self.mark_of_reference(node)) {
            return self.document.span(mark);
        }
        let mut node = &*self.root;
        remember(node.mark);
        for segment in &path.0 {
            match (segment, &node.value) {
                (Segment::Key(key), Value::Record(fields)) => {
                    let Some(entry) = fields.get(key) else { break };
                    remember(entry.key);
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
            remember(node.mark);
        }
        in_user_file.or(in_library).and_then(|mark| self.document.span(mark))
    }

    /// Returns the place of the first argument of a reference in a user's file. A function of the library, such as
    /// `nself.secret "name"`, creates the record of the reference in the library, but its arguments are in the user's
    /// file.
    fn mark_of_reference(&self, node: &Node) -> Option<Mark> {
        let is_user = |mark: &Mark| self.document.is_user(*mark);
        let Value::Record(fields) = &node.value else { return None };
        let (name, entry) = fields.iter().next().filter(|_| fields.len() == 1)?;
        let is_from_library = REFERENCES.contains(&name.as_str()) && !node.mark.is_some_and(|mark| is_user(&mark));
        if !is_from_library {
            return None;
        }
        let argument = &entry.node;
        let nested_arguments: Vec<&Node> = match &argument.value {
            Value::Record(fields) => fields.values().map(|entry| &entry.node).collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        std::iter::once(argument).chain(nested_arguments).filter_map(|node| node.mark).find(is_user)
    }

    /// Returns whether the environment has a value for the field, in a file of the user or in the library.
    pub fn holds(&self, path: &FieldPath) -> bool {
        self.node(path).is_some()
    }

    /// Returns whether the field has a value that is neither a record nor a list.
    pub fn has_scalar(&self, path: &FieldPath) -> bool {
        self.node(path).is_some_and(|node| !matches!(node.value, Value::Record(_) | Value::Array(_)))
    }

    /// Returns the texts and numbers in the user's files that occur in a line of output, each with its field, the
    /// longest first.
    pub fn values_in_line(&self, line: &str) -> Vec<(FieldPath, String)> {
        let mut values = Vec::new();
        self.collect_values(&self.root, &mut FieldPath::root(), &mut |path, value| {
            // The plain word `ping` does not occur in `ping-api`, but the project's name `shop` does in `shop-local`.
            let is_in_line = match is_distinctive(path, &value) {
                true => contains_word(line, &value) || contains_word(line, &value.replace('-', "_")),
                false => contains_plain_word(line, &value),
            };
            if is_in_line {
                values.push((path.clone(), value));
            }
        });
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        values
    }

    /// Calls `visit` with the field and the value of each text and number below `node` whose place is in a file of the
    /// user. `path` is the path of `node`.
    fn collect_values(&self, node: &Node, path: &mut FieldPath, visit: &mut impl FnMut(&FieldPath, String)) {
        let is_user = || node.mark.is_some_and(|mark| self.document.is_user(mark));
        match &node.value {
            Value::Record(fields) => {
                for (key, entry) in fields {
                    path.0.push(Segment::Key(key.clone()));
                    self.collect_values(&entry.node, path, visit);
                    path.0.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.0.push(Segment::Index(index));
                    self.collect_values(item, path, visit);
                    path.0.pop();
                }
            }
            // Single letters and digits would occur in almost every line.
            Value::Text(text) if text.len() > 1 && is_user() => visit(path, text.clone()),
            Value::Integer(number) if *number > 9 && is_user() => visit(path, number.to_string()),
            _ => {}
        }
    }

    /// Returns the text of a field; `None` if the field does not exist or has a value that is not text.
    pub(super) fn text(&self, path: &FieldPath) -> Option<&str> {
        match &self.node(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the node of a field; `None` if the environment does not have the field.
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

    /// Sets the places of a finding and of its related fields. If the finding lacks a field that the environment's layer
    /// removes, its place is the `null` there. Of two fields that exclude each other, the one that the user wrote is the
    /// place of the finding.
    pub fn locate(&self, finding: &mut Diagnostic) {
        if let Some((field, span)) = finding.lacks.as_ref().and_then(|field| self.removal(field)) {
            finding.hint = match finding.path == field {
                true => "remove this `null`, so that the value of the whole stack applies".into(),
                false => format!("remove this `null`, since `{}` needs `{field}`", finding.path),
            };
            finding.span = Some(span);
        }
        if finding.span.is_none() {
            finding.span = self.span(&finding.path);
        }
        for related in &mut finding.related {
            if related.span.is_none() {
                related.span = self.span(&related.path);
            }
        }
        if !self.is_of_user(&finding.path)
            && let Some(counterpart) = finding.related.iter_mut().find(|related| {
                related.is_counterpart
                    && !related.path.0.is_empty()
                    && related.span.is_some()
                    && (self.is_of_user(&related.path)
                        || self.user_depth(&related.path) > self.user_depth(&finding.path))
            })
        {
            std::mem::swap(&mut finding.path, &mut counterpart.path);
            std::mem::swap(&mut finding.span, &mut counterpart.span);
        }
    }

    /// Returns the field and the place of the `null` with which the environment's layer removes `field` or a record that
    /// contains it: with `environments.prod.services.api = null`, `services.api.port` is removed at `services.api`.
    fn removal(&self, field: &FieldPath) -> Option<(FieldPath, Span)> {
        let (root, environment) = self.layer.as_ref()?;
        let mut node = &root.get("environments")?.node.get(environment)?.node;
        let mut removed_field = FieldPath::root();
        for segment in &field.0 {
            let (Segment::Key(key), Value::Record(fields)) = (segment, &node.value) else { return None };
            let entry = fields.get(key)?;
            removed_field = removed_field.key(key);
            node = &entry.node;
            if node.value == Value::Null {
                return Some((removed_field, self.user_span(node.mark.or(entry.key))?));
            }
        }
        None
    }

    /// Returns the place of a field's key.
    fn mark_of_key(&self, path: &FieldPath) -> Option<Mark> {
        let Value::Record(fields) = &self.node(&path.parent())?.value else { return None };
        fields.get(path.last_key())?.key
    }

    /// Returns the length of the longest beginning of a path that has a place in a file of the user; 0 if none has.
    fn user_depth(&self, path: &FieldPath) -> usize {
        (1..=path.0.len())
            .rev()
            .find(|length| self.is_of_user(&FieldPath(path.0[..*length].to_vec())))
            .unwrap_or_default()
    }

    /// Returns whether the field itself, or its key, has a place in a file of the user.
    fn is_of_user(&self, path: &FieldPath) -> bool {
        let is_user = |mark: Option<Mark>| mark.is_some_and(|mark| self.document.is_user(mark));
        is_user(self.mark_of_key(path)) || self.node(path).is_some_and(|node| is_user(node.mark))
    }
}

/// Returns whether a line of output that contains the field's value was probably made from the field: the value is the
/// project's name, or has characters other than letters. A plain word may be in the line by coincidence.
pub fn is_distinctive(path: &FieldPath, value: &str) -> bool {
    *path == path!("project") || !value.chars().all(char::is_alphabetic)
}

/// Returns whether a line contains a value as a word, in which `-` and `_` count as letters: `ping` is in `GET /ping`, but
/// not in `ping-api`.
fn contains_plain_word(line: &str, value: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|word| word == value)
}

/// Returns whether a line contains a value as a whole word or number, as `8001` in `127.0.0.1:8001`.
fn contains_word(line: &str, value: &str) -> bool {
    let are_one_word = |left: Option<char>, right: Option<char>| {
        left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric)
    };
    line.match_indices(value).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + value.len()..]);
        !are_one_word(before.chars().next_back(), value.chars().next())
            && !are_one_word(value.chars().next_back(), after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::contains_word;

    #[test]
    fn a_value_is_a_whole_word_of_a_line() {
        for (line, value) in
            [("http://127.0.0.1:8001/healthz", "8001"), ("x:8001/healthz", "/healthz"), ("a_8001;", "8001")]
        {
            assert!(contains_word(line, value), "{line} {value}");
        }
        for (line, value) in [("port 18001", "8001"), ("shops", "shop"), ("", "shop")] {
            assert!(!contains_word(line, value), "{line} {value}");
        }
    }
}
