//! Trees to typed stacks. Unlike a plain deserialiser this one goes on after a finding: unknown fields are
//! reported and skipped, refused text is reported at its place, a field that does not fit is left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::node::{Entry, Node, Value};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::text;
use crate::words;

/// Decodes a tree and reports everything that does not fit, at its path. A misfit ends serde's walk, so the
/// walk starts again without it until the rest fits.
pub fn decode<T: for<'de> Deserialize<'de>>(node: &Node) -> (Option<T>, Vec<Diagnostic>) {
    let mut misfits: Vec<Diagnostic> = Vec::new();
    let mut left_out: BTreeSet<FieldPath> = BTreeSet::new();
    loop {
        let findings = RefCell::new(Vec::new());
        let at = Decoder { node, path: FieldPath::root(), left_out: &left_out, findings: &findings };
        let misfit = match at.step(|at| T::deserialize(at)) {
            Ok(value) => {
                let mut findings = findings.into_inner();
                findings.extend(misfits);
                return (Some(value), findings);
            }
            Err(misfit) => misfit,
        };
        let path = misfit.path.unwrap_or_default();
        // What is missing because it was left out has been reported.
        if misfit.code != Code::MissingField || !left_out.iter().any(|out| out.parent() == path) {
            misfits
                .push(Diagnostic::error(misfit.code, path.clone()).message(misfit.message).expected(misfit.expected));
        }
        if path == FieldPath::root() || !left_out.insert(path) {
            misfits.extend(findings.into_inner());
            return (None, misfits);
        }
    }
}

/// A deserialiser that knows where it stands.
#[derive(Clone)]
struct Decoder<'a> {
    node: &'a Node,
    path: FieldPath,
    left_out: &'a BTreeSet<FieldPath>,
    findings: &'a RefCell<Vec<Diagnostic>>,
}

/// Why a value does not fit.
#[derive(Debug)]
struct Misfit {
    code: Code,
    message: String,
    expected: String,
    path: Option<FieldPath>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit { code: Code::BadValue, message: message.to_string(), expected: String::new(), path: None }
    }

    fn invalid_type(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Misfit {
            code: Code::WrongType,
            message: format!("this is {}", kind(&found)),
            expected: expected.to_string(),
            path: None,
        }
    }

    fn invalid_value(_: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Misfit {
            code: Code::OutOfRange,
            message: "the value is out of range".into(),
            expected: range(&expected.to_string()),
            path: None,
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let expected = format!("one of {}", expected.join(", "));
        Misfit { code: Code::BadValue, message: format!("`{variant}` is not known here"), expected, path: None }
    }

    fn missing_field(field: &'static str) -> Self {
        Misfit {
            code: Code::MissingField,
            message: format!("`{field}` is missing"),
            expected: String::new(),
            path: None,
        }
    }
}

/// Never the value itself: it may be a credential in the wrong place.
fn kind(found: &de::Unexpected) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "true or false",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a number",
        de::Unexpected::Float(_) => "a fraction",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "text",
        de::Unexpected::Unit | de::Unexpected::Option => "nothing",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "a record",
        _ => "something else",
    }
}

fn range(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        other => other.to_owned(),
    }
}

