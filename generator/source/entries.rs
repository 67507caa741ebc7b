//! What the decoder finds inside records, arrays and variants. Whole entries of maps and arrays that do not
//! fit are passed over where they stand.

use std::collections::{BTreeMap, btree_map};
use std::iter::Enumerate;
use std::slice;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::decode::{Decoder, Step};
use super::misfit::Misfit;
use super::node::{Entry, Mark, Node};

/// Fields of a record, without those left out. One type for structs and maps: whatever is generic over it is
/// compiled once for each type of the stack.
pub struct Entries<'a, 'b> {
    at: &'b Decoder<'a>,
    fields: btree_map::Iter<'a, String, Entry>,
    /// The only fields that are read, each if it has a value.
    known: Option<&'static [&'static str]>,
    /// The value of the key that was read last.
    current: Option<Decoder<'a>>,
}

impl<'a, 'b> Entries<'a, 'b> {
    pub fn new(
        at: &'b Decoder<'a>,
        fields: &'a BTreeMap<String, Entry>,
        known: Option<&'static [&'static str]>,
    ) -> Self {
        Entries { at, fields: fields.iter(), known, current: None }
    }

    /// Goes on to the next field that is read.
    fn advance(&mut self) -> Option<(&'a str, Option<Mark>, Decoder<'a>)> {
        for (key, entry) in self.fields.by_ref() {
            if self.known.is_some_and(|known| entry.node.value.is_nothing() || !known.contains(&key.as_str())) {
                continue;
            }
            let at = self.at.child(&entry.node, Step::Key(key));
            if !at.is_left_out() {
                self.current = Some(at.clone());
                return Some((key, entry.key, at));
            }
        }
        None
    }
}

/// A key as text, so that names are checked like other text.
struct Key<'a>(&'a str);

impl<'de> de::Deserializer<'de> for Key<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(self.0)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(serde::de::IntoDeserializer::into_deserializer(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, mark, at)) = self.advance() else { return Ok(None) };
        at.step(mark, |_| seed.deserialize(Key(key))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(at) = self.current.take() else { return Err(de::Error::custom("a value without its key")) };
        at.step(None, |at| seed.deserialize(at))
    }

    /// Maps read whole entries, so that one that does not fit can be passed over here and now.
    fn next_entry<K: Deserialize<'de>, V: Deserialize<'de>>(&mut self) -> Result<Option<(K, V)>, Misfit> {
        let account = self.at.account;
        loop {
            let before = account.length();
            let Some(key) = self.next_key()? else { return Ok(None) };
            if let Some(value) = self.current.take().and_then(|at| at.fitting()) {
                return Ok(Some((key, value)));
            }
            // The entry is not read again, so what was found about its key stays.
            account.keep_since(before);
        }
    }
}

/// Items of an array, without those left out.
pub struct Items<'a, 'b> {
    pub at: &'b Decoder<'a>,
    pub items: Enumerate<slice::Iter<'a, Node>>,
}

impl<'de> Items<'de, '_> {
    fn next(&mut self) -> Option<Decoder<'de>> {
        let mut items = self.items.by_ref().map(|(index, node)| self.at.child(node, Step::Index(index)));
        items.find(|at| !at.is_left_out())
    }
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.next().map(|at| at.step(None, |at| seed.deserialize(at))).transpose()
    }

    /// Like [`MapAccess::next_entry`].
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, Misfit> {
        while let Some(at) = self.next() {
            if let Some(value) = at.fitting() {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// `{ secret = "name" }`: a variant with its content.
pub struct Variant<'a, 'b> {
    pub at: &'b Decoder<'a>,
    pub fields: &'a BTreeMap<String, Entry>,
}

impl<'de> EnumAccess<'de> for Variant<'de, '_> {
    type Error = Misfit;
    type Variant = Decoder<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Decoder<'de>), Misfit> {
        let Some((key, entry)) = self.fields.first_key_value() else { return Err(de::Error::custom("no variant")) };
        let at = self.at.child(&entry.node, Step::Key(key));
        Ok((at.step(entry.key, |_| seed.deserialize(Key(key)))?, at))
    }
}

impl<'de> VariantAccess<'de> for Decoder<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        self.step(None, |at| seed.deserialize(at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
