//! Decodes trees into typed stacks. Unlike most deserializers, it continues after an error: unknown fields are reported
//! and skipped, refused text is reported at its path, and a field of the wrong type is omitted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor};

use super::entries::{Entries, Items, Variant};
use super::node::{Entry, Mark, Node, Value};
use super::path_set::PathSet;
use super::type_mismatch::TypeMismatch;
use crate::database::snapshot::ObjectDecoder;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::values::checked;
use crate::words;

/// A finding, with the position of the key if it concerns the key rather than the value.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedFinding {
    pub finding: Diagnostic,
    pub key: Option<Mark>,
}

/// Decodes a tree and reports everything that does not fit, at its path.
pub fn decode<T: DeserializeOwned>(node: &Node) -> (Option<T>, Vec<KeyedFinding>) {
    let findings = Findings::default();
    let value = checked::collect(|| Decoder { node, place: None, findings: &findings }.decode_fitting());
    let mut found = findings.repeatable.into_inner();
    found.extend(findings.final_findings.into_inner());
    (value, found)
}

/// Decodes plain data that this program wrote.
///
/// # Errors
/// The first finding, as text with its path.
pub fn decode_plain<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, String> {
    let (value, found) = decode(&value.into());
    match found.into_iter().next() {
        Some(KeyedFinding { finding, .. }) => Err(format!("{}: {}", finding.path, finding.message)),
        None => value.ok_or_else(String::new),
    }
}

/// [`decode_plain`] for the objects of a database's snapshot.
pub struct PlainDecoder;

impl ObjectDecoder for PlainDecoder {
    fn decode<T: DeserializeOwned>(&self, object: &serde_json::Value) -> Result<T, String> {
        decode_plain(object)
    }
}

/// The findings so far, and the fields that decoding skips.
#[derive(Default)]
pub struct Findings {
    /// Fields that decoding skips, because a reported value there does not fit.
    skipped: RefCell<PathSet>,
    /// Findings that are reported again if the enclosing value is decoded again.
    repeatable: RefCell<Vec<KeyedFinding>>,
    /// Findings that are not reported again, because their fields are skipped from now on.
    final_findings: RefCell<Vec<KeyedFinding>>,
}

impl Findings {
    /// Returns the number of repeatable findings.
    pub fn length(&self) -> usize {
        self.repeatable.borrow().len()
    }

    /// Makes the repeatable findings from the index `length` on final.
    pub fn make_final_since(&self, length: usize) {
        self.final_findings.borrow_mut().extend(self.repeatable.borrow_mut().drain(length..));
    }
}

/// A path as a linked list of steps, the last one first. The list is on the stack, since most paths are never used.
#[derive(Clone, Copy)]
struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A deserializer of one node, with the node's path.
#[derive(Clone, Copy)]
pub struct Decoder<'a, 'p> {
    node: &'a Node,
    place: Option<&'p Place<'p>>,
    pub(super) findings: &'p Findings,
}

/// The number of characters of a key that messages show.
const KEY: usize = 64;

impl<'a> Decoder<'a, '_> {
    /// Calls `work` with the decoder of a child of this node.
    pub(super) fn child<T>(&self, step: Step, node: &'a Node, work: impl FnOnce(Decoder<'a, '_>) -> T) -> T {
        let place = Place { parent: self.place, step };
        work(Decoder { node, place: Some(&place), findings: self.findings })
    }

    /// Returns the path of this node. It is built only for findings and skipped fields.
    fn path(&self) -> FieldPath {
        let places = std::iter::successors(self.place, |place| place.parent);
        let steps = places.map(|place| match place.step {
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
        !skipped.is_empty() && self.child(step, self.node, |at| skipped.contains(&at.path()))
    }

    /// Decodes this node. A type mismatch ends serde's walk: it is reported, its field is skipped, and the walk starts
    /// again from here until the rest fits. Returns `None` if the node itself does not fit; decoding then skips it.
    pub(super) fn decode_fitting<T: Deserialize<'a>>(&self) -> Option<T> {
        let before = self.findings.length();
        loop {
            let mismatch = match self.step(None, |at| T::deserialize(at)) {
                Ok(value) => return Some(value),
                Err(mismatch) => mismatch,
            };
            if !self.skip(mismatch, before) {
                return None;
            }
        }
    }

    /// Reports a mismatch and skips its field. Returns whether to decode the node again without the field.
    fn skip(&self, mismatch: TypeMismatch, before: usize) -> bool {
        let here = self.path();
        let path = mismatch.path.unwrap_or_default();
        let mut skipped = self.findings.skipped.borrow_mut();
        // A field that is missing because it is skipped was reported before, and so was a field that fails a second
        // time.
        let reported = skipped.contains(&path) || (mismatch.code == Code::MissingField && skipped.hold_child_of(&path));
        if !reported {
            let finding = Diagnostic::error(mismatch.code, path.clone());
            let finding = finding.message(mismatch.message).expected(mismatch.expected).hint(mismatch.hint);
            self.findings.final_findings.borrow_mut().push(KeyedFinding { finding, key: None });
        }
        if path == here || !path.starts_with(&here) || !skipped.insert(path) {
            skipped.insert(here);
            self.findings.make_final_since(before);
            return false;
        }
        self.findings.repeatable.borrow_mut().truncate(before);
        true
    }

    /// Runs one decoding step. Reports refused text at this path, and sets the path of a mismatch.
    pub(super) fn step<T>(
        &self,
        key: Option<Mark>,
        step: impl FnOnce(Self) -> Result<T, TypeMismatch>,
    ) -> Result<T, TypeMismatch> {
        let value = step(*self);
        self.report(checked::refused(), key);
        value.map_err(|mismatch| self.with_path(mismatch))
    }

    fn report(&self, refused: Vec<checked::Refusal>, key: Option<Mark>) {
        for refusal in refused {
            let finding =
                Diagnostic::error(refusal.code, self.path()).message(refusal.reason).expected(refusal.expected);
            self.findings.repeatable.borrow_mut().push(KeyedFinding { finding, key });
        }
    }

    fn with_path(&self, mismatch: TypeMismatch) -> TypeMismatch {
        TypeMismatch { path: mismatch.path.or_else(|| Some(self.path())), ..mismatch }
    }

    /// Returns the mismatch between the type of this node and the expected type.
    fn wrong_type(&self, expected: &dyn de::Expected) -> TypeMismatch {
        let found = match &self.node.value {
            Value::Null | Value::Broken => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Integer(value) => Unexpected::Signed(*value),
            Value::Float(value) => Unexpected::Float(*value),
            Value::Text(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Record(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, expected)
    }

    fn scalar<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Null | Value::Broken => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::Array(_) | Value::Record(_) => Err(self.wrong_type(&visitor)),
        }
    }

    fn unknown(&self, key: &str, mark: Option<Mark>, fields: &[&str]) {
        let shown = match key.char_indices().nth(KEY) {
            Some((end, _)) => format!("{}…", &key[..end]),
            None => key.to_owned(),
        };
        let near = words::nearest(key, fields.iter().copied());
        let known = fields.join(", ");
        let hint = near
            .map_or_else(|| "`nself schema` describes every field".into(), |near| format!("did you mean `{near}`?"));
        let finding = Diagnostic::error(Code::UnknownField, self.path().key(key))
            .message(format!("there is no field `{shown}` here"))
            .expected(format!("one of {known}"))
            .hint(hint);
        self.findings.repeatable.borrow_mut().push(KeyedFinding { finding, key: mark });
    }
}

