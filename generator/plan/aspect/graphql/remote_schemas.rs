//! Plans the start of Hasura with remote schemas. Hasura reads each of them once, when it starts, and does not repeat a
//! failed attempt.

use super::calls::Calls;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::model::{HasuraMetadata, Value};
use crate::plan::roster::Roster;
use crate::plan::wiring::{Addition, Wiring};
use crate::stack::Condition;
use crate::values::{Checked, ServiceName, VariableName};

/// The variable without which Hasura ignores the permissions of remote schemas: every role may use all of them.
const ENABLE_PERMISSIONS: &str = "HASURA_GRAPHQL_ENABLE_REMOTE_SCHEMA_PERMISSIONS";

/// Returns the wirings of the Hasura service `name` for the remote schemas of its metadata: it waits for their services, and
/// limits each role to its permissions.
pub fn wirings(metadata: &HasuraMetadata, name: &ServiceName, calls: &Calls, roster: &Roster) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (remote, needs) in &calls.remote_schemas {
        if metadata.remote_schemas.iter().all(|served| served.name != remote.name) {
            continue;
        }
        // A container without a health check is never healthy.
        let has_health_check = roster[&needs.service].service.has_health_check();
        let condition = if has_health_check { Condition::Healthy } else { Condition::Started };
        let permissions =
            Addition::DefaultVariable(VariableName::wrap(ENABLE_PERMISSIONS.into()), Value::Text("true".into()));
        let additions = [Addition::Dependency(needs.service.clone(), condition), permissions];
        wirings.extend(additions.map(|addition| Wiring::new(name, addition, &needs.cause)));
    }
    wirings
}

/// Returns a warning for each remote schema whose service has no health check for which Hasura could wait. A service that
/// gives a reason for its missing health check has no warning.
pub fn check_health_checks(hasura: &ServiceName, calls: &Calls, roster: &Roster) -> Vec<Diagnostic> {
    let without_check =
        calls.remote_schemas.iter().filter(|(_, needs)| roster[&needs.service].service.health.is_none());
    let finding = |service: &ServiceName| {
        let path = &roster[service].path;
        Diagnostic::warning(Code::NoHealth, path.key("hasura").key("remote_schema"))
            .message(format!(
                "`{hasura}` reads the schema of `{service}` only when it starts, but `{service}` has no health check to wait for"
            ))
            .expected("a health check, without which the fields of the schema can be missing until the metadata is reloaded")
            .hint(format!("set `{path}.health.http.path = \"/healthz\"`"))
    };
    without_check.map(|(_, needs)| finding(&needs.service)).collect()
}
