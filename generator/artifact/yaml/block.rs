//! The serializer that writes a value in block style.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::scalar::{float, indent, scalar};

/// The maximum length of a plain key in bytes; longer keys are written as `? key`. YAML 1.1 and 1.2 allow 1024
/// characters, and libyaml counts bytes.
const LONGEST_KEY: usize = 1024;

/// A kind of value that this writer does not support.
#[derive(Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refused(message.to_string())
    }
}

/// The character before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Colon,
    Dash,
}

/// Writes one value and ends its line.
pub struct Block<'a> {
    out: &'a mut String,
    before: Before,
    /// The indentation of the value's items, in steps of two blanks.
    depth: usize,
}

impl<'a> Block<'a> {
    pub fn document(out: &'a mut String) -> Self {
        Block { out, before: Before::Nothing, depth: 0 }
    }

    fn line(self, text: &str) -> Result<(), Refused> {
        self.written(|out| out.push_str(text))
    }

    fn written(self, write: impl FnOnce(&mut String)) -> Result<(), Refused> {
        if self.before == Before::Colon {
            self.out.push(' ');
        }
        write(self.out);
        self.out.push('\n');
        Ok(())
    }

    fn items(self) -> Items<'a> {
        Items { block: self, any: false }
    }
}

macro_rules! plain {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, value: $kind) -> Result<(), Refused> {
            self.line(&value.to_string())
        })*
    };
}

impl<'a> Serializer for Block<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Impossible<(), Refused>;
    type SerializeTupleVariant = Impossible<(), Refused>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Impossible<(), Refused>;

    plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        if value.is_finite() { self.line(&float(value.to_string())) } else { Err(Refused(value.to_string())) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        if value.is_finite() { self.line(&float(value.to_string())) } else { Err(Refused(value.to_string())) }
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        self.written(|out| scalar(value, out))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Refused> {
        Err(Refused("bytes".into()))
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.line("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Refused> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), Refused> {
        Err(Refused(format!("the variant {variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Refused> {
        Ok(self.items())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Refused> {
        Ok(self.items())
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

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, Refused> {
        Ok(self.items())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Refused> {
        Ok(self.items())
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

/// A list or record. Its first line is written with its first item, since an empty one is written as `[]` or `{}`.
pub struct Items<'a> {
    block: Block<'a>,
    any: bool,
}

impl Items<'_> {
    /// Begins an item on its own line; the first item after a dash is on the line of the dash.
    fn begin(&mut self) {
        let Block { out, before, depth } = &mut self.block;
        if !self.any && *before == Before::Colon {
            out.push('\n');
        }
        if self.any || *before == Before::Colon {
            indent(*depth, out);
        }
        self.any = true;
    }

    fn item(&mut self, before: Before) -> Block<'_> {
        Block { depth: self.block.depth + 1, out: &mut *self.block.out, before }
    }

    fn key(&mut self, key: &str) {
        self.begin();
        let Block { out, depth, .. } = &mut self.block;
        let start = out.len();
        scalar(key, out);
        if out.len() - start > LONGEST_KEY {
            out.insert_str(start, "? ");
            out.push('\n');
            indent(*depth, out);
        }
        out.push(':');
    }

    fn close(self, empty: &str) -> Result<(), Refused> {
        if self.any { Ok(()) } else { self.block.line(empty) }
    }
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.begin();
        self.block.out.push_str("- ");
        value.serialize(self.item(Before::Dash))
    }

    fn end(self) -> Result<(), Refused> {
        self.close("[]")
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Refused> {
        SerializeSeq::end(self)
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        match serde_json::to_value(key) {
            Ok(serde_json::Value::String(key)) => self.key(&key),
            _ => return Err(Refused("a key that is not text".into())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(self.item(Before::Colon))
    }

    fn end(self) -> Result<(), Refused> {
        self.close("{}")
    }
}

impl SerializeStruct for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Refused> {
        self.key(key);
        value.serialize(self.item(Before::Colon))
    }

    fn end(self) -> Result<(), Refused> {
        self.close("{}")
    }
}
