//! The door: a text type accepts one alphabet, and behind the door no code checks again. User text is refused rather
//! than escaped, so that no backend can be broken out of.

use std::cell::RefCell;

use crate::codes::Code;

/// A text type with one accepted form.
pub trait Checked: Sized {
    /// What the text is, with its article: "a host name".
    const WHAT: &'static str;
    /// What a refusal is called.
    const CODE: Code = Code::BadValue;
    /// A valid example.
    const EXAMPLE: &'static str;
    /// Why `text` is refused, or nothing.
    fn refusal(text: &str) -> Option<String>;
    fn wrap(text: String) -> Self;
    /// The code of a refusal of `text`.
    fn code(_text: &str) -> Code {
        Self::CODE
    }
    /// Stands in for a refused value until the run ends with the refusal.
    fn stand_in(text: &str) -> Self {
        Self::wrap(text.to_owned())
    }

    /// # Errors
    /// Says why the text is refused.
    fn new(text: &str) -> Result<Self, String> {
        match Self::refusal(text) {
            None => Ok(Self::wrap(text.to_owned())),
            Some(reason) => Err(reason),
        }
    }
}

/// A refused text: what was expected, with an example, and why it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub expected: String,
    pub reason: String,
}

thread_local! {
    static REFUSED: RefCell<Option<Vec<Refusal>>> = const { RefCell::new(None) };
}

/// Runs `decode` so that refused texts are collected for [`refused`] instead of ending it. The value is usable only
/// when nothing was refused.
pub fn collect<T>(decode: impl FnOnce() -> T) -> T {
    let outer = REFUSED.with(|refused| refused.borrow_mut().replace(Vec::new()));
    let value = decode();
    REFUSED.with(|refused| *refused.borrow_mut() = outer);
    value
}

/// What was refused since this was last asked, within [`collect`].
pub fn refused() -> Vec<Refusal> {
    REFUSED.with(|refused| refused.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default())
}

pub(crate) fn admit<T: Checked>(text: String) -> Result<T, String> {
    let Some(reason) = T::refusal(&text) else { return Ok(T::wrap(text)) };
    REFUSED.with(|refused| match &mut *refused.borrow_mut() {
        Some(list) => {
            let expected = format!("{}, such as `{}`", T::WHAT, T::EXAMPLE);
            list.push(Refusal { code: T::code(&text), expected, reason });
            Ok(T::stand_in(&text))
        }
        None => Err(reason),
    })
}

/// How a type comes in through the door, and what the schema of the language says about it.
macro_rules! door {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $crate::values::checked::admit(text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "title": Self::WHAT, "examples": [Self::EXAMPLE] })
            }
        }
    };
}

pub(crate) use door;

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, $refusal:expr) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, $what, $example, $refusal, BadValue }
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, $refusal:expr, $code:ident) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, $what, $example, $refusal, $code, std::convert::identity }
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, $refusal:expr, $code:ident, $form:expr) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, $what, $example, $refusal, $code, $form, |_| Code::$code }
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, $refusal:expr, $code:ident, $form:expr, $code_of:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl Checked for $name {
            const WHAT: &'static str = $what;
            const CODE: Code = Code::$code;
            const EXAMPLE: &'static str = $example;
            fn refusal(text: &str) -> Option<String> {
                let refusal: fn(&str) -> Option<String> = $refusal;
                refusal(text)
            }
            fn wrap(text: String) -> Self {
                let form: fn(String) -> String = $form;
                $name(form(text))
            }
            fn code(text: &str) -> Code {
                let code: fn(&str) -> Code = $code_of;
                code(text)
            }
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        $crate::values::checked::door! { $name }
    };
}

pub(crate) use checked;
