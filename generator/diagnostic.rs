//! Findings about a stack, as data: a stable code, a position in the user's file, what was expected and how to fix it.
//! A run collects findings, adds their positions with [`crate::source::Origins`], and prints them once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

pub use crate::codes::Code;

/// The severity of a finding. Errors end a run with exit code 2; warnings are only printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One part of a path into the stack: the key of a record or the index in an array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// The path of a value in the stack, such as `services.orders.ports.http`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// Returns the path of the whole stack.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns the path of a record's field.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// Returns the path of an array's element.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// Returns the path with one more segment.
    fn with(&self, segment: Segment) -> Self {
        let mut path = Vec::with_capacity(self.0.len() + 1);
        path.extend_from_slice(&self.0);
        path.push(segment);
        FieldPath(path)
    }

    /// Returns the path without its last segment. The parent of the root is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut path = self.clone();
        path.0.pop();
        path
    }

    /// Returns the last field of the path; empty for the root and for an item of a list.
    pub fn last_key(&self) -> &str {
        match self.0.last() {
            Some(Segment::Key(key)) => key,
            _ => "",
        }
    }

    /// Returns whether `prefix` is this path or one of its ancestors.
    pub fn starts_with(&self, prefix: &FieldPath) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => {
                    f.write_str(if i == 0 { "" } else { "." })?;
                    if is_nickel_name(key) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                    }
                }
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Returns whether a key of a Nickel record needs no quotes: a letter, which may follow underscores, and then letters,
/// digits and `_-'`.
fn is_nickel_name(key: &str) -> bool {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || "_-'".contains(c);
    key.trim_start_matches('_').starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_name_char)
}

impl Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Builds a [`FieldPath`] from keys: `path!("services", name, "ports")`.
#[macro_export]
macro_rules! path {
    ($($segment:expr),* $(,)?) => {{
        let path = $crate::diagnostic::FieldPath::root();
        $(let path = path.key($segment.to_string());)*
        path
    }};
}

/// A position in a source file. `line` and `column` count from 1, `column` in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// The path in messages: relative to the project, or `nself/…` for the embedded library.
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A second field to which a finding refers, such as the other owner of a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Related {
    pub path: FieldPath,
    pub span: Option<Span>,
    pub message: String,
    /// Whether the two fields exclude each other, such as two routes, so that the user can change either of them.
    #[serde(skip)]
    pub is_counterpart: bool,
}

/// One finding. [`Diagnostic::error`] and [`Diagnostic::warning`] create it, and the other methods set its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    pub path: FieldPath,
    pub span: Option<Span>,
    pub message: String,
    /// The values that the field accepts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// The way to correct the field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// The environments with this finding; empty if it does not depend on an environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// The field whose absence is the mistake. If a layer removes the field with `null`, the finding has the place of
    /// this `null`.
    #[serde(skip)]
    pub lacks: Option<FieldPath>,
    /// A text that identifies the cause. Findings about the same service with the same cause are merged into one.
    #[serde(skip)]
    pub cause: Option<String>,
    /// The hint that replaces `hint` if some environments do not have the service that it names.
    #[serde(skip)]
    pub layer_hint: Option<Box<LayerHint>>,
}

/// A setting of one service that names another, which only the environments with the other service can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerHint {
    /// The service with the setting.
    pub owner: String,
    /// The service that the setting names.
    pub service: String,
    /// The setting, such as `services.orders.connects_to = ["mail"]`.
    pub setting: String,
}

impl LayerHint {
    /// Returns the hint to write the setting in the layers of these environments.
    pub fn hint(&self, environments: &[String]) -> String {
        let LayerHint { service, setting, .. } = self;
        let settings: Vec<String> =
            environments.iter().map(|environment| format!("`environments.{environment}.{setting}`")).collect();
        format!("not all environments have `{service}`, so write it in their layers: {}", settings.join(" and "))
    }
}

impl Diagnostic {
    /// Returns an error whose message is the title of its code.
    pub fn error(code: Code, path: FieldPath) -> Self {
        Self::new(Severity::Error, code, path)
    }

    /// Returns a warning whose message is the title of its code.
    pub fn warning(code: Code, path: FieldPath) -> Self {
        Self::new(Severity::Warning, code, path)
    }

