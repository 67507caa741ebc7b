//! Requests of Hasura that a service answers: actions, event triggers, cron triggers and a remote schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueOrSecret;
use crate::database::model::ObjectName;
use crate::values::{
    ApiRole, Checked, Duration, GraphqlName, GraphqlType, HeaderName, PortName, Schedule, ServiceName, SqlIdent, Text,
    UrlPath,
};

/// Requests of Hasura that the service answers. They are sent inside of the stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Handlers {
    /// The Hasura service that sends the requests; `hasura` by default.
    pub server: Option<ServiceName>,
    /// Fields of the GraphQL API that the service computes.
    pub actions: BTreeMap<GraphqlName, ActionHandler>,
    /// Types of the actions' arguments and results.
    pub types: BTreeMap<GraphqlName, ActionType>,
    /// Notifications about changed rows.
    pub events: BTreeMap<GraphqlName, EventHandler>,
    /// Calls at fixed times.
    pub crons: BTreeMap<GraphqlName, CronHandler>,
    /// A GraphQL API of the service that becomes part of Hasura's.
    pub remote_schema: Option<RemoteSchema>,
}

/// A field of the GraphQL API that the service computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionHandler {
    #[serde(default)]
    pub kind: ActionKind,
    #[serde(default)]
    pub arguments: BTreeMap<GraphqlName, GraphqlType>,
    /// An object type of `types`, or a list of one.
    pub returns: GraphqlType,
    /// Roles that may use the action, besides the administrator.
    #[serde(default)]
    pub roles: Vec<ApiRole>,
    /// The request; the path is `/actions/<name>` and the timeout 30s by default.
    #[serde(default)]
    pub call: Call,
    /// Whether the request includes the headers of the client.
    #[serde(default)]
    pub forward_client_headers: bool,
    #[serde(default)]
    pub comment: Option<Text>,
}

/// The kind of field with which the GraphQL API offers an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    Query,
    #[default]
    Mutation,
    /// A mutation that returns an id at once. Clients fetch the result later with this id.
    Asynchronous,
}

/// A type of the actions. Exactly one of the fields is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionType {
    /// An object of a result: its fields with their types.
    Object(BTreeMap<GraphqlName, GraphqlType>),
    /// An object of arguments: its fields with their types.
    Input(BTreeMap<GraphqlName, GraphqlType>),
    /// The values of an enumeration.
    Enum(Vec<GraphqlName>),
    /// A scalar, with its description.
    Scalar(Text),
}

/// An event trigger: a request for each changed row, repeated until the service accepts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventHandler {
    /// A database that the stack defines. Only required if the Hasura service serves several.
    #[serde(default)]
    pub database: Option<SqlIdent>,
    pub table: ObjectName,
    /// Operations that trigger the request.
    pub on: Vec<EventOperation>,
    /// Columns whose changes trigger the request on update; all by default.
    #[serde(default)]
    pub columns: Vec<SqlIdent>,
    /// The request; the path is `/events/<name>` and the timeout 60s by default.
    #[serde(default)]
    pub call: Call,
    #[serde(default)]
    pub retry: Retry,
}

/// An operation on rows, or a manual start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventOperation {
    Insert,
    Update,
    Delete,
    /// Started by hand in the console.
    Manual,
}

/// A cron trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronHandler {
    /// Times in UTC.
    pub schedule: Schedule,
    /// JSON in the body of the request.
    #[serde(default)]
    pub payload: Option<serde_json::Value>,
    /// The request; the path is `/crons/<name>` and the timeout 60s by default.
    #[serde(default)]
    pub call: Call,
    #[serde(default)]
    pub retry: Retry,
    #[serde(default)]
    pub comment: Option<Text>,
}

/// A GraphQL API of the service that becomes part of Hasura's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteSchema {
    /// The request; the path is `/graphql` and the timeout 60s by default.
    pub call: Call,
    /// Whether the request includes the headers of the client.
    pub forward_client_headers: bool,
    /// Field of Hasura's API that contains this API; the root by default.
    pub namespace: Option<GraphqlName>,
    /// Prefix of the names of its types in Hasura's API.
    pub type_prefix: Option<GraphqlName>,
    /// The part of the schema that each role may use, in GraphQL's schema language. By default only the administrator
    /// may use it.
    pub permissions: BTreeMap<ApiRole, Text>,
    pub comment: Option<Text>,
}

/// A request of Hasura to the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Call {
    /// Port of the service; `http` by default.
    pub port: Option<PortName>,
    /// The path; by default the kind and the name. Only internal addresses may use the paths of actions, events and crons on
    /// routes of the service, except on a route for exactly such a path.
    pub path: Option<UrlPath>,
    /// Headers, as text or as a secret.
    pub headers: BTreeMap<HeaderName, ValueOrSecret<Text>>,
    /// Time in which the service must answer.
    pub timeout: Option<Duration>,
}

impl Call {
    /// Returns the path of a request; by default that of its kind, such as `actions`, and of its name.
    pub fn path_of(&self, kind: &str, name: &GraphqlName) -> UrlPath {
        self.path.clone().unwrap_or_else(|| UrlPath::wrap(format!("/{kind}/{name}")))
    }
}

/// Additional attempts after a request that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Number of additional attempts; 3 by default.
    pub count: Option<u16>,
    /// Time between two attempts; 10s by default.
    pub interval: Option<Duration>,
}