/// Implements the methods for scalars one by one instead of through `deserialize_any`, so that the code for each type
/// of the stack does not include lists and records.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
            self.scalar(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'de, '_> {
    type Error = TypeMismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Record(_) => self.deserialize_map(visitor),
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Array(items) => visitor.visit_seq(Items { at: self, items: items.iter().enumerate() }),
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
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        static NONE: BTreeMap<String, Entry> = BTreeMap::new();
        let fields = match &self.node.value {
            Value::Record(fields) => fields,
            // The evaluation of the record failed, which was reported. All fields get their defaults.
            Value::Null | Value::Broken => &NONE,
            _ => return Err(self.wrong_type(&visitor)),
        };
        for (key, entry) in fields.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            self.unknown(key, entry.key, known);
        }
        visitor.visit_map(Entries::new(self, fields, Some(known)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Text(tag) => visitor.visit_enum(tag.as_str().into_deserializer()),
            Value::Record(fields) if fields.len() == 1 => visitor.visit_enum(Variant { at: self, fields }),
            _ => Err(TypeMismatch {
                code: Code::WrongType,
                message: "the value has the wrong type".into(),
                expected: format!("one of {}", variants.join(", ")),
                hint: "",
                path: None,
            }),
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
mod tests {
    use super::*;
    use crate::stack::Service;

    fn node(text: &str) -> Node {
        (&serde_json::from_str::<serde_json::Value>(text).unwrap()).into()
    }

    fn codes(text: &str) -> Vec<(String, Code)> {
        let (_, findings) = decode::<Service>(&node(text));
        findings.into_iter().map(|found| (found.finding.path.to_string(), found.finding.code)).collect()
    }

    #[test]
    fn all_mismatches_of_a_run_are_reported_at_their_paths() {
        let found = codes(
            r#"{"prot": 1, "port": 70000, "image": "nginx", "limits": {"memory": "12MB", "pids": -1},
                "env": {"A B": "x", "C": {"secret": "UPPER"}, "D": 5}, "volumes": {"data": {"path": "rel"}},
                "depends_on": ["ok", "Not Ok"], "user": true, "replicas": 1.5}"#,
        );
        let at = |path: &str, code| assert!(found.contains(&(path.to_owned(), code)), "{path} in {found:?}");
        at("prot", Code::UnknownField);
        at("port", Code::OutOfRange);
        at("image", Code::BadValue);
        at("limits.memory", Code::BadValue);
        at("limits.pids", Code::OutOfRange);
        at("env.A B", Code::BadName);
        at("env.C.secret", Code::BadName);
        at("env.D", Code::WrongType);
        at("volumes.data.path", Code::BadValue);
        at("depends_on[1]", Code::BadName);
        at("user", Code::WrongType);
        at("replicas", Code::WrongType);
        assert_eq!(found.len(), 12, "{found:?}");
    }

    #[test]
    fn values_that_fit_are_decoded_without_findings() {
        let (service, findings) = decode::<Service>(&node(
            r#"{"image": "a/b:1", "port": 8001, "depends_on": {"redis": "started"}, "env": {"A": {"join": ["a", {"stack": "domain"}]}}}"#,
        ));
        assert_eq!(findings, []);
        assert_eq!(service.unwrap().port, Some(8001));
    }

    #[test]
    fn findings_never_repeat_a_value() {
        let (_, findings) =
            decode::<Service>(&node(r#"{"env": {"A": 5}, "port": "canary-7f3a", "image": {"canary-7f3a": 1}}"#));
        assert!(!findings.is_empty());
        let values: Vec<String> =
            findings.iter().map(|found| format!("{} {}", found.finding.message, found.finding.expected)).collect();
        assert!(!values.concat().contains("canary-7f3a"), "{values:?}");
    }
}
