//! A value as the nodes of a document.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct};

/// What is written, in order.
pub enum Node {
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Record(Vec<(Key, Node)>),
}

/// Names of fields are known beforehand, those of maps are not.
type Key = Cow<'static, str>;

/// A form that is not written.
#[derive(Debug)]
pub struct Refused(pub String);

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
pub struct Builder;

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

pub struct List(Vec<Node>);

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

pub struct Record {
    fields: Vec<(Key, Node)>,
    key: Option<Key>,
}

impl SerializeMap for Record {
    type Ok = Node;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        match key.serialize(Builder)? {
            Node::Text(text) => self.key = Some(Key::Owned(text)),
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
        self.fields.push((Key::Borrowed(key), value.serialize(Builder)?));
        Ok(())
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Record(self.fields))
    }
}
