//! Tables: columns, constraints, indexes, partitions, triggers, policies, grants.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// A table. Constraints and indexes have the names that stand here: names that the server makes up cannot be
/// known beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    pub columns: BTreeMap<SqlIdent, Column>,
    /// Names of columns; the constraint is called `<table>_pkey` unless `primary_key_name` is given.
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key: Vec<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub primary_key_name: Option<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub uniques: BTreeMap<SqlIdent, Unique>,
    #[serde(skip_serializing_if = "is_default")]
    pub foreign_keys: BTreeMap<SqlIdent, ForeignKey>,
    /// Conditions that every row meets.
    #[serde(skip_serializing_if = "is_default")]
    pub checks: BTreeMap<SqlIdent, Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub excludes: BTreeMap<SqlIdent, Exclude>,
    #[serde(skip_serializing_if = "is_default")]
    pub indexes: BTreeMap<SqlIdent, Index>,
    #[serde(skip_serializing_if = "is_default")]
    pub triggers: BTreeMap<SqlIdent, Trigger>,
    /// `'forced` also binds the table's owner.
    #[serde(skip_serializing_if = "is_default")]
    pub row_security: RowSecurity,
    #[serde(skip_serializing_if = "is_default")]
    pub policies: BTreeMap<SqlIdent, Policy>,
    #[serde(skip_serializing_if = "is_default")]
    pub partition_by: Option<PartitionBy>,
    /// Name to bound; empty unless `partition_by` is given.
    #[serde(skip_serializing_if = "is_default")]
    pub partitions: BTreeMap<SqlIdent, Bound>,
    #[serde(skip_serializing_if = "is_default")]
    pub grants: Grants<TablePrivilege>,
    /// Not in the write-ahead log: faster, empty after a crash.
    #[serde(skip_serializing_if = "is_default")]
    pub unlogged: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// To whom the rows belong; required in a database with a convention.
    #[serde(skip_serializing_if = "is_default")]
    pub scope: Option<Scope>,
    /// What roles of the GraphQL API may do, where the database is served as one.
    #[serde(skip_serializing)]
    pub api: BTreeMap<SqlIdent, Api>,
    #[serde(skip_serializing)]
    pub renamed_from: Option<SqlIdent>,
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
    /// Computed from other columns of the row, and stored.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generated: Option<Expression>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub collation: Option<Collation>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    #[serde(default, skip_serializing)]
    pub renamed_from: Option<SqlIdent>,
    /// What rows that exist get when the column comes to them, or loses its NULLs.
    #[serde(default, skip_serializing)]
    pub backfill: Option<Expression>,
    /// How old values become new ones when the type changes.
    #[serde(default, skip_serializing)]
    pub using: Option<Expression>,
}

/// Who numbers the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The server; an INSERT that says a number fails.
    Always,
    /// The server, unless the INSERT says a number.
    ByDefault,
}

/// A collation that every server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Collation {
    /// Bytes.
    C,
    #[serde(rename = "POSIX")]
    Posix,
    #[serde(rename = "ucs_basic")]
    UcsBasic,
}

impl Collation {
    pub fn sql(self) -> &'static str {
        match self {
            Collation::C => "\"C\"",
            Collation::Posix => "\"POSIX\"",
            Collation::UcsBasic => "\"ucs_basic\"",
        }
    }
}

/// When a constraint is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deferrable {
    #[default]
    No,
    /// At the end of a statement, or of the transaction if that asks for it.
    Immediate,
    /// At the end of the transaction.
    Deferred,
}

/// No two rows with the same values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unique {
    pub columns: Vec<SqlIdent>,
    /// Columns that the index holds besides.
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<SqlIdent>,
    /// NULLs are equal to each other.
    #[serde(skip_serializing_if = "is_default")]
    pub nulls_not_distinct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
}

/// Values that exist in another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    pub columns: Vec<SqlIdent>,
    pub references: Target,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_delete: Action,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_update: Action,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
}

/// A table and columns of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub table: ObjectName,
    pub columns: Vec<SqlIdent>,
}

/// What happens to rows whose target goes away.
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

/// No two rows for which all operators hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    pub using: Method,
    pub elements: Vec<ExcludeElement>,
    #[serde(default, rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
}

/// An expression and the operator that compares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludeElement {
    pub expression: Expression,
    pub with: Operator,
}

/// An index method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    Btree,
    Hash,
    Gin,
    Gist,
    Spgist,
    Brin,
    /// Of the extension vector.
    Hnsw,
    /// Of the extension vector.
    Ivfflat,
}

impl Method {
    pub fn sql(self) -> &'static str {
        match self {
            Method::Btree => "btree",
            Method::Hash => "hash",
            Method::Gin => "gin",
            Method::Gist => "gist",
            Method::Spgist => "spgist",
            Method::Brin => "brin",
            Method::Hnsw => "hnsw",
            Method::Ivfflat => "ivfflat",
        }
    }
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    pub columns: Vec<IndexColumn>,
    #[serde(skip_serializing_if = "is_default")]
    pub using: Method,
    #[serde(skip_serializing_if = "is_default")]
    pub unique: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub nulls_not_distinct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<SqlIdent>,
    /// Only rows that meet it.
    #[serde(rename = "where", skip_serializing_if = "is_default")]
    pub predicate: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

/// A column or an expression; exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IndexColumn {
    #[serde(skip_serializing_if = "is_default")]
    pub column: Option<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub expression: Option<Expression>,
    /// Operator class, such as `text_pattern_ops`.
    #[serde(skip_serializing_if = "is_default")]
    pub opclass: Option<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub descending: bool,
    /// NULLs first or last, when not as the order has it.
    #[serde(skip_serializing_if = "is_default")]
    pub nulls: Option<Nulls>,
}

/// Where NULLs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    First,
    Last,
}

/// Row-level security.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowSecurity {
    #[default]
    Off,
    On,
    Forced,
}

/// Which rows a role sees and may write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    #[serde(rename = "for", skip_serializing_if = "is_default")]
    pub command: Command,
    /// Restrictive policies all have to agree; of the others one is enough.
    #[serde(skip_serializing_if = "is_default")]
    pub restrictive: bool,
    /// Everyone when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub roles: BTreeSet<SqlIdent>,
    #[serde(skip_serializing_if = "is_default")]
    pub using: Option<Expression>,
    #[serde(skip_serializing_if = "is_default")]
    pub check: Option<Expression>,
}

/// What a policy is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    #[default]
    All,
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    pub fn sql(self) -> &'static str {
        match self {
            Command::All => "ALL",
            Command::Select => "SELECT",
            Command::Insert => "INSERT",
            Command::Update => "UPDATE",
            Command::Delete => "DELETE",
        }
    }
}

/// How a table is divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionBy {
    pub strategy: Strategy,
    pub columns: Vec<SqlIdent>,
}

/// By what a row's partition is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    Range,
    List,
    Hash,
}

/// Which rows a partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// From the first up to, not including, the second; one expression per column.
    Range {
        from: Vec<Expression>,
        to: Vec<Expression>,
    },
    In(Vec<Expression>),
    Hash {
        modulus: u32,
        remainder: u32,
    },
    /// Whatever no other partition holds.
    Default,
}
