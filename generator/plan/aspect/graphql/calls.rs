//! The calls that a Hasura service makes to other services, each with the connection and the secrets that it needs.

use std::collections::BTreeMap;

use crate::database::graphql::handlers::{CronTrigger, EventTrigger, RemoteSchemaMetadata};
use crate::database::model::ObjectName;
use crate::diagnostic::FieldPath;
use crate::plan::model::{PlannedAction, Value};
use crate::plan::wiring::{Addition, Wiring};
use crate::stack::ActionType;
use crate::values::{GraphqlName, SecretName, ServiceName, SqlIdent, VariableName};

/// The calls of one Hasura service.
#[derive(Debug, Default)]
pub struct Calls {
    pub actions: Vec<(PlannedAction, CallNeeds)>,
    pub types: BTreeMap<GraphqlName, ActionType>,
    pub events: Vec<(Event, CallNeeds)>,
    pub crons: Vec<(CronTrigger, CallNeeds)>,
    pub remote_schemas: Vec<(RemoteSchemaMetadata, CallNeeds)>,
    /// The fields that declare actions, types, events and crons, by kind (such as `actions`) and name.
    pub declaring_fields: BTreeMap<(&'static str, GraphqlName), FieldPath>,
}

/// An event trigger with its table.
#[derive(Debug, Clone)]
pub struct Event {
    pub database: SqlIdent,
    pub table: ObjectName,
    pub trigger: EventTrigger,
}

/// The parts that Hasura needs to make a call: a connection, and variables with the secrets of the headers.
#[derive(Debug, Clone)]
pub struct CallNeeds {
    /// The service that answers the call.
    pub service: ServiceName,
    pub port: u16,
    /// For each header with a secret, the variable that contains its value.
    pub secrets: Vec<(VariableName, SecretName)>,
    /// The field of the call in the stack.
    pub cause: FieldPath,
}

impl CallNeeds {
    /// Returns the wirings of the Hasura service `hasura`, which makes the call.
    pub fn wirings(&self, hasura: &ServiceName) -> impl Iterator<Item = Wiring> {
        let connection = Addition::Connection { to: self.service.clone(), port: self.port };
        let secret = |(variable, secret): &(VariableName, SecretName)| {
            Addition::Variable(variable.clone(), Value::Secret(secret.clone()))
        };
        std::iter::once(connection)
            .chain(self.secrets.iter().map(secret))
            .map(|addition| Wiring::new(hasura, addition, &self.cause))
    }
}
