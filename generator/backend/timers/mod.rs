//! Timers of systemd for services with a schedule. On a host with Compose, systemd starts the container at the
//! scheduled times. Generated files contain no path of a host, so the units are templates of systemd, and the name of
//! an instance is the folder of `compose.yaml`.

mod calendar;
mod removed;

pub use removed::warnings as upgrade_warnings;

use std::collections::BTreeMap;

use serde::Serialize;

use super::provenance::fields_of_service_keys;
use super::{Backend, Description, Emit, Input};
use crate::artifact::{Artifacts, StepInput};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::Plan;
use crate::stack::Compat;
use crate::values::{Duration, EnvironmentName, ProjectName, Schedule, ServiceName};

/// The folder of the units, relative to an environment's folder.
pub const FOLDER: &str = "timers/";

pub const DESCRIPTION: Description = Description {
    paths: &[FOLDER],
    reads: "schedules and deadlines of services",
    emit: Emit::FromInput(emit),
    file_fields,
    line_fields: |_, _| Vec::new(),
};

/// The part of the plan from which the files are generated.
#[derive(Serialize)]
struct Timers<'a> {
    project: &'a ProjectName,
    environment: &'a EnvironmentName,
    compat: Option<Compat>,
    schedules: BTreeMap<&'a ServiceName, &'a Schedule>,
    /// The time after which the container of a service is stopped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    deadlines: BTreeMap<&'a ServiceName, Duration>,
}

impl Timers<'_> {
    /// Returns the name of the units of a service, without the instance.
    fn unit_name(&self, service: &ServiceName) -> String {
        format!("{}-{}-{service}", self.project, self.environment)
    }

    /// Returns the command that runs the Compose file.
    fn program(&self) -> &'static str {
        match self.compat {
            None => "docker compose",
            Some(Compat::V1) => "docker-compose",
            Some(Compat::Podman) => "podman-compose",
        }
    }

    /// Returns the command of the engine.
    fn engine(&self) -> &'static str {
        if self.compat == Some(Compat::Podman) { "podman" } else { "docker" }
    }

    /// Returns the systemd unit that runs the container of a service once.
    fn service_unit(&self, service: &ServiceName) -> String {
        let (project, environment) = (self.project, self.environment);
        // `--no-deps`, since Compose would run the jobs on which the service depends again, such as migrations. After
        // the deadline, systemd kills the client of the engine. The container can then still run, so the unit removes
        // it by its name.
        let (container, engine) = (format!("{}-run", self.unit_name(service)), self.engine());
        let (name_option, deadline_settings) = match self.deadlines.get(service) {
            None => (String::new(), String::new()),
            Some(deadline) => (
                format!("--name {container} "),
                format!("TimeoutStartSec={}\nExecStopPost=-{engine} rm --force {container}\n", deadline.seconds()),
            ),
        };
        format!(
            "[Unit]\n\
             Description={service} of {project} in {environment}\n\
             After=docker.service network-online.target\n\
             Wants=network-online.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             WorkingDirectory=%f\n\
             ExecStart={} run --rm --no-deps -T {name_option}{service}\n{deadline_settings}",
            self.program()
        )
    }

    /// Returns the systemd unit that starts the service's unit at the times of its schedule.
    fn timer_unit(&self, service: &ServiceName, schedule: &Schedule) -> String {
        let (project, environment, unit) = (self.project, self.environment, self.unit_name(service));
        let events: String = calendar::events(schedule).iter().map(|event| format!("OnCalendar={event}\n")).collect();
        format!(
            "# Install, in the folder of compose.yaml:\n\
             #   cp timers/{unit}@.* /etc/systemd/system/\n\
             #   systemctl enable --now \"{unit}@$(systemd-escape --path \"$PWD\").timer\"\n\
             [Unit]\n\
             Description=Times of {service} of {project} in {environment}: {schedule}\n\
             \n\
             [Timer]\n\
             {events}\
             AccuracySec=1s\n\
             Persistent=true\n\
             \n\
             [Install]\n\
             WantedBy=timers.target\n"
        )
    }
}

/// Writes a timer and its service for each service with a schedule.
///
/// # Errors
/// NS901 if two services have the same units; it cannot occur, since their names differ.
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    let plan = input.plan;
    let schedules = plan.services.iter().filter_map(|(name, service)| Some((name, service.schedule.as_ref()?)));
    let timers = Timers {
        project: &plan.project,
        environment: &plan.environment,
        compat: plan.compat,
        schedules: schedules.collect(),
        deadlines: plan.services.iter().filter_map(|(name, service)| Some((name, service.deadline?))).collect(),
    };
    let mut files = Artifacts::default();
    for (service, schedule) in &timers.schedules {
        let path = format!("timers/{}@", timers.unit_name(service));
        files.add(format!("{path}.service"), timers.service_unit(service)).map_err(|finding| vec![finding])?;
        files.add(format!("{path}.timer"), timers.timer_unit(service, schedule)).map_err(|finding| vec![finding])?;
    }
    Ok(files.derived_from(&StepInput::of(Backend::Timers.generator(), &timers)))
}

/// Returns the fields from which a unit is generated: the schedule and the deadline of its service, which is `orders`
/// for `timers/shop-prod-orders@.timer`.
fn file_fields(plan: &Plan, path: &str) -> Vec<FieldPath> {
    let prefix = format!("timers/{}-{}-", plan.project, plan.environment);
    let service_and_suffix = path.strip_prefix(&prefix).and_then(|name| name.split_once('@'));
    service_and_suffix
        .map(|(service, _)| fields_of_service_keys(plan, service, &["schedule", "deadline"], &[]))
        .unwrap_or_default()
}
