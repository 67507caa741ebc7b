//! Constraints of a table.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use super::*;
use crate::values::checked::check_text;

/// The time at which a constraint is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deferrable {
    #[default]
    No,
    /// Checked after each statement; a transaction can defer the check to its end with SET CONSTRAINTS.
    Immediate,
    /// Checked at the end of the transaction.
    Deferred,
}

/// Columns whose values differ in every two rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unique {
    pub columns: Vec<SqlName>,
    /// Additional columns that the index contains.
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<SqlName>,
    /// Treats NULLs as equal to each other.
    #[serde(skip_serializing_if = "is_default")]
    pub nulls_not_distinct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
    /// Storage parameters of the index, such as `fillfactor`.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: StorageParameters,
}

impl Unique {
    /// Returns whether this constraint can become `other` in place: the two are equal or, unless the table is
    /// partitioned, differ only in storage parameters.
    pub fn is_same_key(&self, other: &Unique, is_partitioned: bool) -> bool {
        self == other || (!is_partitioned && *self == Unique { storage: self.storage.clone(), ..other.clone() })
    }

    /// Returns the columns and options of this constraint, without its storage parameters.
    pub fn without_storage(&self) -> Unique {
        Unique { storage: StorageParameters::new(), ..self.clone() }
    }
}

/// Columns whose values must exist in another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    pub columns: Vec<SqlName>,
    pub references: Target,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete: Action,
    /// Columns that `on_delete` sets to NULL or to their default; all columns of the key by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete_columns: Vec<SqlName>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_update: Action,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
    /// Refuses rows in which only some of the columns are NULL (`MATCH FULL`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub match_full: bool,
    /// Rows that were stored before the constraint may violate it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_valid: bool,
}

impl ForeignKey {
    /// Returns whether this constraint is NOT VALID, and `new` is the same constraint without NOT VALID.
    pub fn differs_only_in_validity(&self, new: &ForeignKey) -> bool {
        self.not_valid && *new == ForeignKey { not_valid: false, ..self.clone() }
    }
}

/// Table and columns to which a foreign key refers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub table: ObjectName,
    pub columns: Vec<SqlName>,
}

/// The change of a row when the row to which it refers is deleted or gets a different key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Action {
    /// Returns the words after ON DELETE and ON UPDATE.
    pub fn sql(self) -> &'static str {
        match self {
            Action::NoAction => "NO ACTION",
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        }
    }
}

/// A condition that every row must meet: the condition alone, or a record with further properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "CheckForm")]
pub struct CheckConstraint {
    pub expression: Expression,
    pub not_valid: bool,
    pub no_inherit: bool,
}

impl CheckConstraint {
    /// Returns the SQL of the condition.
    pub fn as_str(&self) -> &str {
        self.expression.as_str()
    }

    /// Returns whether this constraint is NOT VALID, and `new` is the same constraint without NOT VALID.
    pub fn differs_only_in_validity(&self, new: &CheckConstraint) -> bool {
        self.not_valid && *new == CheckConstraint { not_valid: false, ..self.clone() }
    }
}

impl JsonSchema for CheckConstraint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        CheckForm::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        CheckForm::json_schema(generator)
    }
}

impl From<Expression> for CheckConstraint {
    fn from(expression: Expression) -> Self {
        CheckConstraint { expression, not_valid: false, no_inherit: false }
    }
}

/// A condition that every row must meet: SQL, or a record with `expression`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Check")]
enum CheckForm {
    Expression(Expression),
    Detailed(DetailedCheck),
}

/// A check with further properties.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DetailedCheck {
    expression: Expression,
    /// Rows that were stored before the constraint may violate it.
    #[serde(default, skip_serializing_if = "is_default")]
    not_valid: bool,
    /// Tables that inherit from this one do not get the constraint.
    #[serde(default, skip_serializing_if = "is_default")]
    no_inherit: bool,
}

impl From<CheckConstraint> for CheckForm {
    fn from(check: CheckConstraint) -> Self {
        let CheckConstraint { expression, not_valid, no_inherit } = check;
        match not_valid || no_inherit {
            false => CheckForm::Expression(expression),
            true => CheckForm::Detailed(DetailedCheck { expression, not_valid, no_inherit }),
        }
    }
}

impl<'de> Deserialize<'de> for CheckConstraint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrRecord;
        impl<'de> serde::de::Visitor<'de> for TextOrRecord {
            type Value = CheckConstraint;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a condition, or a record with `expression`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<CheckConstraint, E> {
                check_text::<Expression>(text.to_owned()).map(CheckConstraint::from).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<CheckConstraint, A::Error> {
                let DetailedCheck { expression, not_valid, no_inherit } =
                    DetailedCheck::deserialize(MapAccessDeserializer::new(map))?;
                Ok(CheckConstraint { expression, not_valid, no_inherit })
            }
        }
        deserializer.deserialize_any(TextOrRecord)
    }
}

/// Refuses two rows for which all operators are true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    pub using: Method,
    pub elements: Vec<ExcludeElement>,
    #[serde(default, rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
    /// Storage parameters of the index, such as `fillfactor`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub storage: StorageParameters,
}

/// An expression and the operator that compares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludeElement {
    pub expression: Expression,
    pub with: Operator,
}
