//! Serde's accessors for the content of records, arrays and variants. An entry of a map or array that does not fit is
//! reported and skipped.

use std::collections::{BTreeMap, btree_map};
use std::iter::Enumerate;
use std::slice;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::decode::{Decoder, Step};
use super::node::{Entry, Node};
use super::type_mismatch::TypeMismatch;

/// The fields of a record that decoding does not skip. Structs and maps share this type, so that code which is generic
/// over it is compiled only once for each type of the stack.
pub struct Entries<'a, 'p> {
    decoder: Decoder<'a, 'p>,
    fields: btree_map::Iter<'a, String, Entry>,
    /// The names of a struct's fields; other fields and fields without a value are not read. `None` for a map.
    field_names: Option<&'static [&'static str]>,
    /// The last key that was read, with its value.
    current: Option<(&'a str, &'a Node)>,
}

impl<'a, 'p> Entries<'a, 'p> {
    pub fn new(
        decoder: Decoder<'a, 'p>,
        fields: &'a BTreeMap<String, Entry>,
        field_names: Option<&'static [&'static str]>,
    ) -> Self {
        Entries { decoder, fields: fields.iter(), field_names, current: None }
    }

    /// Moves to the next field to read, and returns its key and entry; `None` after the last field.
    fn advance(&mut self) -> Option<(&'a str, &'a Entry)> {
        let (decoder, field_names) = (self.decoder, self.field_names);
        let mut fields_to_read = self.fields.by_ref().filter(|(key, entry)| {
            field_names.is_none_or(|names| !entry.node.value.is_nothing() && names.contains(&key.as_str()))
                && !decoder.skips(Step::Key(key))
        });
        let (key, entry) = fields_to_read.next()?;
        self.current = Some((key, &entry.node));
        Some((key, entry))
    }
}

/// A deserializer of a key, which is read as text, so that names are checked like other text.
struct Key<'a>(&'a str);

impl<'de> de::Deserializer<'de> for Key<'_> {
    type Error = TypeMismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeMismatch> {
        visitor.visit_str(self.0)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        visitor.visit_enum(serde::de::IntoDeserializer::into_deserializer(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = TypeMismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypeMismatch> {
        let Some((key, entry)) = self.advance() else { return Ok(None) };
        let read = |decoder: Decoder<'de, '_>| decoder.decode_at(entry.key, |_| seed.deserialize(Key(key)));
        self.decoder.with_child(Step::Key(key), &entry.node, read).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TypeMismatch> {
        let Some((key, node)) = self.current.take() else { return Err(de::Error::custom("a value without its key")) };
        self.decoder
            .with_child(Step::Key(key), node, |decoder| decoder.decode_at(None, |decoder| seed.deserialize(decoder)))
    }

    /// Reads a whole entry, so that an entry that does not fit can be skipped.
    fn next_entry<K: Deserialize<'de>, V: Deserialize<'de>>(&mut self) -> Result<Option<(K, V)>, TypeMismatch> {
        let findings = self.decoder.findings;
        loop {
            let count_before = findings.provisional_count();
            let Some(key) = self.next_key()? else { return Ok(None) };
            let value = self.current.take().and_then(|(name, node)| {
                self.decoder.with_child(Step::Key(name), node, |decoder| decoder.decode_fitting())
            });
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
            // The entry is not read again, so the findings about its key are final.
            findings.make_final_since(count_before);
        }
    }
}

/// The items of an array that decoding does not skip.
pub struct Items<'a, 'p> {
    pub decoder: Decoder<'a, 'p>,
    pub items: Enumerate<slice::Iter<'a, Node>>,
}

impl<'de> Items<'de, '_> {
    /// Returns the next item that decoding does not skip, with the step to it.
    fn next(&mut self) -> Option<(Step<'static>, &'de Node)> {
        let mut items = self.items.by_ref().map(|(index, node)| (Step::Index(index), node));
        items.find(|(step, _)| !self.decoder.skips(*step))
    }
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = TypeMismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypeMismatch> {
        let Some((step, node)) = self.next() else { return Ok(None) };
        self.decoder
            .with_child(step, node, |decoder| decoder.decode_at(None, |decoder| seed.deserialize(decoder)))
            .map(Some)
    }

    /// Reads the next item that fits, as [`MapAccess::next_entry`] does for entries.
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, TypeMismatch> {
        while let Some((step, node)) = self.next() {
            if let Some(value) = self.decoder.with_child(step, node, |decoder| decoder.decode_fitting()) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// A variant with its content, such as `{ secret = "name" }`.
pub struct Variant<'a, 'p> {
    /// The decoder of the record.
    pub decoder: Decoder<'a, 'p>,
    /// The fields of the record. The only one has the name of the variant.
    pub fields: &'a BTreeMap<String, Entry>,
}

/// The content of a variant.
pub struct Content<'a, 'p> {
    /// The decoder of the record around the content.
    decoder: Decoder<'a, 'p>,
    /// Name of the variant.
    name: &'a str,
    /// The content.
    node: &'a Node,
}

impl<'de, 'p> EnumAccess<'de> for Variant<'de, 'p> {
    type Error = TypeMismatch;
    type Variant = Content<'de, 'p>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), TypeMismatch> {
        let Some((name, entry)) = self.fields.first_key_value() else { return Err(de::Error::custom("no variant")) };
        let read = |decoder: Decoder<'de, '_>| decoder.decode_at(entry.key, |_| seed.deserialize(Key(name)));
        let value = self.decoder.with_child(Step::Key(name), &entry.node, read)?;
        Ok((value, Content { decoder: self.decoder, name, node: &entry.node }))
    }
}

impl<'de> VariantAccess<'de> for Content<'de, '_> {
    type Error = TypeMismatch;

    fn unit_variant(self) -> Result<(), TypeMismatch> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, TypeMismatch> {
        self.decoder.with_child(Step::Key(self.name), self.node, |decoder| {
            decoder.decode_at(None, |decoder| seed.deserialize(decoder))
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TypeMismatch> {
        let read = |decoder: Decoder<'de, '_>| de::Deserializer::deserialize_any(decoder, visitor);
        self.decoder.with_child(Step::Key(self.name), self.node, read)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeMismatch> {
        let read = |decoder: Decoder<'de, '_>| de::Deserializer::deserialize_struct(decoder, "", fields, visitor);
        self.decoder.with_child(Step::Key(self.name), self.node, read)
    }
}
