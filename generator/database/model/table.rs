//! Tables and their columns.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::codes::Code;
use crate::values::ApiRole;
use crate::values::checked::{Checked, checked};

/// A table. Constraints and indexes are named here, because names that the server chooses cannot be known beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    pub columns: BTreeMap<SqlName, Column>,
    /// Names of columns; the constraint is called `<table>_pkey` unless `primary_key_name` is given.
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key: Vec<SqlName>,
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key_name: Option<SqlName>,
    /// Additional columns that the index of the primary key contains.
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key_include: Vec<SqlName>,
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key_deferrable: Deferrable,
    /// Storage parameters of the index of the primary key, such as `fillfactor`.
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key_storage: StorageParameters,
    #[serde(skip_serializing_if = "is_default")]
    pub uniques: BTreeMap<SqlName, Unique>,
    #[serde(skip_serializing_if = "is_default")]
    pub foreign_keys: BTreeMap<SqlName, ForeignKey>,
    /// Conditions that every row must meet.
    #[serde(skip_serializing_if = "is_default")]
    pub checks: BTreeMap<SqlName, CheckConstraint>,
    #[serde(skip_serializing_if = "is_default")]
    pub excludes: BTreeMap<SqlName, Exclude>,
    #[serde(skip_serializing_if = "is_default")]
    pub indexes: BTreeMap<SqlName, Index>,
    #[serde(skip_serializing_if = "is_default")]
    pub triggers: BTreeMap<SqlName, Trigger>,
    /// `'forced` also binds the table's owner.
    #[serde(skip_serializing_if = "is_default")]
    pub row_security: RowSecurity,
    /// What logical replication sends of the old version of a changed row.
    #[serde(skip_serializing_if = "is_default")]
    pub replica_identity: ReplicaIdentity,
    #[serde(skip_serializing_if = "is_default")]
    pub policies: BTreeMap<SqlName, Policy>,
    #[serde(skip_serializing_if = "is_default")]
    pub partition_by: Option<PartitionBy>,
    /// Makes the table a partition of another. It has the columns of that table; `columns` lists only those whose
    /// default or nullability differs, or that have a comment, statistics or grants.
    #[serde(skip_serializing_if = "is_default")]
    pub partition_of: Option<PartitionOf>,
    /// Plain partitions, which have nothing but a bound, by name; a partition with further properties is a table with
    /// `partition_of`. Empty unless `partition_by` is given.
    #[serde(skip_serializing_if = "is_default")]
    pub partitions: BTreeMap<SqlName, Bound>,
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<TablePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(skip_serializing_if = "is_default")]
    pub grant_options: Grants<TablePrivilege>,
    /// Leaves the table out of the write-ahead log: faster, but empty after a crash.
    #[serde(skip_serializing_if = "is_default")]
    pub unlogged: bool,
    /// Storage parameters, such as `fillfactor` and `autovacuum_enabled`.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: StorageParameters,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Comments of constraints, by the names of the constraints.
    #[serde(skip_serializing_if = "is_default")]
    pub constraint_comments: BTreeMap<SqlName, Text>,
    /// Whose rows the table holds, such as those of tenants; required if the database has a `convention`.
    #[serde(skip_serializing_if = "is_default")]
    pub scope: Option<Scope>,
    /// Permissions of the roles of the GraphQL API, if an API serves the database.
    #[serde(skip_serializing)]
    pub api: BTreeMap<ApiRole, Api>,
    /// The old name, with its schema if the table moves to a different one. A name without a schema is one of the same
    /// schema or of `public`.
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlName>,
}

impl Table {
    /// Returns the columns in the order in which CREATE TABLE lists them: those of the primary key come first, as people
    /// expect. On a server where columns were added later, the order differs.
    pub fn columns_in_order(&self) -> impl Iterator<Item = (&SqlName, &Column)> {
        let key_columns = self.primary_key.iter().filter_map(|name| self.columns.get_key_value(name));
        key_columns.chain(self.columns.iter().filter(|(name, _)| !self.primary_key.contains(name)))
    }

    /// Returns the constraint triggers. They share their names with the constraints of the table.
    pub fn constraint_triggers(&self) -> impl Iterator<Item = &SqlName> {
        self.triggers.iter().filter(|(_, trigger)| trigger.constraint).map(|(name, _)| name)
    }

    /// Returns whether a constraint other than the primary key has this name.
    pub fn has_constraint(&self, name: &SqlName) -> bool {
        self.uniques.contains_key(name)
            || self.foreign_keys.contains_key(name)
            || self.checks.contains_key(name)
            || self.excludes.contains_key(name)
    }

