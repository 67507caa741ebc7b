//! The serializer that writes a value in block style.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::scalar::{float_text, write_indent, write_scalar};

/// The maximum length of a plain key in bytes; longer keys are written as `? key`. YAML 1.1 and 1.2 allow 1024
/// characters, and libyaml counts bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Why a value cannot be written: the name of a kind that this writer does not support, or the message of serde.
#[derive(Debug)]
pub struct Unsupported(pub String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Unsupported(message.to_string())
    }
}

/// The text before a value on the same line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The value is the whole document.
    Nothing,
    /// A key and its colon, as in `port: 80`.
    Colon,
    /// The dash of a list item, as in `- 80`.
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
    /// Returns the writer of a whole document, which is appended to `out`.
    pub fn document(out: &'a mut String) -> Self {
        Block { out, before: Before::Nothing, depth: 0 }
    }

    /// Writes the text of a value, which needs no quotes, on the rest of the line.
    fn write_line(self, text: &str) -> Result<(), Unsupported> {
        self.write_line_with(|out| out.push_str(text))
    }

    /// Writes a value on the rest of the line: a blank if a colon precedes the value, the output of `write`, and a line
    /// break.
    fn write_line_with(self, write: impl FnOnce(&mut String)) -> Result<(), Unsupported> {
        if self.before == Before::Colon {
            self.out.push(' ');
        }
        write(self.out);
        self.out.push('\n');
        Ok(())
    }

    /// Returns the writer of the items of a list or record.
    fn items(self) -> Items<'a> {
        Items { block: self, has_items: false }
    }
}

/// Defines methods that write a value as its text, without quotes.
macro_rules! write_plain {
    ($($method:ident: $value_type:ty),*) => {
        $(fn $method(self, value: $value_type) -> Result<(), Unsupported> {
            self.write_line(&value.to_string())
        })*
    };
}

impl<'a> Serializer for Block<'a> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    write_plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unsupported> {
        if value.is_finite() {
            self.write_line(&float_text(value.to_string()))
        } else {
            Err(Unsupported(value.to_string()))
        }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unsupported> {
        if value.is_finite() {
            self.write_line(&float_text(value.to_string()))
        } else {
            Err(Unsupported(value.to_string()))
        }
    }

    fn serialize_char(self, value: char) -> Result<(), Unsupported> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unsupported> {
        self.write_line_with(|out| write_scalar(value, out))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unsupported> {
        Err(Unsupported("bytes".into()))
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.write_line("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unsupported> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported(format!("the variant {variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Unsupported> {
        Ok(self.items())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Unsupported> {
        Ok(self.items())
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unsupported> {
        Err(Unsupported(name.into()))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported(format!("the variant {variant}")))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, Unsupported> {
        Ok(self.items())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Unsupported> {
        Ok(self.items())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported(format!("the variant {variant}")))
    }
}

/// Writes the items of a list or record. Nothing is written before the first item, since an empty list or record is
/// `[]` or `{}`.
pub struct Items<'a> {
    block: Block<'a>,
    /// Whether an item was written.
    has_items: bool,
}

impl Items<'_> {
    /// Begins the line of an item. The first item after a dash, and the first item of the document, continue the
    /// current line; after a colon, a new line begins.
    fn begin_item(&mut self) {
        let Block { out, before, depth } = &mut self.block;
        if !self.has_items && *before == Before::Colon {
            out.push('\n');
        }
        if self.has_items || *before == Before::Colon {
            write_indent(*depth, out);
        }
        self.has_items = true;
    }

    /// Returns the writer of an item's value, which follows `before` on the line.
    fn item_writer(&mut self, before: Before) -> Block<'_> {
        Block { depth: self.block.depth + 1, out: &mut *self.block.out, before }
    }

    /// Writes a key and its colon, on two lines if the key is long: `? key` and `:`.
    fn write_key(&mut self, key: &str) {
        self.begin_item();
        let Block { out, depth, .. } = &mut self.block;
        let key_start = out.len();
        write_scalar(key, out);
        if out.len() - key_start > MAX_KEY_BYTES {
            out.insert_str(key_start, "? ");
            out.push('\n');
            write_indent(*depth, out);
        }
        out.push(':');
    }

    /// Ends the list or record. `empty_text` is its text if it has no items.
    fn close(self, empty_text: &str) -> Result<(), Unsupported> {
        if self.has_items { Ok(()) } else { self.block.write_line(empty_text) }
    }
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.begin_item();
        self.block.out.push_str("- ");
        value.serialize(self.item_writer(Before::Dash))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close("[]")
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Unsupported> {
        SerializeSeq::end(self)
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsupported> {
        match serde_json::to_value(key) {
            Ok(serde_json::Value::String(key)) => self.write_key(&key),
            _ => return Err(Unsupported("a key that is not text".into())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self.item_writer(Before::Colon))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close("{}")
    }
}

impl SerializeStruct for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unsupported> {
        self.write_key(key);
        value.serialize(self.item_writer(Before::Colon))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close("{}")
    }
}
