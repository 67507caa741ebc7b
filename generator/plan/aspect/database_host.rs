//! The database server as its clients see it: a service of the stack, or a server outside of it. Jobs that work on it run
//! psql from the image of the server.

use crate::plan::roster::Roster;
use crate::plan::secret_list::secret_path;
use crate::plan::service_names::{DATABASE, service_name};
use crate::stack::{self, Condition, EnvValue, ExternalServer, Stack, Tmpfs, Zone};
use crate::values::{Checked, ContainerPath, Memory, SecretName, Text, VariableName};

/// The address of the database server.
#[derive(Debug, Clone)]
pub struct DatabaseHost<'a> {
    pub host: String,
    pub port: u16,
    /// The service whose image contains psql.
    psql_service: &'a stack::Service,
    /// Set if the server is not part of the stack.
    pub external: Option<&'a ExternalServer>,
}

impl<'a> DatabaseHost<'a> {
    /// Returns the server of an environment; `None` for an environment without one.
    pub fn of(stack: &'a Stack, roster: &'a Roster) -> Option<Self> {
        let name = service_name(DATABASE);
        if let Some(external) = &stack.database_server.external {
            let (host, psql_service) = (external.host.to_string(), stack.services.get(&name)?);
            return Some(DatabaseHost { host, port: external.port, psql_service, external: Some(external) });
        }
        let psql_service = &roster.get(&name)?.service;
        let port = psql_service.all_ports().into_values().next().unwrap_or(5432);
        Some(DatabaseHost { host: name.to_string(), port, psql_service, external: None })
    }

    /// Returns host and port of the server. An environment without a server, which is reported elsewhere, has the defaults.
    pub fn address(stack: &Stack, roster: &Roster) -> (String, u16) {
        DatabaseHost::of(stack, roster).map_or((DATABASE.to_owned(), 5432), |server| (server.host, server.port))
    }

    /// Returns the name of the superuser, or of the administrator of an external server.
    pub fn admin(&self) -> EnvValue {
        let default = || EnvValue::Text(Text::wrap("postgres".into()));
        match self.external {
            Some(external) => EnvValue::Text(Text::wrap(external.admin.to_string())),
            None => self.psql_service.env.get("POSTGRES_USER").cloned().unwrap_or_else(default),
        }
    }

    /// Returns a job as a service that runs `run.sh` in a folder of generated files. The variables for psql are added to
    /// `variables`.
    pub fn job(&self, folder: &str, variables: Vec<(&str, EnvValue)>, secret_files: Vec<SecretName>) -> stack::Service {
        let text = |text: &str| Text::wrap(text.to_owned());
        let mut variables = variables;
        variables.push(("PGHOST", EnvValue::Text(text(&self.host))));
        if self.external.is_some() {
            variables.push(("PGPORT", EnvValue::Text(text(&self.port.to_string()))));
        }
        let server_dependency = self.external.is_none().then(|| (service_name(DATABASE), Condition::Healthy));
        stack::Service {
            image: self.psql_service.image.clone(),
            build: self.psql_service.build.clone(),
            entrypoint: Some(vec![text("/bin/sh"), text(&format!("{folder}/run.sh"))]),
            command: Some(Vec::new()),
            extra_env: variables
                .into_iter()
                .map(|(name, value)| (VariableName::wrap(name.to_owned()), value))
                .collect(),
            secret_files,
            user: self.psql_service.user.clone(),
            tmpfs: vec![Tmpfs { path: ContainerPath::wrap("/tmp".into()), size: None, owner: None }],
            depends_on: server_dependency.into_iter().collect(),
            limits: stack::Limits { memory: Some(Memory(128 << 20)), pids: Some(32), ..stack::Limits::default() },
            zone: Some(Zone::Data),
            ..stack::Service::default()
        }
    }
}

/// Returns the path of a secret in a container, as the value of a variable.
pub fn secret_file(secret: &SecretName) -> EnvValue {
    EnvValue::Text(Text::wrap(secret_path(secret)))
}
