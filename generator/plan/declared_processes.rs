//! The additional processes of services, as the stack declares them: which settings they replace, and which they inherit.

use serde_json::{Value, json};

use super::service_names::original_of;
use crate::diagnostic::{Diagnostic, FieldPath, Segment};
use crate::path;
use crate::stack::{Process, Service, Stack};

/// All processes of a stack.
pub struct DeclaredProcesses(Vec<DeclaredProcess>);

/// A process, its path and the path of its service.
struct DeclaredProcess {
    path: FieldPath,
    service_path: FieldPath,
    declared: Process,
}

impl DeclaredProcesses {
    /// Returns the processes of services, of the containers of frontends and of additional GraphQL endpoints.
    pub fn of(stack: &Stack) -> Self {
        let mut services: Vec<(FieldPath, &Service)> =
            stack.services.iter().map(|(name, service)| (path!("services", name), service)).collect();
        for (name, frontend) in &stack.frontends {
            let container = frontend.container.as_deref();
            services.extend(container.map(|container| (path!("frontends", name, "container"), container)));
        }
        for (name, endpoint) in &stack.graphql_endpoints {
            let original = stack.services.get(&original_of(endpoint));
            services.extend(original.map(|original| (path!("graphql_endpoints", name), original)));
        }
        let mut processes = Vec::new();
        for (service_path, service) in services {
            processes.extend(service.processes.iter().map(|(process, declared)| DeclaredProcess {
                path: service_path.key("processes").key(process.as_str()),
                service_path: service_path.clone(),
                declared: declared.clone(),
            }));
        }
        DeclaredProcesses(processes)
    }

    /// Moves a finding about a setting that a process inherits to the service of the process, so that it appears once.
    pub fn report_at_services(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut findings_at_services: Vec<Diagnostic> = Vec::new();
        for mut finding in findings {
            if let Some(process) = self.0.iter().find(|process| finding.path.starts_with(&process.path)) {
                let field = &finding.path.0[process.path.0.len()..];
                if !field.is_empty() && !replaces(&process.declared, field) {
                    finding.path = FieldPath(process.service_path.0.iter().chain(field).cloned().collect());
                    let is_same = |earlier: &Diagnostic| {
                        (earlier.code, &earlier.path) == (finding.code, &finding.path)
                            && earlier.message == finding.message
                    };
                    if findings_at_services.iter().any(is_same) {
                        continue;
                    }
                }
            }
            findings_at_services.push(finding);
        }
        findings_at_services
    }
}

/// Returns whether a process replaces a field of its service. In `env`, it replaces single variables.
fn replaces(process: &Process, field: &[Segment]) -> bool {
    match field {
        [Segment::Key(env), Segment::Key(variable), ..] if env == "env" => {
            process.env.keys().any(|name| name.as_str() == variable)
        }
        [Segment::Key(field), ..] => {
            let fields = serde_json::to_value(process).unwrap_or_default();
            fields.get(field).is_some_and(|value| !matches!(value, Value::Null) && *value != json!({}))
        }
        _ => true,
    }
}
