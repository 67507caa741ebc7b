//! Decoding of positive numbers and percentages. The contracts in `schemas/` have the same bounds, for editors. They do
//! not check the values that result from the merge with an environment's layer, so the bounds are checked here as well.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use serde::de::{DeserializeOwned, Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// A number, or a container of numbers, that is decoded from numbers above zero.
pub trait Positive: Sized {
    /// The same shape with a number type that excludes zero.
    type NonZero: DeserializeOwned;
    /// Returns the numbers without the guarantee of their type.
    fn from_non_zero(value: Self::NonZero) -> Self;
}

impl Positive for u16 {
    type NonZero = NonZeroU16;
    fn from_non_zero(value: NonZeroU16) -> Self {
        value.get()
    }
}

impl Positive for u32 {
    type NonZero = NonZeroU32;
    fn from_non_zero(value: NonZeroU32) -> Self {
        value.get()
    }
}

impl<T: Positive> Positive for Option<T> {
    type NonZero = Option<T::NonZero>;
    fn from_non_zero(value: Self::NonZero) -> Self {
        value.map(T::from_non_zero)
    }
}

impl<K: Ord + DeserializeOwned, T: Positive> Positive for BTreeMap<K, T> {
    type NonZero = BTreeMap<K, T::NonZero>;
    fn from_non_zero(value: Self::NonZero) -> Self {
        value.into_iter().map(|(key, value)| (key, T::from_non_zero(value))).collect()
    }
}

/// Decodes numbers above zero.
///
/// # Errors
/// A number is zero or does not fit its type.
pub fn positive<'de, D: Deserializer<'de>, T: Positive>(deserializer: D) -> Result<T, D::Error> {
    T::NonZero::deserialize(deserializer).map(T::from_non_zero)
}

/// A whole number from 1 to 100.
struct Percent(u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            percent @ 1..=100 => Ok(Percent(percent)),
            other => Err(D::Error::invalid_value(Unexpected::Unsigned(other.into()), &"a whole number from 1 to 100")),
        }
    }
}

/// Decodes an optional percentage.
///
/// # Errors
/// The number is not from 1 to 100.
pub fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    Ok(Option::<Percent>::deserialize(deserializer)?.map(|percent| percent.0))
}
