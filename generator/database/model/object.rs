//! Objects that a definition keeps as their SQL: kinds that are too rare to have fields for their parts.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::{convert, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::codes::Code;
use crate::values::checked::{Checked, checked, impl_decoding};
use crate::values::text::invisible_character_refusal;

checked! {
    /// One statement that creates an object of a kind that `objects` takes, without the `;` at its end.
    ObjectStatement, expected: "one CREATE statement without `;` and comments", example: "CREATE STATISTICS orders_place ON city, zip FROM orders",
    refusal: |t| invisible_character_refusal(t, 65_536).or_else(|| object_statement::refusal(t).map(|(_, reason)| reason)), SqlSyntax, convert::identity,
    |t| object_statement::refusal(t).map_or(Code::BadValue, |(code, _)| code)
}

/// Maximum length in bytes of the key of an object: several names and types.
const LONGEST_KEY: usize = 1024;

/// What follows DROP for an object: its kind and name, such as `statistics orders_place`. Operators and aggregates also
/// have the types of their arguments, and a rule has its table.
// The key is the name of an object in `public`, so that the names of all nodes of the dependency graph have one type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey(ObjectName);

impl ObjectKey {
    /// Returns the key of a collation.
    pub fn of_collation(name: &ObjectName) -> Self {
        Self::wrap(format!("collation {}", name.spelled()))
    }

    pub fn as_str(&self) -> &str {
        self.0.name()
    }

    /// Returns the key as the name of the object's node in the dependency graph.
    pub fn node(&self) -> &ObjectName {
        &self.0
    }
}

impl Checked for ObjectKey {
    const WHAT: &'static str = "the kind and name of an object, as after DROP";
    const CODE: Code = Code::BadName;
    const EXAMPLE: &'static str = "statistics orders_place";

    fn refusal(text: &str) -> Option<String> {
        invisible_character_refusal(text, LONGEST_KEY)
            .or_else(|| (text.is_empty() || text.contains(['\n', '\t'])).then(|| "it is not one line".into()))
    }

    fn wrap(text: String) -> Self {
        ObjectKey(ObjectName::new_in(PUBLIC_SCHEMA, &text))
    }
}

impl Borrow<ObjectName> for ObjectKey {
    fn borrow(&self) -> &ObjectName {
        &self.0
    }
}

impl Borrow<str> for ObjectKey {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl_decoding! { ObjectKey }

/// An object that the definition keeps as its SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlObject {
    pub create: ObjectStatement,
    /// Only for a text search configuration: the dictionaries for each kind of token, in the order of their use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mappings: BTreeMap<SqlIdent, Vec<ObjectName>>,
    /// Objects that the object needs, besides those that its text mentions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on: BTreeSet<ObjectName>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

impl SqlObject {
    /// Returns the names that identify the object; `None` only for a statement that was refused.
    pub fn identity(&self) -> Option<ObjectIdentity> {
        ObjectIdentity::of_statement(self.create.as_str())
    }

    /// Returns whether the object has to be dropped and created again to become `other`.
    pub fn differs_from(&self, other: &SqlObject) -> bool {
        self.create != other.create || self.mappings != other.mappings
    }
}
