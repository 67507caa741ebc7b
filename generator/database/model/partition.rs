//! Partitions of a table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// The division of a table into partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionBy {
    pub strategy: Strategy,
    /// Names of columns, or records with an expression.
    pub columns: Vec<PartitionKey>,
}

/// The rule that determines the partition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    Range,
    List,
    Hash,
}

/// The rows of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// From `from` up to, not including, `to`; one expression per column.
    Range {
        from: Vec<Expression>,
        to: Vec<Expression>,
    },
    /// The values of a list. `in` is a keyword of Nickel, so write `"in"` in quotes.
    In(Vec<Expression>),
    Hash {
        modulus: u32,
        remainder: u32,
    },
    /// Rows that belong to no other partition.
    Default,
}

/// The partitioned table of a partition, and the rows that the partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionOf {
    pub table: ObjectName,
    pub bound: Bound,
    /// Whether the partition comes from `partitions` of the partitioned table, instead of being declared as a table.
    #[serde(skip)]
    pub is_listed: bool,
}

impl Schema {
    /// Returns a table and, if it is a partition, its partitioned table, and so on upwards.
    pub fn table_and_ancestors(&self, name: &ObjectName) -> Vec<(&ObjectName, &Table)> {
        let parent = |(_, table): &(&ObjectName, &Table)| {
            table.partition_of.as_ref().and_then(|partition| self.tables.get_key_value(&partition.table))
        };
        // The limit ends the walk if tables are partitions of each other.
        iter::successors(self.tables.get_key_value(name), parent).take(self.tables.len() + 1).collect()
    }

    /// Returns the name of the table that lists a partition with this name in `partitions`.
    pub fn table_of_partition(&self, name: &ObjectName) -> Option<&ObjectName> {
        let lists_partition = |table: &ObjectName, definition: &Table| {
            table.schema() == name.schema()
                && definition.partitions.keys().any(|partition| partition.as_str() == name.name())
        };
        self.tables.iter().find(|(table, definition)| lists_partition(table, definition)).map(|(table, _)| table)
    }

    /// Returns all columns of a table. A partition has the columns of its table, except those that it declares itself.
    pub fn columns_of(&self, name: &ObjectName) -> BTreeMap<SqlName, Column> {
        let mut columns: BTreeMap<SqlName, Column> = BTreeMap::new();
        for (_, table) in self.table_and_ancestors(name).into_iter().rev() {
            // At this point, `columns` holds those of the partitioned table.
            columns.values_mut().for_each(|column| *column = column.as_in_partition());
            columns.extend(table.columns.clone());
        }
        columns
    }

    /// Returns the tables that are not partitions. An API serves only these tables, because a query of the partitioned
    /// table also reads the rows of its partitions.
    pub fn tables_without_partitions(&self) -> impl Iterator<Item = (&ObjectName, &Table)> {
        self.tables.iter().filter(|(_, table)| table.partition_of.is_none())
    }

    /// Returns the schema in a form in which every partition is in `tables`, with all its columns.
    pub fn with_partitions_as_tables(&self) -> Cow<'_, Schema> {
        if !self.tables.values().any(|table| table.partition_by.is_some()) {
            return Cow::Borrowed(self);
        }
        let mut schema = self.clone();
        for (name, table) in &self.tables {
            for (partition_name, bound) in &table.partitions {
                let partition = PartitionOf { table: name.clone(), bound: bound.clone(), is_listed: true };
                // Without the row security of its table, a query of the partition itself would bypass the policies of
                // the table.
                let listed_partition = Table {
                    partition_of: Some(partition),
                    row_security: table.row_security,
                    grants: self.default_table_grants(name.schema()),
                    ..Table::default()
                };
                schema.tables.insert(name.in_same_schema(partition_name), listed_partition);
            }
        }
        schema.tables.values_mut().for_each(|table| table.partitions.clear());
        let partitions = schema.tables.iter().filter(|(_, table)| table.partition_of.is_some());
        let columns: Vec<_> = partitions.map(|(name, _)| (name.clone(), schema.columns_of(name))).collect();
        for (name, columns) in columns {
            if let Some(table) = schema.tables.get_mut(&name) {
                table.columns = columns;
            }
        }
        Cow::Owned(schema)
    }
}

impl PartitionBy {
    /// Returns the expressions of the key.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.columns.iter().filter_map(|key| key.expression.as_ref())
    }

    /// Returns whether a bound fits the columns and the strategy.
    pub fn fits(&self, bound: &Bound) -> bool {
        match (self.strategy, bound) {
            (Strategy::Range, Bound::Range { from, to }) => {
                from.len() == self.columns.len() && to.len() == self.columns.len()
            }
            (Strategy::List, Bound::In(values)) => !values.is_empty(),
            // The server reads a whole number of 32 bits.
            (Strategy::Hash, Bound::Hash { modulus, remainder }) => {
                remainder < modulus && i32::try_from(*modulus).is_ok()
            }
            (Strategy::Range | Strategy::List, Bound::Default) => true,
            _ => false,
        }
    }
}