    /// Returns whether the server checks a constraint of the table, or runs a trigger, only at the end of a transaction.
    pub fn has_deferred_constraint(&self) -> bool {
        let uniques = self.uniques.values().map(|unique| unique.deferrable);
        let foreign_keys = self.foreign_keys.values().map(|key| key.deferrable);
        let excludes = self.excludes.values().map(|exclude| exclude.deferrable);
        let triggers = self.triggers.values().map(|trigger| trigger.deferrable);
        let mut all = uniques.chain(foreign_keys).chain(excludes).chain(triggers).chain([self.primary_key_deferrable]);
        all.any(|deferrable| deferrable == Deferrable::Deferred)
    }

    /// Returns whether a unique constraint has the columns and options of the primary key, or of an earlier unique
    /// constraint. For two such keys in CREATE TABLE, PostgreSQL creates only one constraint.
    pub fn is_repeated_key(&self, name: &SqlName) -> bool {
        self.uniques.get(name).is_some_and(|unique| self.repeats_primary_key(unique))
            || self.earlier_equal_unique(name).is_some()
    }

    /// Returns whether a unique constraint has the columns and options of the primary key.
    pub fn repeats_primary_key(&self, unique: &Unique) -> bool {
        let primary_key_as_unique = Unique {
            columns: self.primary_key.clone(),
            include: self.primary_key_include.clone(),
            deferrable: self.primary_key_deferrable,
            ..Unique::default()
        };
        unique.without_storage() == primary_key_as_unique
    }

    /// Returns the name of the first unique constraint before this one, in the order of their names, that has the same
    /// columns and options.
    pub fn earlier_equal_unique(&self, name: &SqlName) -> Option<&SqlName> {
        let unique = self.uniques.get(name)?.without_storage();
        let mut earlier = self.uniques.iter().take_while(|(other, _)| *other != name);
        earlier.find(|(_, other)| other.without_storage() == unique).map(|(other, _)| other)
    }

    /// Removes the primary key with its options, and returns its columns.
    pub fn take_primary_key(&mut self) -> Vec<SqlName> {
        self.primary_key_name = None;
        self.primary_key_include.clear();
        self.primary_key_deferrable = Deferrable::No;
        self.primary_key_storage.clear();
        std::mem::take(&mut self.primary_key)
    }

    /// Returns whether another table has the same primary key; neither its name nor its storage parameters count.
    pub fn has_primary_key_of(&self, other: &Table) -> bool {
        self.primary_key == other.primary_key
            && self.primary_key_include == other.primary_key_include
            && self.primary_key_deferrable == other.primary_key_deferrable
    }
}

/// What logical replication sends of the old version of a row that is changed or deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplicaIdentity {
    /// The primary key.
    #[default]
    Default,
    /// All columns.
    Full,
    Nothing,
    /// The columns of this unique index or constraint; they must be NOT NULL.
    Index(SqlName),
}

/// A column; NOT NULL unless `nullable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    #[serde(rename = "type")]
    pub kind: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub nullable: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Expression>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity: Option<Identity>,
    /// Options of the sequence that numbers the rows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity_options: IdentityOptions,
    /// Privileges on the sequence that numbers the rows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity_grants: Grants<SequencePrivilege>,
    /// Privileges in `identity_grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity_grant_options: Grants<SequencePrivilege>,
    /// Computed from other columns of the row, and stored unless the column is `virtual`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generated: Option<Expression>,
    /// Whether a generated column is computed when it is read; needs PostgreSQL 18.
    #[serde(default, rename = "virtual", skip_serializing_if = "is_default")]
    pub is_virtual: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    /// How precise the statistics of the column are, 0 to 10000; the server's default unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub statistics: Option<u16>,
    /// Estimates that replace those of the statistics, such as `n_distinct`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: StorageParameters,
    /// Where the server keeps long values; the default of the type unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub storage: Option<ColumnStorage>,
    /// How the server compresses long values; the server's default unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub compression: Option<ColumnCompression>,
    /// Privileges on this column alone, beside those on the table.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Grants<ColumnPrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grant_options: Grants<ColumnPrivilege>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(default, skip_serializing)]
    pub renamed_from: Option<SqlName>,
    /// Value for existing rows when the column is added or becomes NOT NULL.
    #[serde(default, skip_serializing)]
    pub backfill: Option<Expression>,
    /// Expression that converts old values when the type changes.
    #[serde(default, skip_serializing)]
    pub using: Option<Expression>,
}

