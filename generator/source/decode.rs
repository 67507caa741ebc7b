//! Decodes trees into typed stacks. Unlike most deserializers, it continues after an error: unknown fields are reported
//! and skipped, refused text is reported at its path, and a field of the wrong type is omitted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor};

use super::entries::{Entries, Items, Variant};
use super::foreign_words;
use super::node::{Entry, Mark, Node, Value};
use super::path_set::PathSet;
use super::type_mismatch::TypeMismatch;
use crate::database::snapshot::ObjectDecoder;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::values::checked;

/// A finding. `key_mark` is the place of the key in the source if the finding concerns the key rather than the value.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedFinding {
    pub finding: Diagnostic,
    pub key_mark: Option<Mark>,
}

/// Decodes a tree. Returns the value, which is `None` if the root has the wrong type, and a finding for everything that
/// does not fit.
pub fn decode<T: DeserializeOwned>(node: &Node) -> (Option<T>, Vec<KeyedFinding>) {
    let findings = Findings::default();
    let value = checked::collect_refusals(|| Decoder { node, linked_path: None, findings: &findings }.decode_fitting());
    let mut all_findings = findings.provisional.into_inner();
    all_findings.extend(findings.final_findings.into_inner());
    (value, all_findings)
}

/// Decodes JSON that nself wrote.
///
/// # Errors
/// The first finding, as text with its path.
pub fn decode_json<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, String> {
    let (value, findings) = decode(&value.into());
    match findings.into_iter().next() {
        Some(KeyedFinding { finding, .. }) => Err(format!("{}: {}", finding.path, finding.message)),
        None => value.ok_or_else(String::new),
    }
}

/// Decodes the objects of a database's snapshot with [`decode_json`].
pub struct JsonDecoder;

impl ObjectDecoder for JsonDecoder {
    fn decode<T: DeserializeOwned>(&self, object: &serde_json::Value) -> Result<T, String> {
        decode_json(object)
    }
}

/// The findings so far, and the fields that decoding skips.
#[derive(Default)]
pub struct Findings {
    /// Fields that decoding skips, because a reported value there does not fit.
    skipped: RefCell<PathSet>,
    /// Findings of the current attempt. They are dropped if the value is decoded again, which reports them again.
    provisional: RefCell<Vec<KeyedFinding>>,
    /// Findings that stay, because their fields are skipped from now on.
    final_findings: RefCell<Vec<KeyedFinding>>,
}

impl Findings {
    /// Returns the number of provisional findings.
    pub fn provisional_count(&self) -> usize {
        self.provisional.borrow().len()
    }

    /// Moves the provisional findings with the index `start` or a later one to the final findings.
    pub fn make_final_since(&self, start: usize) {
        self.final_findings.borrow_mut().extend(self.provisional.borrow_mut().drain(start..));
    }

    /// Removes the provisional findings with the index `start` or a later one. Those about `path` and the fields below it
    /// become final findings; the others are dropped.
    fn make_final_below(&self, path: &FieldPath, start: usize) {
        let findings: Vec<KeyedFinding> = self.provisional.borrow_mut().drain(start..).collect();
        let findings_below = findings.into_iter().filter(|keyed| keyed.finding.path.starts_with(path));
        self.final_findings.borrow_mut().extend(findings_below);
    }

    /// Returns whether the field `missing` of the record at `path` is probably there, but misspelled: a provisional finding
    /// with the index `start` or a later one is about an unknown field of the record with a similar name.
    fn is_misspelled(&self, missing: &str, path: &FieldPath, start: usize) -> bool {
        self.provisional.borrow()[start..].iter().any(|KeyedFinding { finding, .. }| {
            finding.code == Code::UnknownField
                && finding.path.parent() == *path
                && foreign_words::is_meant(finding.path.last_key(), missing)
        })
    }
}

/// A path in the tree as a linked list of steps, the last step first. The list lives on the call stack, since most
/// paths are never used.
#[derive(Clone, Copy)]
struct LinkedPath<'p> {
    parent: Option<&'p LinkedPath<'p>>,
    step: Step<'p>,
}

/// One step of a path.
#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A deserializer of one node, with the node's path.
#[derive(Clone, Copy)]
pub struct Decoder<'a, 'p> {
    node: &'a Node,
    linked_path: Option<&'p LinkedPath<'p>>,
    pub(super) findings: &'p Findings,
}

/// Whether a node is decoded again after a mismatch.
enum Retry {
    /// The mismatch is in a field of the node, which is skipped from now on.
    Again,
    /// The node itself does not fit, and is skipped.
    GiveUp,
}

