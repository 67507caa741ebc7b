//! Numbers that are never zero, and percentages, refused while they are read. The contracts in `schemas/` tell editors
//! the same; but an environment's layer is merged first, and only what it comes to is checked.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use serde::de::{DeserializeOwned, Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// Numbers, one or several, that are read as numbers from 1 on.
pub trait Positive: Sized {
    type Read: DeserializeOwned;
    fn plain(read: Self::Read) -> Self;
}

impl Positive for u16 {
    type Read = NonZeroU16;
    fn plain(read: NonZeroU16) -> Self {
        read.get()
    }
}

impl<T: Positive> Positive for Option<T> {
    type Read = Option<T::Read>;
    fn plain(read: Self::Read) -> Self {
        read.map(T::plain)
    }
}

impl<K: Ord + DeserializeOwned, T: Positive> Positive for BTreeMap<K, T> {
    type Read = BTreeMap<K, T::Read>;
    fn plain(read: Self::Read) -> Self {
        read.into_iter().map(|(key, value)| (key, T::plain(value))).collect()
    }
}

/// # Errors
/// A number is zero, or none of its type.
pub fn positive<'de, D: Deserializer<'de>, T: Positive>(reader: D) -> Result<T, D::Error> {
    T::Read::deserialize(reader).map(T::plain)
}

struct Percent(u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        match u8::deserialize(reader)? {
            percent @ 1..=100 => Ok(Percent(percent)),
            other => Err(D::Error::invalid_value(Unexpected::Unsigned(other.into()), &"a whole number from 1 to 100")),
        }
    }
}

/// # Errors
/// The number is not one from 1 to 100.
pub fn percent<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<u8>, D::Error> {
    Ok(Option::<Percent>::deserialize(reader)?.map(|percent| percent.0))
}
