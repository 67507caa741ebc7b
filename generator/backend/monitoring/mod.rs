//! Writes the configurations of Prometheus, Alertmanager, Grafana, Loki, Tempo and Alloy from the `metrics`, `alerts`
//! and `dashboards` of services, and a test for each alert.

mod alertmanager;
mod dashboards;
mod files;
mod logs;
mod prometheus;
mod rules;
mod traces;

use super::provenance::{GeneratedLine, field_of_service};
use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::path;
use crate::plan::{Plan, Program};
use files::Files;

pub const DESCRIPTION: Description = Description {
    paths: &["monitoring/"],
    reads: "what is scraped, alerts, dashboards and receivers",
    emit: Emit::FromPlanParts {
        parts: &[
            PlanField::Project,
            PlanField::Environment,
            PlanField::Domain,
            PlanField::Compat,
            PlanField::Monitoring,
        ],
        emit,
    },
    file_fields,
    line_fields,
};

/// Returns the fields from which the file is generated: first the service with the alerts or dashboard, then the
/// service and settings of the program.
fn file_fields(plan: &Plan, path: &str) -> Vec<FieldPath> {
    // The path is such as `monitoring/prometheus/rules/orders.yml`.
    let mut parts = path.split(['/', '.']);
    let program = parts.nth(1).unwrap_or_default();
    let mut fields: Vec<FieldPath> = parts.flat_map(|part| field_of_service(plan, part)).collect();
    if program == Program::Alertmanager.name() {
        fields.push(path!("monitoring", "receivers"));
    }
    fields.extend(field_of_service(plan, program));
    fields.push(path!("monitoring"));
    fields
}

/// Returns the fields of the alert, job or receiver to which the list item at the line belongs.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    let Some(monitoring) = &plan.monitoring else { return Vec::new() };
    let service_field = |service: &str, field: &str| -> Vec<FieldPath> {
        field_of_service(plan, service).into_iter().map(|origin| origin.key(field)).collect()
    };
    let mut fields = Vec::new();
    for word in line.words_of_list_items() {
        let owners = monitoring.alerts.iter().filter(|(_, alerts)| alerts.contains_key(word)).map(|(owner, _)| owner);
        fields.extend(owners.flat_map(|owner| service_field(owner.as_str(), "alerts")).map(|alerts| alerts.key(word)));
        if monitoring.receivers.contains_key(word) {
            fields.push(path!("monitoring", "receivers", word));
        }
        if monitoring.jobs.contains_key(word) {
            fields.extend(service_field(word, "metrics"));
        }
    }
    fields
}

/// Writes the files of each program that runs.
///
/// # Errors
/// NS901 if a path is written twice.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Files::default();
    let Some(monitoring) = &plan.monitoring else { return Ok(files.into_artifacts()) };
    for (program, service) in &monitoring.programs {
        match program {
            Program::Prometheus => {
                prometheus::emit(plan, monitoring, &mut files)?;
                rules::emit(monitoring, &mut files)?;
            }
            Program::Alertmanager => alertmanager::emit(plan, monitoring, &mut files)?,
            Program::Grafana => dashboards::emit(monitoring, &mut files)?,
            Program::Loki => logs::emit_loki(service, &mut files)?,
            Program::Alloy => logs::emit_alloy(plan, monitoring, &mut files)?,
            Program::Tempo => traces::emit(service, &mut files)?,
        }
    }
    Ok(files.into_artifacts())
}