/// The number of characters of a key that messages show.
const MAX_SHOWN_KEY: usize = 64;

impl<'a> Decoder<'a, '_> {
    /// Calls `work` with the decoder of a child of this node.
    pub(super) fn with_child<T>(&self, step: Step, node: &'a Node, work: impl FnOnce(Decoder<'a, '_>) -> T) -> T {
        let linked_path = LinkedPath { parent: self.linked_path, step };
        work(Decoder { node, linked_path: Some(&linked_path), findings: self.findings })
    }

    /// Returns the path of this node. It is built only for findings and skipped fields.
    fn path(&self) -> FieldPath {
        let links = std::iter::successors(self.linked_path, |link| link.parent);
        let steps = links.map(|link| match link.step {
            Step::Key(key) => Segment::Key(key.to_owned()),
            Step::Index(index) => Segment::Index(index),
        });
        let mut path = FieldPath(steps.collect());
        path.0.reverse();
        path
    }

    /// Returns whether decoding skips the child at this step.
    pub(super) fn skips(&self, step: Step) -> bool {
        let skipped = self.findings.skipped.borrow();
        !skipped.is_empty() && self.with_child(step, self.node, |decoder| skipped.contains(&decoder.path()))
    }

    /// Decodes this node. serde stops at a type mismatch: the mismatch is then reported, its field is skipped, and this
    /// node is decoded again, until no mismatch is left. Returns `None` if the node itself does not fit, and skips it.
    pub(super) fn decode_fitting<T: Deserialize<'a>>(&self) -> Option<T> {
        let count_before = self.findings.provisional_count();
        loop {
            let mismatch = match self.decode_at(None, |decoder| T::deserialize(decoder)) {
                Ok(value) => return Some(value),
                Err(mismatch) => mismatch,
            };
            match self.report_and_skip(mismatch, count_before) {
                Retry::Again => {}
                Retry::GiveUp => return None,
            }
        }
    }

    /// Reports a mismatch and skips its field. `count_before` is the number of provisional findings before this node.
    fn report_and_skip(&self, mismatch: TypeMismatch, count_before: usize) -> Retry {
        let node_path = self.path();
        let path = mismatch.path.unwrap_or_default();
        let mut skipped = self.findings.skipped.borrow_mut();
        // Do not report again: a skipped field that is now missing, a reference whose content is skipped, or a field that
        // failed before.
        let may_lack_skipped_field = matches!(mismatch.code, Code::MissingField | Code::WrongType);
        let is_misspelled =
            mismatch.missing.is_some_and(|field| self.findings.is_misspelled(field, &path, count_before));
        let is_reported =
            is_misspelled || skipped.contains(&path) || (may_lack_skipped_field && skipped.contains_child_of(&path));
        if !is_reported {
            let finding = Diagnostic::error(mismatch.code, path.clone());
            let finding = finding.message(mismatch.message).expected(mismatch.expected).hint(mismatch.hint);
            let finding = mismatch.missing.into_iter().fold(finding, |finding, field| finding.lacks(path.key(field)));
            self.findings.final_findings.borrow_mut().push(KeyedFinding { finding, key_mark: None });
        }
        let is_below = path != node_path && path.starts_with(&node_path);
        // A field that is skipped already would fail in the same way again.
        let is_new = is_below && skipped.insert(path.clone());
        if !is_new {
            skipped.insert(node_path);
            self.findings.make_final_since(count_before);
            return Retry::GiveUp;
        }
        self.findings.make_final_below(&path, count_before);
        Retry::Again
    }

    /// Runs `decode` for this node. Reports refused texts at the path of this node, and sets this path in a mismatch that
    /// has none. `key_mark` is the place of the key if `decode` reads the key.
    pub(super) fn decode_at<T>(
        &self,
        key_mark: Option<Mark>,
        decode: impl FnOnce(Self) -> Result<T, TypeMismatch>,
    ) -> Result<T, TypeMismatch> {
        let value = decode(*self);
        self.report_refusals(checked::take_refusals(), key_mark);
        value.map_err(|mismatch| self.with_path(mismatch))
    }

    /// Reports texts that a checked type refused, such as a name with a blank, at the path of this node.
    fn report_refusals(&self, refusals: Vec<checked::Refusal>, key_mark: Option<Mark>) {
        for refusal in refusals {
            let message = standalone_reason(&refusal.reason, key_mark.is_some());
            let finding = Diagnostic::error(refusal.code, self.path()).message(message).expected(refusal.expected);
            self.findings.provisional.borrow_mut().push(KeyedFinding { finding, key_mark });
        }
    }

    /// Sets the path of this node in a mismatch that has none.
    fn with_path(&self, mismatch: TypeMismatch) -> TypeMismatch {
        TypeMismatch { path: mismatch.path.or_else(|| Some(self.path())), ..mismatch }
    }

    /// Returns the mismatch between the type of this node and the expected type.
    fn wrong_type(&self, expected: &dyn de::Expected) -> TypeMismatch {
        let actual = match &self.node.value {
            Value::Null | Value::Broken => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Integer(value) => Unexpected::Signed(*value),
            Value::Float(value) => Unexpected::Float(*value),
            Value::Text(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Record(_) => Unexpected::Map,
        };
        de::Error::invalid_type(actual, expected)
    }

    /// Gives the value of this node to the visitor; lists and records are a mismatch.
    fn visit_scalar<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Null | Value::Broken => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::Array(_) | Value::Record(_) => Err(self.wrong_type(&visitor)),
        }
    }

    /// Returns the hint for the name of a service as a field of the stack, as in `environments.prod.api.replicas`.
    fn hint_of_service(&self, key: &str) -> Option<String> {
        let is_stack = self.path() == FieldPath::root();
        let Value::Record(fields) = &self.node.value else { return None };
        let has_entry = |section: &&str| {
            let entries = fields.get(*section).map(|section| &section.node.value);
            matches!(entries, Some(Value::Record(entries)) if entries.contains_key(key))
        };
        let section = ["services", "frontends"].into_iter().find(has_entry).filter(|_| is_stack)?;
        Some(format!("did you mean `{section}.{key}`?"))
    }

    /// Reports a field of the record that its type does not have. `fields` are the fields of the type.
    fn report_unknown_field(&self, key: &str, mark: Option<Mark>, fields: &[&str]) {
        let shown_key = match key.char_indices().nth(MAX_SHOWN_KEY) {
            Some((end, _)) => format!("{}…", &key[..end]),
            None => key.to_owned(),
        };
        let meant_field = foreign_words::meant_field(key, fields);
        let field_names = fields.join(", ");
        let hint = match meant_field {
            Some(field) => format!("did you mean `{field}`?"),
            None => self
                .hint_of_service(key)
                .unwrap_or_else(|| "use one of these fields; `nself schema` describes each".into()),
        };
        let finding = Diagnostic::error(Code::UnknownField, self.path().key(key))
            .message(format!("there is no field `{shown_key}` here"))
            .expected(format!("one of {field_names}"))
            .hint(hint);
        self.findings.provisional.borrow_mut().push(KeyedFinding { finding, key_mark: mark });
    }
}

