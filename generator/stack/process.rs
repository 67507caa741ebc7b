//! Additional processes of a service, such as a worker next to a web server: the same image with a different command.

use crate::values::{Duration, DurationOrZero, PortName, Schedule, ServiceName, Text, VariableName};
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::service::service_dependencies;
use super::*;
use crate::values::ranged;

/// An additional process of a service. It runs in a separate container, whose name consists of both names. It inherits
/// image, variables, secrets, role, files, dependencies and zone of the service, and reads the volumes that the service
/// reads. By default it has no ports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// Whether the process is part of the environment; true by default.
    pub enabled: Option<bool>,
    /// Profiles in which the process runs; by default, the profiles of the service.
    pub only: Option<Vec<Profile>>,
    pub entrypoint: Option<Vec<Text>>,
    /// The command of the process; by default, the command of the image.
    pub command: Option<Vec<Text>>,
    /// Additional variables, or variables of the service with a different value.
    pub env: BTreeMap<VariableName, EnvValue>,
    /// Shorthand for `ports.http`.
    #[serde(deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    #[serde(deserialize_with = "ranged::positive")]
    pub ports: BTreeMap<PortName, u16>,
    /// Shorthand for `routes.main`.
    pub route: Option<Route>,
    pub routes: BTreeMap<PortName, Route>,
    /// The health check of the process; none by default.
    pub health: Option<Health>,
    /// Services that start before the process, in addition to those that start before the service.
    #[serde(deserialize_with = "service_dependencies")]
    #[schemars(with = "BTreeMap<ServiceName, Condition>")]
    pub depends_on: BTreeMap<ServiceName, Condition>,
    /// Limits; by default, the limits of the service.
    pub limits: Option<Limits>,
    pub reservations: Option<Reservations>,
    #[serde(deserialize_with = "ranged::positive")]
    pub replicas: Option<u16>,
    pub autoscale: Option<Autoscale>,
    pub stop_grace: Option<DurationOrZero>,
    /// Whether the process runs all the time, once, or when an operator starts it.
    pub run: Run,
    /// Times in UTC at which the process is started. Without a schedule, it runs all the time.
    pub schedule: Option<Schedule>,
    /// Time after which the process is ended if it is a job; none by default.
    pub deadline: Option<Duration>,
}

impl Process {
    /// Returns the name of the process among the services.
    pub fn service_name(service: &ServiceName, process: &ServiceName) -> String {
        format!("{service}-{process}")
    }

    /// Returns whether the process is part of an environment of this profile that has its service.
    pub fn runs_in(&self, profile: Profile) -> bool {
        profile.includes(self.enabled, self.only.as_deref())
    }

    /// Returns the process as a service: it has the settings of `service` except for those that it replaces. `name` is its
    /// name as a service, and `siblings` are those of all processes of `service`. A process that is a job does not wait for
    /// its siblings.
    pub fn as_service(&self, service: &Service, name: &ServiceName, siblings: &[ServiceName]) -> Service {
        let is_job = self.run != Run::Always;
        let mut depends_on = service.depends_on.clone();
        depends_on.retain(|dependency, _| dependency != name && !(is_job && siblings.contains(dependency)));
        depends_on.extend(self.depends_on.clone());
        let mut env = service.env.clone();
        env.extend(self.env.clone());
        // Reservations of the service may be above limits of the process, so they are inherited only together with limits.
        let reservations = match &self.limits {
            Some(_) => self.reservations.clone().unwrap_or_default(),
            None => self.reservations.clone().unwrap_or_else(|| service.reservations.clone()),
        };
        Service {
            only: self.only.clone(),
            entrypoint: self.entrypoint.clone().or_else(|| service.entrypoint.clone()),
            command: self.command.clone(),
            port: self.port,
            ports: self.ports.clone(),
            publish: BTreeMap::new(),
            env,
            secrets: BTreeMap::new(),
            volumes: BTreeMap::new(),
            health: self.health.clone(),
            depends_on,
            aliases: Vec::new(),
            fixed_address: false,
            limits: self.limits.clone().unwrap_or_else(|| service.limits.clone()),
            reservations,
            replicas: self.replicas,
            autoscale: self.autoscale.clone(),
            route: self.route.clone(),
            routes: self.routes.clone(),
            databases: BTreeMap::new(),
            stop_grace: self.stop_grace.or(service.stop_grace),
            run: self.run,
            schedule: self.schedule.clone(),
            deadline: self.deadline,
            processes: BTreeMap::new(),
            // Metrics name a port of the service, and alerts and dashboards describe the service.
            metrics: None,
            alerts: BTreeMap::new(),
            dashboards: BTreeMap::new(),
            hasura: None,
            ..service.clone()
        }
    }
}
