//! The columns and expressions that decide the partition of a row.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use super::*;
use crate::values::checked::check_text;

/// A part of the key of a partitioned table: the name of a column alone, or a record with a column or an expression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "PartitionKeyForm")]
pub struct PartitionKey {
    pub column: Option<SqlName>,
    pub expression: Option<Expression>,
    /// Operator class, such as `text_pattern_ops`, with the schema unless that is `public` or `pg_catalog`.
    pub opclass: Option<ObjectName>,
    /// Collation, if it is not that of the column.
    pub collation: Option<Collation>,
}

impl From<SqlName> for PartitionKey {
    fn from(column: SqlName) -> Self {
        PartitionKey { column: Some(column), ..PartitionKey::default() }
    }
}

impl JsonSchema for PartitionKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        PartitionKeyForm::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        PartitionKeyForm::json_schema(generator)
    }
}

/// A part of the key of a partitioned table: the name of a column, or a record.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "PartitionKey")]
enum PartitionKeyForm {
    Column(SqlName),
    Detailed(DetailedKey),
}

/// A column or an expression; exactly one of the two.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DetailedKey {
    #[serde(default, skip_serializing_if = "is_default")]
    column: Option<SqlName>,
    #[serde(default, skip_serializing_if = "is_default")]
    expression: Option<Expression>,
    /// Operator class, such as `text_pattern_ops`, with the schema unless that is `public` or `pg_catalog`.
    #[serde(default, skip_serializing_if = "is_default")]
    opclass: Option<ObjectName>,
    /// Collation, if it is not that of the column.
    #[serde(default, skip_serializing_if = "is_default")]
    collation: Option<Collation>,
}

impl From<PartitionKey> for PartitionKeyForm {
    fn from(key: PartitionKey) -> Self {
        match key {
            PartitionKey { column: Some(column), expression: None, opclass: None, collation: None } => {
                PartitionKeyForm::Column(column)
            }
            PartitionKey { column, expression, opclass, collation } => {
                PartitionKeyForm::Detailed(DetailedKey { column, expression, opclass, collation })
            }
        }
    }
}

impl<'de> Deserialize<'de> for PartitionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrRecord;
        impl<'de> serde::de::Visitor<'de> for NameOrRecord {
            type Value = PartitionKey;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("the name of a column, or a record with `expression`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PartitionKey, E> {
                check_text::<SqlName>(text.to_owned()).map(PartitionKey::from).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<PartitionKey, A::Error> {
                let DetailedKey { column, expression, opclass, collation } =
                    DetailedKey::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PartitionKey { column, expression, opclass, collation })
            }
        }
        deserializer.deserialize_any(NameOrRecord)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_column_is_its_name() {
        for value in [json!("day"), json!({ "expression": "lower(a)", "opclass": "text_pattern_ops" })] {
            let key: PartitionKey = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&key).unwrap(), value);
        }
        let record = json!({ "column": "day" });
        let key: PartitionKey = serde_json::from_value(record).unwrap();
        assert_eq!(serde_json::to_value(&key).unwrap(), json!("day"));
        assert!(serde_json::from_value::<PartitionKey>(json!({ "columns": "day" })).is_err());
    }
}
