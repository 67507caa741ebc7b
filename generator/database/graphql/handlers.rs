//! Types of Hasura's metadata for calls to services: actions, event triggers, cron triggers and remote schemas. They are
//! serialized to Hasura's files, so the names of the fields are those of Hasura.

use serde::Serialize;

use crate::database::model::SqlName;
use crate::values::{ApiRole, GraphqlName, HeaderName, Schedule, ServiceName, Text, VariableName};

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    pub name: HeaderName,
    #[serde(flatten)]
    pub value: HeaderValue,
}

/// The value of a header: a text, or the name of Hasura's environment variable that contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum HeaderValue {
    #[serde(rename = "value")]
    Text(Text),
    #[serde(rename = "value_from_env")]
    Variable(VariableName),
}

/// A role that may use an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllowedRole {
    pub role: ApiRole,
}

/// An action without its arguments and its result, which are in `actions.graphql`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionMetadata {
    pub name: GraphqlName,
    pub definition: ActionDefinition,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<AllowedRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
}

/// The request by which Hasura calls the service of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionDefinition {
    /// `synchronous` or `asynchronous`; absent for queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// URL of the service.
    pub handler: String,
    /// Whether the service also gets the headers of the client's request.
    pub forward_client_headers: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// In seconds.
    pub timeout: u64,
}

/// An event trigger of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventTrigger {
    pub name: GraphqlName,
    pub definition: EventDefinition,
    /// URL of the service.
    pub webhook: String,
    pub retry_conf: EventRetries,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
}

/// The operations on rows that cause an event. An absent operation causes none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventDefinition {
    /// Whether a user of Hasura's console can also cause the event.
    pub enable_manual: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insert: Option<EventColumns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<EventColumns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<EventColumns>,
}

/// The columns of which one must change to cause an event. Inserts and deletes always have all columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventColumns {
    pub columns: Columns,
}

/// Some columns of a table, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Columns {
    /// All columns; the text is always `*`.
    All(&'static str),
    Some(Vec<SqlName>),
}

/// How often Hasura repeats a failed call of an event trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRetries {
    pub num_retries: u16,
    /// Time between two calls, in seconds.
    pub interval_sec: u64,
    /// Maximum duration of one call, in seconds.
    pub timeout_sec: u64,
}

/// A call of a service at the times of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CronTrigger {
    pub name: GraphqlName,
    /// URL of the service.
    pub webhook: String,
    pub schedule: Schedule,
    pub include_in_metadata: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<serde_json::Value>,
    pub retry_conf: CronRetries,
    pub headers: Vec<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
}

/// How often Hasura repeats a failed call of a cron trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CronRetries {
    pub num_retries: u16,
    pub retry_interval_seconds: u64,
    pub timeout_seconds: u64,
}

/// A service with a GraphQL API that Hasura adds to its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSchemaMetadata {
    /// Name of the service.
    pub name: ServiceName,
    pub definition: RemoteSchemaDefinition,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<RemotePermission>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSchemaDefinition {
    pub url: String,
    pub timeout_seconds: u64,
    pub forward_client_headers: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customization: Option<Customization>,
}

/// Changes of a remote schema's names, so that they differ from the other names in Hasura's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customization {
    /// The field of Hasura's API that contains the fields of the remote schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_fields_namespace: Option<GraphqlName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_names: Option<TypeNames>,
}

/// The prefix of all type names of a remote schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeNames {
    pub prefix: GraphqlName,
}

/// The part of a remote schema that a role may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemotePermission {
    pub role: ApiRole,
    pub definition: RoleSchema,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleSchema {
    /// Text in GraphQL's schema language.
    pub schema: Text,
}
