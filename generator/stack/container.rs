//! Settings of a container: published ports, log driver, resources and autoscaling.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{AnnotationName, Cpus, Memory, Reason, Text, ranged};

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    #[serde(deserialize_with = "ranged::positive")]
    pub port: u16,
    /// Address of the host; by default, 0.0.0.0 for nginx in profiles other than `local`, and otherwise the loopback
    /// address.
    #[serde(default)]
    pub address: Option<std::net::IpAddr>,
    #[serde(default)]
    pub protocol: Protocol,
    /// The reason why clients connect to the port without the edge, for example SSH of a git server.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// Port on every node of a cluster with `published = 'nodeport`; `port` by default.
    #[serde(default, deserialize_with = "ranged::positive")]
    pub node_port: Option<u16>,
}

/// The transport protocol of a published port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

impl Protocol {
    /// Returns the name as Compose writes it; Kubernetes has it in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// The log driver of the container engine for the output of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    pub driver: LogDriver,
    /// Options of the driver.
    #[serde(default)]
    pub options: BTreeMap<AnnotationName, Text>,
}

/// A log driver of the container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    JsonFile,
    Local,
    Journald,
    Syslog,
    Fluentd,
    Gelf,
    Awslogs,
    Gcplogs,
    Splunk,
    None,
}

impl LogDriver {
    /// Returns the name by which the container engine knows the driver.
    pub fn name(self) -> &'static str {
        match self {
            LogDriver::JsonFile => "json-file",
            LogDriver::Local => "local",
            LogDriver::Journald => "journald",
            LogDriver::Syslog => "syslog",
            LogDriver::Fluentd => "fluentd",
            LogDriver::Gelf => "gelf",
            LogDriver::Awslogs => "awslogs",
            LogDriver::Gcplogs => "gcplogs",
            LogDriver::Splunk => "splunk",
            LogDriver::None => "none",
        }
    }
}

/// Upper bounds of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub memory: Option<Memory>,
    pub cpus: Option<Cpus>,
    /// Largest number of processes and threads.
    #[serde(deserialize_with = "ranged::positive")]
    pub pids: Option<u32>,
    /// Largest number of processes and threads that the service starts with its settings. `pids` must not be lower.
    #[serde(deserialize_with = "ranged::positive")]
    pub min_pids: Option<u32>,
}

/// Resources that are reserved for a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reservations {
    pub memory: Option<Memory>,
    pub cpus: Option<Cpus>,
}

/// The number of replicas, which follows the load; only on Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    #[serde(deserialize_with = "ranged::positive")]
    pub min: u16,
    #[serde(deserialize_with = "ranged::positive")]
    pub max: u16,
    /// Target load in percent of the reserved processors; 80 by default.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub cpu: Option<u8>,
    /// Target use in percent of the reserved memory. By default, the use of memory has no influence, because most
    /// programs never release memory.
    #[serde(default, deserialize_with = "ranged::percent")]
    pub memory: Option<u8>,
}
