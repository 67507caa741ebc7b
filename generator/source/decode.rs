//! Trees to typed stacks. Unlike a plain deserialiser this one goes on after a finding: unknown fields are
//! reported and skipped, refused text is reported at its place, a field that does not fit is left out.

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

/// A finding, and the key that it is about when it is about a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub finding: Diagnostic,
    pub key: Option<Mark>,
}

/// Decodes a tree and reports everything that does not fit, at its path.
pub fn decode<T: DeserializeOwned>(node: &Node) -> (Option<T>, Vec<Found>) {
    let account = Findings::default();
    let value = checked::collect(|| Decoder { node, place: None, account: &account }.fitting());
    let mut found = account.again.into_inner();
    found.extend(account.kept.into_inner());
    (value, found)
}

/// Decodes plain data that this program wrote.
///
/// # Errors
/// The first thing that does not fit, with its path.
pub fn decode_plain<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, String> {
    let (value, found) = decode(&value.into());
    match found.into_iter().next() {
        Some(Found { finding, .. }) => Err(format!("{}: {}", finding.path, finding.message)),
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

/// What was found so far.
#[derive(Default)]
pub struct Findings {
    /// SourceMap that decoding skips: what stands there does not fit, which has been reported.
    left_out: RefCell<PathSet>,
    /// Findings that come again when their surroundings are decoded again.
    again: RefCell<Vec<Found>>,
    /// Findings that do not, since their places are left out.
    kept: RefCell<Vec<Found>>,
}

impl Findings {
    /// How much of what was found may come again.
    pub fn length(&self) -> usize {
        self.again.borrow().len()
    }

    /// What was found since then does not come again.
    pub fn keep_since(&self, length: usize) {
        self.kept.borrow_mut().extend(self.again.borrow_mut().drain(length..));
    }
}

/// A step from the root, with those before it: all lie on the stack, since most are never looked at.
#[derive(Clone, Copy)]
struct Place<'p> {
    before: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A deserialiser that knows where it stands.
#[derive(Clone, Copy)]
pub struct Decoder<'a, 'p> {
    node: &'a Node,
    place: Option<&'p Place<'p>>,
    pub(super) account: &'p Findings,
}

/// Keys are shown up to this length.
const KEY: usize = 64;

impl<'a> Decoder<'a, '_> {
    /// Goes on from a value below this one.
    pub(super) fn below<T>(&self, step: Step, node: &'a Node, go_on: impl FnOnce(Decoder<'a, '_>) -> T) -> T {
        let place = Place { before: self.place, step };
        go_on(Decoder { node, place: Some(&place), account: self.account })
    }

    /// Built only when something is to be reported or left out.
    fn path(&self) -> FieldPath {
        let places = std::iter::successors(self.place, |place| place.before);
        let steps = places.map(|place| match place.step {
            Step::Key(key) => Segment::Key(key.to_owned()),
            Step::Index(index) => Segment::Index(index),
        });
        let mut path = FieldPath(steps.collect());
        path.0.reverse();
        path
    }

    /// Whether the value below is passed over.
    pub(super) fn passes_over(&self, step: Step) -> bool {
        let left_out = self.account.left_out.borrow();
        !left_out.is_empty() && self.below(step, self.node, |at| left_out.contains(&at.path()))
    }

    /// Decodes what stands here. A misfit ends serde's walk; it is reported and left out, and the walk starts
    /// again from here until the rest fits. Nothing when this as a whole does not fit: it is left out then.
    pub(super) fn fitting<T: Deserialize<'a>>(&self) -> Option<T> {
        let before = self.account.length();
        loop {
            let misfit = match self.step(None, |at| T::deserialize(at)) {
                Ok(value) => return Some(value),
                Err(misfit) => misfit,
            };
            if !self.leave_out(misfit, before) {
                return None;
            }
        }
    }

    /// Reports a misfit and leaves it out. Whether the rest may fit.
    fn leave_out(&self, misfit: TypeMismatch, before: usize) -> bool {
        let here = self.path();
        let path = misfit.path.unwrap_or_default();
        let mut left_out = self.account.left_out.borrow_mut();
        // What is missing because it was left out has been reported, and so has what fails again.
        let reported = left_out.contains(&path) || (misfit.code == Code::MissingField && left_out.hold_child_of(&path));
        if !reported {
            let finding = Diagnostic::error(misfit.code, path.clone());
            let finding = finding.message(misfit.message).expected(misfit.expected).hint(misfit.hint);
            self.account.kept.borrow_mut().push(Found { finding, key: None });
        }
        if path == here || !path.starts_with(&here) || !left_out.insert(path) {
            left_out.insert(here);
            self.account.keep_since(before);
            return false;
        }
        self.account.again.borrow_mut().truncate(before);
        true
    }

    /// Runs one decoding step: refused text is reported here, a misfit learns its place.
    pub(super) fn step<T>(
        &self,
        key: Option<Mark>,
        step: impl FnOnce(Self) -> Result<T, TypeMismatch>,
    ) -> Result<T, TypeMismatch> {
        let value = step(*self);
        self.report(checked::refused(), key);
        value.map_err(|misfit| self.placed(misfit))
    }

    fn report(&self, refused: Vec<checked::Refusal>, key: Option<Mark>) {
        for refusal in refused {
            let finding =
                Diagnostic::error(refusal.code, self.path()).message(refusal.reason).expected(refusal.expected);
            self.account.again.borrow_mut().push(Found { finding, key });
        }
    }

    fn placed(&self, misfit: TypeMismatch) -> TypeMismatch {
        TypeMismatch { path: misfit.path.or_else(|| Some(self.path())), ..misfit }
    }

    /// A value of another type than what is read.
    fn other_type(&self, expected: &dyn de::Expected) -> TypeMismatch {
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
            Value::Array(_) | Value::Record(_) => Err(self.other_type(&visitor)),
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
        self.account.again.borrow_mut().push(Found { finding, key: mark });
    }
}

/// Each visitor is compiled only with what it can take.
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
            _ => Err(self.other_type(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        match &self.node.value {
            Value::Record(fields) => visitor.visit_map(Entries::new(self, fields, None)),
            _ => Err(self.other_type(&visitor)),
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
            // A subtree whose evaluation failed: the finding exists, the rest has its defaults.
            Value::Null | Value::Broken => &NONE,
            _ => return Err(self.other_type(&visitor)),
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
                message: "the value has the wrong form".into(),
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
    fn every_misfit_of_a_run_is_reported_at_its_place() {
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
    fn what_fits_is_kept_and_nothing_is_reported() {
        let (service, findings) = decode::<Service>(&node(
            r#"{"image": "a/b:1", "port": 8001, "depends_on": {"redis": "started"}, "env": {"A": {"join": ["a", {"stack": "domain"}]}}}"#,
        ));
        assert_eq!(findings, []);
        assert_eq!(service.unwrap().port, Some(8001));
    }

    #[test]
    fn a_finding_never_repeats_the_value() {
        let (_, findings) =
            decode::<Service>(&node(r#"{"env": {"A": 5}, "port": "canary-7f3a", "image": {"canary-7f3a": 1}}"#));
        assert!(!findings.is_empty());
        let values: Vec<String> =
            findings.iter().map(|found| format!("{} {}", found.finding.message, found.finding.expected)).collect();
        assert!(!values.concat().contains("canary-7f3a"), "{values:?}");
    }
}