impl Column {
    /// Returns a column of a type that is NOT NULL and has no other property.
    pub fn of_type(kind: TypeName) -> Column {
        Column {
            kind,
            nullable: false,
            default: None,
            identity: None,
            identity_options: IdentityOptions::default(),
            identity_grants: Grants::new(),
            identity_grant_options: Grants::new(),
            generated: None,
            is_virtual: false,
            collation: None,
            statistics: None,
            options: StorageParameters::new(),
            storage: None,
            compression: None,
            grants: Grants::new(),
            grant_options: Grants::new(),
            comment: None,
            renamed_from: None,
            backfill: None,
            using: None,
        }
    }

    /// Returns the privileges on the sequence that numbers the rows.
    pub fn identity_rights(&self) -> Rights<'_, SequencePrivilege> {
        Rights::new(&self.identity_grants, &self.identity_grant_options)
    }

    /// Returns whether another column has the same type and collation.
    pub fn has_type_of(&self, other: &Column) -> bool {
        self.kind == other.kind && self.collation == other.collation
    }

    /// Returns the column with the default storage and compression, which it has after a change of its type.
    #[must_use]
    pub fn with_default_storage(&self) -> Column {
        Column { storage: None, compression: None, ..self.clone() }
    }

    /// Returns the copy of the column that `LIKE` in CREATE TABLE makes. `includes` returns whether a property is
    /// copied: it gets `defaults` for `INCLUDING DEFAULTS`.
    #[must_use]
    pub fn as_copied(&self, includes: impl Fn(&str) -> bool) -> Column {
        let mut copy =
            Column { nullable: self.nullable, collation: self.collation.clone(), ..Column::of_type(self.kind.clone()) };
        if includes("defaults") {
            copy.default.clone_from(&self.default);
        }
        if includes("identity") {
            (copy.identity, copy.identity_options) = (self.identity, self.identity_options);
        }
        if includes("generated") {
            copy.generated.clone_from(&self.generated);
            copy.is_virtual = self.is_virtual;
        }
        if includes("storage") {
            copy.storage = self.storage;
        }
        if includes("compression") {
            copy.compression = self.compression;
        }
        if includes("comments") {
            copy.comment.clone_from(&self.comment);
        }
        copy
    }

    /// Returns the column as the server creates it in a plain partition: without identity, statistics, storage, grants
    /// and comment.
    #[must_use]
    pub fn as_in_partition(&self) -> Column {
        Column {
            nullable: self.nullable,
            default: self.default.clone(),
            generated: self.generated.clone(),
            is_virtual: self.is_virtual,
            collation: self.collation.clone(),
            ..Column::of_type(self.kind.clone())
        }
    }
}

/// When the server numbers the rows of an identity column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The server numbers every row; an INSERT with a number fails.
    Always,
    /// The server numbers a row unless the INSERT gives a number.
    ByDefault,
}

/// Options of an identity's sequence, with the defaults of a sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub start: Option<i64>,
    /// 1 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub increment: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub min: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub max: Option<i64>,
    /// 1 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub cycle: bool,
}

impl From<&Sequence> for IdentityOptions {
    fn from(sequence: &Sequence) -> Self {
        let Sequence { start, increment, min, max, cache, cycle, .. } = *sequence;
        IdentityOptions { start, increment, min, max, cache, cycle }
    }
}

impl From<IdentityOptions> for Sequence {
    fn from(options: IdentityOptions) -> Self {
        let IdentityOptions { start, increment, min, max, cache, cycle } = options;
        Sequence { start, increment, min, max, cache, cycle, ..Sequence::default() }
    }
}

checked! {
    /// A collation: `C`, `POSIX`, `ucs_basic`, one of the server's collations of ICU such as `de-x-icu`, or a collation
    /// of `objects`.
    Collation, expected: "a collation", example: "C",
    refusal: |t| if is_collation_of_server(t) { None } else { ObjectName::refusal(t) }, BadName
}

/// Returns whether every server has a collation, so that no definition declares it. All official images of PostgreSQL
/// have the collations of ICU.
fn is_collation_of_server(name: &str) -> bool {
    let is_of_icu = name.strip_suffix("-x-icu").is_some_and(|tag| {
        (2..=40).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    is_of_icu || ["C", "POSIX", "ucs_basic"].contains(&name)
}

impl Collation {
    /// Returns the collation of `objects`; `None` for a collation of the server.
    pub fn object(&self) -> Option<ObjectName> {
        (!is_collation_of_server(self.as_str())).then(|| ObjectName::wrap(self.as_str().to_owned()))
    }

    /// Returns the collation in SQL.
    pub fn sql(&self) -> String {
        self.object().map_or_else(|| quoted(self.as_str()), |object| object.sql())
    }
}
