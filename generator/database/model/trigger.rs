//! Triggers of tables and views.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// Calls a function when rows change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    #[serde(default, skip_serializing_if = "is_default")]
    pub timing: Timing,
    pub events: BTreeSet<Event>,
    /// Only updates of these columns.
    #[serde(default, skip_serializing_if = "is_default")]
    pub update_of: Vec<SqlName>,
    /// Runs once per statement instead of once per row.
    #[serde(default, rename = "statement", skip_serializing_if = "is_default")]
    pub for_each_statement: bool,
    #[serde(default, rename = "when", skip_serializing_if = "is_default")]
    pub condition: Option<Expression>,
    pub function: ObjectName,
    /// Texts that the function finds in `TG_ARGV`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arguments: Vec<Text>,
    /// Name by which the function reads the old versions of all changed rows (`REFERENCING OLD TABLE`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub old_table: Option<SqlName>,
    /// Name by which the function reads the new versions of all changed rows (`REFERENCING NEW TABLE`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub new_table: Option<SqlName>,
    /// Makes it a constraint trigger, whose time of execution a transaction can change.
    #[serde(default, skip_serializing_if = "is_default")]
    pub constraint: bool,
    /// Only for a constraint trigger.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferrable: Deferrable,
    #[serde(default, skip_serializing_if = "is_default")]
    pub enabled: TriggerState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

/// The sessions in which a trigger runs, by their `session_replication_role`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerState {
    /// In all sessions except those that replicate.
    #[default]
    Origin,
    /// In no session.
    Disabled,
    /// Only in sessions that replicate.
    Replica,
    Always,
}

impl TriggerState {
    /// Returns the words before TRIGGER in ALTER TABLE.
    pub fn sql(self) -> &'static str {
        match self {
            TriggerState::Origin => "ENABLE",
            TriggerState::Disabled => "DISABLE",
            TriggerState::Replica => "ENABLE REPLICA",
            TriggerState::Always => "ENABLE ALWAYS",
        }
    }
}

/// The time at which a trigger runs, relative to the change of the row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Timing {
    #[default]
    Before,
    After,
    /// Instead of the change; for views only.
    #[serde(rename = "instead_of")]
    InsteadOf,
}

impl Timing {
    pub fn sql(self) -> &'static str {
        match self {
            Timing::Before => "BEFORE",
            Timing::After => "AFTER",
            Timing::InsteadOf => "INSTEAD OF",
        }
    }
}

/// An event that runs a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    Insert,
    Update,
    Delete,
    Truncate,
}

impl Event {
    pub fn sql(self) -> &'static str {
        match self {
            Event::Insert => "INSERT",
            Event::Update => "UPDATE",
            Event::Delete => "DELETE",
            Event::Truncate => "TRUNCATE",
        }
    }
}

/// Trigger functions that every server has, in the schema `pg_catalog`.
const TRIGGER_FUNCTIONS_OF_SERVER: [&str; 3] =
    ["suppress_redundant_updates_trigger", "tsvector_update_trigger", "tsvector_update_trigger_column"];

/// Trigger functions of extensions, each with its extension.
const TRIGGER_FUNCTIONS_OF_EXTENSIONS: [(&str, &str); 7] = [
    ("autoinc", "autoinc"),
    ("check_foreign_key", "refint"),
    ("check_primary_key", "refint"),
    ("insert_username", "insert_username"),
    ("lo_manage", "lo"),
    ("moddatetime", "moddatetime"),
    ("triggered_change_notification", "tcn"),
];

/// Returns whether a name is that of a trigger function that every server has.
pub fn is_trigger_function_of_server(name: &ObjectName) -> bool {
    name.schema() == "pg_catalog" && TRIGGER_FUNCTIONS_OF_SERVER.contains(&name.name())
}

/// Returns the extension that has a trigger function of this name; `None` if no known extension has one. The schema of
/// the function is that of the extension.
pub fn extension_of_trigger_function(name: &str) -> Option<&'static str> {
    TRIGGER_FUNCTIONS_OF_EXTENSIONS.iter().find(|(function, _)| *function == name).map(|(_, extension)| *extension)
}
