//! The one YAML writer: block style, field order of the types, and quoting that every reader of YAML 1.1 and
//! 1.2 understands alike.

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// The value as a YAML document.
///
/// # Errors
/// NS901 when the value has a form that YAML files of nself do not use: bytes, enum variants with data, keys
/// that are not text, floats that are no numbers.
pub fn to_yaml(value: &impl Serialize) -> Result<String, Diagnostic> {
    let node = value.serialize(Builder).map_err(|Refused(what)| {
        Diagnostic::error(Code::Internal, FieldPath::root())
            .message(format!("a value cannot be written as YAML: {what}"))
    })?;
    let mut out = String::new();
    match &node {
        Node::List(items) if !items.is_empty() => block(&node, 0, &mut out),
        Node::Record(fields) if !fields.is_empty() => block(&node, 0, &mut out),
        other => {
            inline(other, &mut out);
            out.push('\n');
        }
    }
    Ok(out)
}

/// What is written, in order.
enum Node {
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Record(Vec<(String, Node)>),
}

fn is_block(node: &Node) -> bool {
    match node {
        Node::List(items) => !items.is_empty(),
        Node::Record(fields) => !fields.is_empty(),
        _ => false,
    }
}

fn block(node: &Node, depth: usize, out: &mut String) {
    match node {
        Node::Record(fields) => {
            for (i, (key, value)) in fields.iter().enumerate() {
                if i > 0 {
                    indent(depth, out);
                }
                let start = out.len();
                scalar(key, out);
                if out.len() - start > LONGEST_KEY {
                    out.insert_str(start, "? ");
                    out.push('\n');
                    indent(depth, out);
                }
                out.push(':');
                if is_block(value) {
                    out.push('\n');
                    indent(depth + 1, out);
                    block(value, depth + 1, out);
                } else {
                    out.push(' ');
                    inline(value, out);
                    out.push('\n');
                }
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    indent(depth, out);
                }
                out.push_str("- ");
                if is_block(item) {
                    block(item, depth + 1, out);
                } else {
                    inline(item, out);
                    out.push('\n');
                }
            }
        }
        other => inline(other, out),
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn inline(node: &Node, out: &mut String) {
    match node {
        Node::Plain(plain) => out.push_str(plain),
        Node::Text(text) => scalar(text, out),
        Node::List(_) => out.push_str("[]"),
        Node::Record(_) => out.push_str("{}"),
    }
}

/// Bytes of a key that stands before its colon without further ado; a longer one is announced by `?`. YAML 1.1
/// and 1.2 say 1024 characters, and libyaml counts bytes.
const LONGEST_KEY: usize = 1024;

/// Words that YAML 1.1 reads as booleans or null.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Plain only when no reader can take it for anything but text; else in double quotes.
fn scalar(text: &str, out: &mut String) {
    let mut chars = text.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            '\u{0}'..='\u{9f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            // Marks are shown by number, so that a diff reads as the file does.
            _ if words::is_mark(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// A form that is not written.
#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Refused(message.to_string())
    }
}

/// Turns a value into nodes.
struct Builder;

macro_rules! plain {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, value: $kind) -> Result<Node, Refused> {
            Ok(Node::Plain(value.to_string()))
        })*
    };
}

impl ser::Serializer for Builder {
    type Ok = Node;
    type Error = Refused;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = Impossible<Node, Refused>;
    type SerializeTupleVariant = Impossible<Node, Refused>;
    type SerializeMap = Record;
    type SerializeStruct = Record;
    type SerializeStructVariant = Impossible<Node, Refused>;

    plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_f32(self, value: f32) -> Result<Node, Refused> {
        float(value.is_finite(), value.to_string())
    }

    fn serialize_f64(self, value: f64) -> Result<Node, Refused> {
        float(value.is_finite(), value.to_string())
    }

    fn serialize_char(self, value: char) -> Result<Node, Refused> {
        Ok(Node::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Node, Refused> {
        Ok(Node::Text(value.to_owned()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Node, Refused> {
        Err(Refused("bytes".into()))
    }

    fn serialize_none(self) -> Result<Node, Refused> {
        Ok(Node::Plain("null".into()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node, Refused> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, Refused> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, Refused> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Node, Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<Node, Refused> {
        Err(Refused(format!("the variant {variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Refused> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<List, Refused> {
        Ok(List(Vec::new()))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Refused> {
        Err(Refused(name.into()))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refused> {
        Err(Refused(format!("the variant {variant}")))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Record, Refused> {
        Ok(Record { fields: Vec::new(), key: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Record, Refused> {
        Ok(Record { fields: Vec::new(), key: None })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refused> {
        Err(Refused(format!("the variant {variant}")))
    }
}

/// Rust prints floats without exponent, and whole ones without the point that keeps them floats.
fn float(finite: bool, mut text: String) -> Result<Node, Refused> {
    if !finite {
        return Err(Refused(text));
    }
    if !text.contains('.') {
        text.push_str(".0");
    }
    Ok(Node::Plain(text))
}

struct List(Vec<Node>);

impl SerializeSeq for List {
    type Ok = Node;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.0.push(value.serialize(Builder)?);
        Ok(())
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::List(self.0))
    }
}

impl ser::SerializeTuple for List {
    type Ok = Node;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Node, Refused> {
        SerializeSeq::end(self)
    }
}

struct Record {
    fields: Vec<(String, Node)>,
    key: Option<String>,
}

impl SerializeMap for Record {
    type Ok = Node;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        match key.serialize(Builder)? {
            Node::Text(text) => self.key = Some(text),
            _ => return Err(Refused("a key that is not text".into())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let key = self.key.take().ok_or_else(|| Refused("a value without its key".into()))?;
        self.fields.push((key, value.serialize(Builder)?));
        Ok(())
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Record(self.fields))
    }
}

impl SerializeStruct for Record {
    type Ok = Node;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Refused> {
        self.fields.push((key.to_owned(), value.serialize(Builder)?));
        Ok(())
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Record(self.fields))
    }
}
