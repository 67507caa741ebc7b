//! The additions of an aspect to services. An aspect never changes a service: it returns wirings, and
//! [`assemble`](super::assemble::assemble) applies them.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{ConfigMount, OutsideServer, Value, VolumeMount};
use super::network::Network;
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::stack::Condition;
use crate::values::{PortName, SecretName, ServiceName, Text, VariableName};

/// An addition to one service, with the field of the stack that caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiring {
    pub service: ServiceName,
    pub addition: Addition,
    pub cause: FieldPath,
}

/// Everything that an aspect can add to a service.
#[derive(Debug, Clone, PartialEq)]
pub enum Addition {
    /// Sets a variable and replaces an earlier value.
    Variable(VariableName, Value),
    /// Sets a variable that the service does not have yet.
    DefaultVariable(VariableName, Value),
    /// Mounts a secret below `/run/secrets`. An undeclared secret is reported elsewhere.
    SecretFile(SecretName),
    /// Records that the service reads only parts of the connection URL in this secret, such as the host.
    DatabaseParts(SecretName),
    /// Mounts a volume.
    Volume(VolumeMount),
    /// Mounts generated files.
    Config(ConfigMount),
    /// Waits for a service. If the stack already declares the dependency, its condition is kept.
    Dependency(ServiceName, Condition),
    /// Opens connections to a port of another service.
    Connection { to: ServiceName, port: u16 },
    /// Opens connections to a server outside of the stack.
    Outside(OutsideServer),
    /// Opens connections to the internet.
    Egress,
    /// Lets Prometheus read metrics at a port.
    MetricsPort(u16),
    /// Joins networks.
    Networks(BTreeSet<Network>),
    /// Appends to the command. A service that declares no command first gets `program` as its command.
    Arguments { program: Option<Text>, arguments: Vec<Text> },
    /// Puts a command before the entrypoint; `program` is the entrypoint of the image.
    EntrypointPrefix { prefix: Vec<Text>, program: Text },
    /// Selects the variant of the image whose tag ends with this suffix.
    ImageSuffix(&'static str),
    /// Removes the publication of a port of the container.
    Unpublish(u16),
    /// Adds a UDP port with the number of a TCP port, published at the same addresses.
    UdpPort { name: PortName, tcp_port: u16 },
    /// Makes the host machine known by its name, so that the service can connect to it.
    ReachesHost,
    /// Makes the service a job: it runs once and ends.
    Job,
}

impl Wiring {
    pub fn new(service: &ServiceName, addition: Addition, cause: &FieldPath) -> Self {
        Wiring { service: service.clone(), addition, cause: cause.clone() }
    }
}

/// The result of planning an aspect: its part of the plan, its wirings and its findings.
#[derive(Debug, Default)]
pub struct Planned<T> {
    pub value: T,
    pub wirings: Vec<Wiring>,
    pub findings: Vec<Diagnostic>,
}

impl<T> Planned<T> {
    /// Returns the result of an aspect that adds nothing to services.
    pub fn without_wirings(value: T, findings: Vec<Diagnostic>) -> Self {
        Planned { value, wirings: Vec::new(), findings }
    }
}

/// The wirings and findings of the aspects that were planned so far.
#[derive(Debug, Default)]
pub struct AspectResults {
    pub wirings: Wirings,
    pub findings: Vec<Diagnostic>,
}

impl AspectResults {
    /// Collects an aspect's wirings and findings, and returns its part of the plan.
    pub fn collect<T>(&mut self, planned: Planned<T>) -> T {
        self.findings.extend(planned.findings);
        self.wirings.extend(planned.wirings);
        planned.value
    }
}

/// The wirings of each service, in the order of the aspects.
#[derive(Debug, Default)]
pub struct Wirings(BTreeMap<ServiceName, Vec<(Addition, FieldPath)>>);

impl Wirings {
    fn extend(&mut self, wirings: Vec<Wiring>) {
        for Wiring { service, addition, cause } in wirings {
            self.0.entry(service).or_default().push((addition, cause));
        }
    }

    /// Returns a service's additions with their causes.
    pub fn of_service(&self, service: &ServiceName) -> impl Iterator<Item = &(Addition, FieldPath)> {
        self.0.get(service).into_iter().flatten()
    }

    /// Returns the variables that a service has after all wirings so far.
    pub fn variables(&self, service: &ServiceName) -> BTreeMap<&VariableName, &Value> {
        let mut variables = BTreeMap::new();
        for (addition, _) in self.of_service(service) {
            match addition {
                Addition::Variable(name, value) => {
                    variables.insert(name, value);
                }
                Addition::DefaultVariable(name, value) => {
                    variables.entry(name).or_insert(value);
                }
                _ => {}
            }
        }
        variables
    }

    /// Returns the services for which a service waits because of an aspect, with the causes.
    pub fn dependencies(&self, service: &ServiceName) -> impl Iterator<Item = (&ServiceName, &FieldPath)> {
        self.of_service(service).filter_map(|(addition, cause)| match addition {
            Addition::Dependency(to, _) => Some((to, cause)),
            _ => None,
        })
    }

    /// Returns the connections of a service that aspects added: the service at the other end, and its port.
    pub fn connections(&self, service: &ServiceName) -> impl Iterator<Item = (&ServiceName, u16)> {
        self.of_service(service).filter_map(|(addition, _)| match addition {
            Addition::Connection { to, port } => Some((to, *port)),
            _ => None,
        })
    }

    /// Returns the services that use each secret: as a file, as a variable, or as a URL whose parts they read.
    pub fn secret_users(&self) -> SecretUsers {
        let mut users = SecretUsers::default();
        for (service, additions) in &self.0 {
            for (addition, _) in additions {
                match addition {
                    Addition::SecretFile(secret) => users.files.entry(secret.clone()).or_default(),
                    Addition::DatabaseParts(secret) => users.parts.entry(secret.clone()).or_default(),
                    Addition::Variable(_, Value::Secret(secret))
                    | Addition::DefaultVariable(_, Value::Secret(secret)) => {
                        users.variables.entry(secret.clone()).or_default()
                    }
                    _ => continue,
                }
                .insert(service.clone());
            }
        }
        users
    }
}

/// The services that use each secret.
#[derive(Debug, Default)]
pub struct SecretUsers {
    /// Services that read the secret from a file.
    pub files: BTreeMap<SecretName, BTreeSet<ServiceName>>,
    /// Services that read the secret from a variable.
    pub variables: BTreeMap<SecretName, BTreeSet<ServiceName>>,
    /// Services that read parts of the connection URL in the secret.
    pub parts: BTreeMap<SecretName, BTreeSet<ServiceName>>,
}

impl SecretUsers {
    /// Returns whether any service uses the secret.
    pub fn is_secret_used(&self, secret: &SecretName) -> bool {
        [&self.files, &self.variables, &self.parts].iter().any(|users| users.contains_key(secret))
    }

    /// Returns the services that use the secret.
    pub fn of_secret<'a>(&'a self, secret: &SecretName) -> impl Iterator<Item = &'a ServiceName> + use<'a> {
        let users = [&self.files, &self.variables, &self.parts].map(|users| users.get(secret));
        users.into_iter().flatten().flatten().collect::<BTreeSet<_>>().into_iter()
    }
}
