//! Enumerations, domains, composite types and ranges.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// A type that the database declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserType {
    Enum(Enumeration),
    Domain(Domain),
    Composite(Composite),
    Range(RangeType),
}

/// Labels in their sort order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Enumeration {
    pub values: Vec<Label>,
    /// Roles that may use the type in their tables and functions, if not everyone may.
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<TypePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_options: Grants<TypePrivilege>,
    /// Whether only the owner and the roles in `grants` may use the type.
    #[serde(skip_serializing_if = "is_default")]
    pub private: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Maps a new label to the old one.
    #[serde(skip_serializing)]
    pub renamed_values: BTreeMap<Label, Label>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// A type with conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    #[serde(rename = "type")]
    pub base: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_null: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Expression>,
    /// Maps a name to a condition on `VALUE`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: BTreeMap<SqlName, Expression>,
    /// Roles that may use the type in their tables and functions, if not everyone may.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Grants<TypePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grant_options: Grants<TypePrivilege>,
    /// Whether only the owner and the roles in `grants` may use the type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub private: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(default, skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// A composite type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Composite {
    pub attributes: Vec<Attribute>,
    /// Roles that may use the type in their tables and functions, if not everyone may.
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<TypePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_options: Grants<TypePrivilege>,
    /// Whether only the owner and the roles in `grants` may use the type.
    #[serde(skip_serializing_if = "is_default")]
    pub private: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

/// An attribute of a composite type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    pub name: SqlName,
    #[serde(rename = "type")]
    pub kind: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
}

/// A type whose values are ranges of values of another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeType {
    /// The type of the ends of a range.
    pub subtype: TypeName,
    /// Collation that orders the values, if it is not that of the type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    /// Operator class that orders the values; the default one of the type unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub opclass: Option<ObjectName>,
    /// Function that returns the difference of two values as `double precision`. One of the server includes the schema:
    /// `pg_catalog.float8mi`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subtype_diff: Option<ObjectName>,
    /// Type of several ranges; by default `float_multirange` for `float_range`, and `span_multirange` for `span`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub multirange: Option<ObjectName>,
    /// Roles that may use the type in their tables and functions, if not everyone may.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Grants<TypePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grant_options: Grants<TypePrivilege>,
    /// Whether only the owner and the roles in `grants` may use the type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub private: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

impl RangeType {
    /// Returns the name of the type of several ranges. `name` is the name of this type.
    pub fn multirange_name(&self, name: &ObjectName) -> ObjectName {
        self.multirange.clone().unwrap_or_else(|| Self::default_multirange(name))
    }

    /// Returns the name that the server gives the type of several ranges: the first `range` in the name becomes
    /// `multirange`, and a name without `range` gets an ending, as in `span_multirange`.
    pub fn default_multirange(name: &ObjectName) -> ObjectName {
        let text = match name.name().split_once("range") {
            Some((before, after)) => format!("{before}multirange{after}"),
            None => format!("{}_multirange", prefix(name.name(), LONGEST_NAME - "_multirange".len())),
        };
        name.in_same_schema(&SqlName::truncated(&text))
    }
}

/// Evaluates an expression for every kind of type.
macro_rules! of_every_kind {
    ($type:expr, $kind:ident => $value:expr) => {
        match $type {
            UserType::Enum($kind) => $value,
            UserType::Domain($kind) => $value,
            UserType::Composite($kind) => $value,
            UserType::Range($kind) => $value,
        }
    };
}

impl UserType {
    pub fn comment(&self) -> Option<&Text> {
        of_every_kind!(self, kind => kind.comment.as_ref())
    }

    pub fn comment_mut(&mut self) -> &mut Option<Text> {
        of_every_kind!(self, kind => &mut kind.comment)
    }

    pub fn rights(&self) -> Rights<'_, TypePrivilege> {
        of_every_kind!(self, kind => Rights::new(&kind.grants, &kind.grant_options))
    }

    pub fn rights_mut(&mut self) -> (&mut Grants<TypePrivilege>, &mut Grants<TypePrivilege>) {
        of_every_kind!(self, kind => (&mut kind.grants, &mut kind.grant_options))
    }

    /// Returns whether only the owner and the roles of the grants may use the type.
    pub fn is_private(&self) -> bool {
        of_every_kind!(self, kind => kind.private)
    }

    pub fn set_private(&mut self, private: bool) {
        of_every_kind!(self, kind => kind.private = private);
    }

    /// Returns the grants and, unless the type is private, the right to use it that everyone has by default.
    pub fn effective_grants(&self) -> Grants<TypePrivilege> {
        let mut grants = self.rights().grants.clone();
        if !self.is_private() {
            grants.entry(SqlIdent::wrap(PUBLIC_ROLE.into())).or_default().insert(TypePrivilege::Usage);
        }
        grants
    }

    /// Returns the old name of a renamed type; `None` for every range, since the server cannot rename all of its parts.
    pub fn renamed_from(&self) -> Option<&SqlName> {
        match self {
            UserType::Enum(kind) => kind.renamed_from.as_ref(),
            UserType::Domain(kind) => kind.renamed_from.as_ref(),
            UserType::Composite(kind) => kind.renamed_from.as_ref(),
            UserType::Range(_) => None,
        }
    }
}

impl Schema {
    /// Returns the base type of a domain; any other type is returned unchanged.
    pub fn without_domains<'a>(&'a self, kind: &'a TypeName) -> &'a TypeName {
        let mut kind = kind;
        // The number of steps is limited, since a wrong definition can have a domain that is based on itself.
        for _ in 0..self.types.len() {
            match kind.object().and_then(|object| self.types.get(&object)) {
                Some(UserType::Domain(domain)) if !kind.is_array() => kind = &domain.base,
                _ => break,
            }
        }
        kind
    }

    /// Returns whether the definition declares a type with this name: in `types`, or as the multirange of a range.
    pub fn has_type(&self, name: &ObjectName) -> bool {
        self.types.contains_key(name) || self.multiranges().any(|(_, multirange)| multirange == *name)
    }

    /// Returns the declared ranges with the names of their multiranges.
    pub fn multiranges(&self) -> impl Iterator<Item = (&ObjectName, ObjectName)> {
        self.types.iter().filter_map(|(name, kind)| match kind {
            UserType::Range(range) => Some((name, range.multirange_name(name))),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multirange_has_the_name_that_the_server_gives_it() {
        let long = "a".repeat(60);
        for (range, expected) in [
            ("float_range", "float_multirange".to_owned()),
            ("span", "span_multirange".to_owned()),
            ("x.rangerange", "x.multirangerange".to_owned()),
            (&format!("{long}rng"), format!("{}_multirange", &long[..52])),
            (&format!("{}range", &long[..58]), format!("{}multi", &long[..58])),
        ] {
            assert_eq!(RangeType::default_multirange(&ObjectName::new(range).unwrap()).as_str(), expected);
        }
    }
}
