//! Plugins: bundles of services in folders of the project. `source` merges the services, the database and the secrets of a
//! plugin into the stack, as a layer below that of the user. These types therefore only have their names.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, Service};
use crate::database::model::Schema;
use crate::values::{SecretName, ServiceName, SqlIdent, Text};

/// A plugin: services, a database and secrets in a folder of the project, `plugins/<name>`. In a stack these are records;
/// the model has the names of what the plugin declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plugin {
    /// Whether the environment includes the plugin; true by default.
    pub enabled: Option<bool>,
    /// One line about the plugin.
    pub summary: Option<Text>,
    /// Version of the plugin.
    pub version: Option<Text>,
    /// Services. The name of each is the plugin's, or begins with it and `-`.
    #[schemars(with = "BTreeMap<ServiceName, Service>")]
    pub services: BTreeSet<ServiceName>,
    /// Definition of the database `np_<plugin>`. Its migrations are in the folder `db` of the plugin.
    #[schemars(with = "Option<Schema>")]
    pub database: Option<SqlIdent>,
    /// Secrets. The name of each begins with `np_<plugin>_`.
    #[schemars(with = "BTreeMap<SecretName, Secret>")]
    pub secrets: BTreeSet<SecretName>,
    /// Jobs before the plugin's services start.
    pub hooks: Hooks,
}

/// Jobs of a plugin. Each is a service that runs once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// A job that ends before the plugin's services start.
    #[schemars(with = "Option<Service>")]
    pub before_start: Option<ServiceName>,
    /// A job that starts after the migrations of the plugin's database, and ends before the plugin's services start.
    #[schemars(with = "Option<Service>")]
    pub after_migrate: Option<ServiceName>,
}

impl Plugin {
    /// Returns the names of the plugin's services, and of the services that are jobs of its hooks.
    pub fn all_services(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.iter().chain(self.hooks.jobs().map(|(_, job)| job))
    }
}

impl Hooks {
    /// The names of the fields.
    pub const FIELDS: [&str; 2] = ["before_start", "after_migrate"];

    /// Returns the jobs, each with the name of its field.
    pub fn jobs(&self) -> impl Iterator<Item = (&'static str, &ServiceName)> {
        let [before_start, after_migrate] = Hooks::FIELDS;
        let jobs = [(before_start, &self.before_start), (after_migrate, &self.after_migrate)];
        jobs.into_iter().filter_map(|(field, job)| Some((field, job.as_ref()?)))
    }

    /// Returns the service name of the job in a field, such as `notify-before-start`.
    pub fn service_name(plugin: &str, field: &str) -> String {
        format!("{plugin}-{}", field.replace('_', "-"))
    }
}
