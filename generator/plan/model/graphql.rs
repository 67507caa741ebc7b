//! The metadata of a Hasura service: its databases, and the actions, cron triggers and remote schemas of services.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::database::graphql::HasuraSource;
use crate::database::graphql::handlers::{ActionMetadata, CronTrigger, RemoteSchemaMetadata};
use crate::stack::{ActionKind, ActionType};
use crate::values::{GraphqlName, GraphqlType};

/// The metadata of one Hasura service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HasuraMetadata {
    pub sources: Vec<HasuraSource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PlannedAction>,
    /// Types of the actions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<GraphqlName, ActionType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crons: Vec<CronTrigger>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remote_schemas: Vec<RemoteSchemaMetadata>,
}

/// An action with its signature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedAction {
    pub kind: ActionKind,
    pub arguments: BTreeMap<GraphqlName, GraphqlType>,
    pub returns: GraphqlType,
    pub metadata: ActionMetadata,
}
