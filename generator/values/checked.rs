//! Checked text types. Each accepts one alphabet and is checked while the stack is decoded, so no later code checks it
//! again. Text outside of the alphabet is refused rather than escaped, so it cannot inject syntax into generated files.

use std::cell::RefCell;

use crate::codes::Code;

/// A text type that is checked when it is created.
pub trait Checked: Sized {
    /// Describes the type, with an article: "a host name".
    const WHAT: &'static str;
    /// The code of a refusal, unless [`Checked::code`] returns a different one.
    const CODE: Code = Code::BadValue;
    /// A valid example.
    const EXAMPLE: &'static str;
    /// Returns the reason if `text` is refused; `None` if it is accepted.
    fn refusal(text: &str) -> Option<String>;
    /// Creates a value without a check, in the normal form of the type if it has one.
    fn wrap(text: String) -> Self;
    /// Returns the code of a refusal of `text`.
    fn code(_text: &str) -> Code {
        Self::CODE
    }
    /// Returns a placeholder for a refused value, so that decoding continues and reports more errors.
    fn placeholder(text: &str) -> Self {
        Self::wrap(text.to_owned())
    }

    /// Checks a text and creates a value.
    ///
    /// # Errors
    /// The reason why the text is refused.
    fn new(text: &str) -> Result<Self, String> {
        match Self::refusal(text) {
            None => Ok(Self::wrap(text.to_owned())),
            Some(reason) => Err(reason),
        }
    }
}

/// A refused text: the expected type with an example, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub expected: String,
    pub reason: String,
}

thread_local! {
    /// The texts that were refused while [`collect_refusals`] runs; `None` at other times.
    static REFUSALS: RefCell<Option<Vec<Refusal>>> = const { RefCell::new(None) };
}

/// Runs `decode` and collects refused texts for [`take_refusals`], instead of ending with the first one. The value may
/// be used only if no text was refused.
pub fn collect_refusals<T>(decode: impl FnOnce() -> T) -> T {
    // If this call is inside an outer call, the refusals of the outer call are restored afterwards.
    let outer_refusals = REFUSALS.with(|refusals| refusals.borrow_mut().replace(Vec::new()));
    let value = decode();
    REFUSALS.with(|refusals| *refusals.borrow_mut() = outer_refusals);
    value
}

/// Returns the texts that were refused since the last call of this function, within [`collect_refusals`].
pub fn take_refusals() -> Vec<Refusal> {
    REFUSALS.with(|refusals| refusals.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default())
}

/// Checks a text while it is decoded. Within [`collect_refusals`], a refused text is recorded and replaced by a
/// placeholder.
pub(crate) fn check_text<T: Checked>(text: String) -> Result<T, String> {
    let Some(reason) = T::refusal(&text) else { return Ok(T::wrap(text)) };
    REFUSALS.with(|refusals| match &mut *refusals.borrow_mut() {
        Some(collected_refusals) => {
            let expected = format!("{}, such as `{}`", T::WHAT, T::EXAMPLE);
            collected_refusals.push(Refusal { code: T::code(&text), expected, reason });
            Ok(T::placeholder(&text))
        }
        None => Err(reason),
    })
}

/// Implements decoding with a check, and the JSON schema, for a checked type.
macro_rules! impl_decoding {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $crate::values::checked::check_text(text).map_err(serde::de::Error::custom)
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

pub(crate) use impl_decoding;

/// Declares a checked text type with its description, an example and the check. Optional arguments are the code
/// of a refusal, a function that returns the normal form of a text, and a function that selects the code by the text.
/// The first three rules add the defaults of the optional arguments.
macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, expected: $what:literal, example: $example:literal, refusal: $refusal:expr) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, expected: $what, example: $example, refusal: $refusal, BadValue }
    };
    ($(#[$doc:meta])* $name:ident, expected: $what:literal, example: $example:literal, refusal: $refusal:expr, $code:ident) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, expected: $what, example: $example, refusal: $refusal, $code, std::convert::identity }
    };
    ($(#[$doc:meta])* $name:ident, expected: $what:literal, example: $example:literal, refusal: $refusal:expr, $code:ident, $normal_form:expr) => {
        $crate::values::checked::checked! { $(#[$doc])* $name, expected: $what, example: $example, refusal: $refusal, $code, $normal_form, |_| Code::$code }
    };
    ($(#[$doc:meta])* $name:ident, expected: $what:literal, example: $example:literal, refusal: $refusal:expr, $code:ident, $normal_form:expr, $code_of:expr) => {
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
                let normal_form: fn(String) -> String = $normal_form;
                $name(normal_form(text))
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

        $crate::values::checked::impl_decoding! { $name }
    };
}

pub(crate) use checked;