impl<'a> Decoder<'a> {
    fn child(&self, node: &'a Node, path: FieldPath) -> Decoder<'a> {
        Decoder { node, path, left_out: self.left_out, findings: self.findings }
    }

    /// Runs one decoding step: refused text is reported here, a misfit learns its place.
    fn step<T>(&self, step: impl FnOnce(Decoder<'a>) -> Result<T, Misfit>) -> Result<T, Misfit> {
        let (value, refused) = text::collect(|| step(self.clone()));
        for refusal in refused {
            let finding =
                Diagnostic::error(refusal.code, self.path.clone()).message(refusal.reason).expected(refusal.expected);
            self.findings.borrow_mut().push(finding);
        }
        value.map_err(|misfit| Misfit { path: misfit.path.or_else(|| Some(self.path.clone())), ..misfit })
    }

    fn unknown(&self, key: &str, fields: &[&str]) {
        let near = words::nearest(key, fields.iter().copied());
        let known = fields.join(", ");
        self.findings.borrow_mut().push(
            Diagnostic::error(Code::UnknownField, self.path.key(key))
                .message(format!("there is no field `{key}` here"))
                .expected(format!("one of {known}"))
                .hint(near.map_or_else(
                    || "`nself schema` describes every field".into(),
                    |near| format!("did you mean `{near}`?"),
                )),
        );
    }
}

impl<'de> de::Deserializer<'de> for Decoder<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(Items { at: &self, items: items.iter().enumerate() }),
            Value::Record(fields) => visitor.visit_map(Fields { at: &self, fields: fields.iter(), current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        static NONE: BTreeMap<String, Entry> = BTreeMap::new();
        let fields = match &self.node.value {
            Value::Record(fields) => fields,
            // A subtree whose evaluation failed: the finding exists, the rest has its defaults.
            Value::Null => &NONE,
            _ => return self.deserialize_any(visitor),
        };
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            self.unknown(key, known);
        }
        let fields =
            fields.iter().filter(|(key, entry)| known.contains(&key.as_str()) && entry.node.value != Value::Null);
        visitor.visit_map(Fields { at: &self, fields, current: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.node.value {
            Value::Text(tag) => visitor.visit_enum(tag.as_str().into_deserializer()),
            Value::Record(fields) if fields.len() == 1 => visitor.visit_enum(Variant { at: &self, fields }),
            _ => Err(Misfit {
                code: Code::WrongType,
                message: "the value has the wrong form".into(),
                expected: format!("one of {}", variants.join(", ")),
                path: None,
            }),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Fields of a record, without those left out.
struct Fields<'a, 'b, I> {
    at: &'b Decoder<'a>,
    fields: I,
    current: Option<(&'a String, &'a Entry)>,
}

/// A key as text, so that names are checked like other text.
struct Key<'a>(&'a str);

impl<'de> de::Deserializer<'de> for Key<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(self.0)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, I: Iterator<Item = (&'de String, &'de Entry)>> MapAccess<'de> for Fields<'de, '_, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let kept = |key: &str| !self.at.left_out.contains(&self.at.path.key(key));
        let Some((key, entry)) = self.fields.find(|(key, _)| self.at.left_out.is_empty() || kept(key)) else {
            return Ok(None);
        };
        self.current = Some((key, entry));
        let at = self.at.child(&entry.node, self.at.path.key(key));
        at.step(|_| seed.deserialize(Key(key))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some((key, entry)) = self.current.take() else { return Err(de::Error::custom("a value without its key")) };
        self.at.child(&entry.node, self.at.path.key(key)).step(|at| seed.deserialize(at))
    }
}

/// Items of an array, without those left out.
struct Items<'a, 'b, I> {
    at: &'b Decoder<'a>,
    items: I,
}

impl<'de, I: Iterator<Item = (usize, &'de Node)>> SeqAccess<'de> for Items<'de, '_, I> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        for (index, node) in self.items.by_ref() {
            let path = self.at.path.index(index);
            if !self.at.left_out.contains(&path) {
                return self.at.child(node, path).step(|at| seed.deserialize(at)).map(Some);
            }
        }
        Ok(None)
    }
}

/// `{ secret = "name" }`: a variant with its content.
struct Variant<'a, 'b> {
    at: &'b Decoder<'a>,
    fields: &'a BTreeMap<String, Entry>,
}

impl<'de> EnumAccess<'de> for Variant<'de, '_> {
    type Error = Misfit;
    type Variant = Decoder<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Decoder<'de>), Misfit> {
        let Some((key, entry)) = self.fields.first_key_value() else { return Err(de::Error::custom("no variant")) };
        let at = self.at.child(&entry.node, self.at.path.key(key));
        Ok((at.step(|_| seed.deserialize(Key(key)))?, at))
    }
}

impl<'de> VariantAccess<'de> for Decoder<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        self.step(|at| seed.deserialize(at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Service;

    fn node(text: &str) -> Node {
        fn convert(value: serde_json::Value) -> Node {
            use serde_json::Value as Json;
            let value = match value {
                Json::Null => Value::Null,
                Json::Bool(value) => Value::Bool(value),
                Json::Number(number) => {
                    number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Integer)
                }
                Json::String(text) => Value::Text(text),
                Json::Array(items) => Value::Array(items.into_iter().map(convert).collect()),
                Json::Object(fields) => Value::Record(
                    fields.into_iter().map(|(key, value)| (key, Entry { key: None, node: convert(value) })).collect(),
                ),
            };
            Node { value, mark: None }
        }
        convert(serde_json::from_str(text).unwrap())
    }

    fn codes(text: &str) -> Vec<(String, Code)> {
        let (_, findings) = decode::<Service>(&node(text));
        findings.into_iter().map(|finding| (finding.path.to_string(), finding.code)).collect()
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
            findings.iter().map(|finding| format!("{} {}", finding.message, finding.expected)).collect();
        assert!(!values.concat().contains("canary-7f3a"), "{values:?}");
    }
}