/// Returns the reason of a refusal as a complete sentence: `it is too long` becomes `the value is too long`, or `the name is
/// too long` if a key was refused.
pub(super) fn standalone_reason(reason: &str, is_key: bool) -> String {
    match reason.strip_prefix("it ") {
        Some(predicate) => format!("the {} {predicate}", if is_key { "name" } else { "value" }),
        None => reason.to_owned(),
    }
}

/// Implements the methods for scalars one by one instead of through `deserialize_any`, so that the compiler
/// does not generate the code for lists and records once more for each scalar type.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
            self.visit_scalar(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'de, '_> {
    type Error = TypeMismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Record(_) => self.deserialize_map(visitor),
            _ => self.visit_scalar(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Array(items) => visitor.visit_seq(Items { decoder: self, items: items.iter().enumerate() }),
            _ => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Record(fields) => visitor.visit_map(Entries::new(self, fields, None)),
            _ => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        if self.node.value.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        field_names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        static NO_FIELDS: BTreeMap<String, Entry> = BTreeMap::new();
        let fields = match &self.node.value {
            Value::Record(fields) => fields,
            // The evaluation of the record failed and was reported. All fields get their defaults.
            Value::Null | Value::Broken => &NO_FIELDS,
            _ => return Err(self.wrong_type(&visitor)),
        };
        for (key, entry) in fields.iter().filter(|(key, _)| !field_names.contains(&key.as_str())) {
            self.report_unknown_field(key, entry.key, field_names);
        }
        visitor.visit_map(Entries::new(self, fields, Some(field_names)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Text(tag) => visitor.visit_enum(tag.as_str().into_deserializer()),
            Value::Record(fields) if fields.len() == 1 => visitor.visit_enum(Variant { decoder: self, fields }),
            Value::Record(fields) => Err(TypeMismatch::of_variants(fields.keys(), variants)),
            _ => Err(TypeMismatch::of_variants([].iter(), variants)),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string
    }

    serde::forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