    fn new(severity: Severity, code: Code, path: FieldPath) -> Self {
        Diagnostic {
            severity,
            code,
            path,
            span: None,
            message: code.title().to_owned(),
            expected: String::new(),
            hint: String::new(),
            related: Vec::new(),
            environments: Vec::new(),
            lacks: None,
            cause: None,
            layer_hint: None,
        }
    }

    /// Replaces the message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets the values that the field accepts.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Sets the way to correct the field.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Sets the position in the user's file.
    #[must_use]
    pub fn at(mut self, span: Option<Span>) -> Self {
        self.span = span;
        self
    }

    /// Adds a second field to which the finding refers.
    #[must_use]
    pub fn related(mut self, path: FieldPath, message: impl Into<String>) -> Self {
        self.related.push(Related { path, span: None, message: message.into(), is_counterpart: false });
        self
    }

    /// Adds the other of two fields that exclude each other.
    #[must_use]
    pub fn counterpart(mut self, path: FieldPath, message: impl Into<String>) -> Self {
        self.related.push(Related { path, span: None, message: message.into(), is_counterpart: true });
        self
    }

    /// Sets the field whose absence is the mistake.
    #[must_use]
    pub fn lacks(mut self, field: FieldPath) -> Self {
        self.lacks = Some(field);
        self
    }

    /// Sets the text that identifies the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Sets the hint for a stack in which some environments do not have a service.
    #[must_use]
    pub fn layer_hint(mut self, hint: LayerHint) -> Self {
        self.layer_hint = Some(Box::new(hint));
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts findings by position, and merges findings with the same code, place, message and related fields, whose
/// environments are joined.
pub fn merge(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    merge_equal(findings, false)
}

/// Does the same as [`merge`], but only merges findings with the same hint. Their hints have commands for one environment.
pub fn merge_with_hints(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    merge_equal(findings, true)
}

/// Sorts and merges findings. With `compares_hints`, merged findings also have the same hint.
fn merge_equal(findings: Vec<Diagnostic>, compares_hints: bool) -> Vec<Diagnostic> {
    let mut merged: Vec<Diagnostic> = Vec::new();
    // The index in `merged` and the environments of each finding, by the parts that identify the finding.
    let mut index_by_identity: BTreeMap<_, (usize, BTreeSet<String>)> = BTreeMap::new();
    for diagnostic in findings {
        let Diagnostic { code, path, span, message, related, .. } = &diagnostic;
        let hint = compares_hints.then(|| diagnostic.hint.clone());
        match index_by_identity.entry((*code, path.clone(), span.clone(), message.clone(), related.clone(), hint)) {
            Entry::Occupied(mut equal_finding) => {
                let (index, environments) = equal_finding.get_mut();
                for environment in diagnostic.environments {
                    if environments.insert(environment.clone()) {
                        merged[*index].environments.push(environment);
                    }
                }
            }
            Entry::Vacant(new_finding) => {
                new_finding.insert((merged.len(), diagnostic.environments.iter().cloned().collect()));
                merged.push(diagnostic);
            }
        }
    }
    merged.sort_by(|a, b| {
        (&a.span, a.severity, a.code, &a.path, &a.message).cmp(&(&b.span, b.severity, b.code, &b.path, &b.message))
    });
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_with_commands_for_one_environment_stay_apart() {
        let finding = |environment: &str, hint: &str| {
            let mut finding = Diagnostic::warning(Code::LostVolume, FieldPath::root()).message("m").hint(hint);
            finding.environments = vec![environment.to_owned()];
            finding
        };
        let findings = || vec![finding("local", "a"), finding("prod", "b"), finding("staging", "b")];
        let environments = |findings: Vec<Diagnostic>| {
            findings.into_iter().map(|finding| finding.environments.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(environments(merge(findings())), ["local prod staging"]);
        assert_eq!(environments(merge_with_hints(findings())), ["local", "prod staging"]);
    }

    #[test]
    fn a_path_quotes_keys_as_nickel_does() {
        let path = path!("tables", "shop.orders", "columns", "_1", "a\"b", "_x-1").index(2);
        assert_eq!(path.to_string(), r#"tables."shop.orders".columns."_1"."a\"b"._x-1[2]"#);
    }
}
