//! Types for the part of the Compose specification that nself writes. The fields are in the order that Compose linters
//! expect. Text of the user is a [`Scalar`], which escapes it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::plan::dockerfile::IMAGE_TAG;

/// A text, a variable that `.env` must set, or the name of a built image. Every `$` of a text is doubled, since Compose
/// interpolates all strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Text(String),
    /// A variable that must be set. If it is not, Compose prints the message and fails.
    Required {
        variable: String,
        message: &'static str,
    },
    /// The name of an image that Compose builds. Its tag is the variable `IMAGE_TAG`, or `latest`.
    BuiltImage(String),
}

impl Scalar {
    pub fn text(text: impl Into<String>) -> Self {
        Scalar::Text(text.into())
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scalar::Text(text) => serializer.serialize_str(&text.replace('$', "$$")),
            Scalar::Required { variable, message } => {
                serializer.collect_str(&format_args!("${{{variable}:?{message}}}"))
            }
            Scalar::BuiltImage(name) => serializer.collect_str(&format_args!("{name}:${{{IMAGE_TAG}:-latest}}")),
        }
    }
}

/// The content of `compose.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub services: BTreeMap<String, Service>,
    pub networks: BTreeMap<String, Network>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretFile>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on: BTreeMap<String, Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Scalar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    #[serde(skip_serializing_if = "Memberships::is_empty")]
    pub networks: Memberships,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Scalar>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<Scalar>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    pub restart: &'static str,
    pub healthcheck: Healthcheck,
    pub logging: Logging,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    pub cap_drop: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_reservation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<&'static str>,
    pub read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<u16>,
    pub security_opt: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<String>,
    pub stop_grace_period: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, Scalar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<String>,
    /// The raw keys of the user.
    #[serde(flatten)]
    pub raw: BTreeMap<String, Raw>,
}

/// The networks of a service: a list, or a record if the service has aliases or a fixed address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Memberships {
    Names(Vec<String>),
    Settings(BTreeMap<String, Membership>),
}

/// The aliases of a service in a network, and its fixed address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Membership {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
}

impl Memberships {
    pub fn is_empty(&self) -> bool {
        match self {
            Memberships::Names(names) => names.is_empty(),
            Memberships::Settings(networks) => networks.is_empty(),
        }
    }
}

impl Default for Memberships {
    fn default() -> Self {
        Memberships::Names(Vec::new())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The folder with the sources, relative to the Compose file.
    pub context: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// The Dockerfile's names of base images, with the pinned images.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_contexts: BTreeMap<String, Scalar>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dependency {
    pub condition: &'static str,
    /// If false, `up` only warns about a dependency that fails, and starts this service anyway. The default is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// If true, Compose restarts this service after it has restarted or recreated the dependency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
}

/// A mount in the long syntax, since the short syntax is ambiguous for paths with colons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub source: String,
    pub target: String,
    pub read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bind {
    pub create_host_path: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Port {
    /// The syntax of current Compose.
    Long { target: u16, published: String, protocol: &'static str, host_ip: String },
    /// `ADDRESS:HOST_PORT:CONTAINER_PORT`, with `/udp` for UDP, for older implementations of Compose.
    Short(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<String>,
}

/// The log driver with limits, since unlimited logs fill the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logging {
    pub driver: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Scalar>,
}

impl Default for Logging {
    fn default() -> Self {
        let options = [("max-file", "3"), ("max-size", "10m")];
        let options = options.map(|(name, value)| (name.to_owned(), Scalar::text(value)));
        Logging { driver: "json-file", options: options.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deploy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u16>,
    pub resources: Resources,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resources {
    pub limits: Amount,
    pub reservations: Amount,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub cpus: String,
    pub memory: String,
    /// The maximum number of processes; only for limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// The network's name in the container engine, if it is not derived from the project's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<&'static str, &'static str>,
    /// Whether the network has no access to the internet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipam: Option<Ipam>,
}

/// The addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ipam {
    pub config: [Subnet; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subnet {
    pub subnet: String,
    /// The part of the network for containers without a fixed address.
    pub ip_range: String,
}

/// The settings of a volume, which has none: `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretFile {
    pub file: String,
}

/// The value of a raw key; its strings are escaped like all text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Raw {
    Null(()),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Scalar),
    List(Vec<Raw>),
    Record(BTreeMap<String, Raw>),
}

impl From<&serde_json::Value> for Raw {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Raw::Null(()),
            Value::Bool(value) => Raw::Bool(*value),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| Raw::Float(number.as_f64().unwrap_or_default()), Raw::Integer)
            }
            Value::String(text) => Raw::Text(Scalar::text(text)),
            Value::Array(items) => Raw::List(items.iter().map(Raw::from).collect()),
            Value::Object(fields) => {
                Raw::Record(fields.iter().map(|(key, value)| (key.clone(), Raw::from(value))).collect())
            }
        }
    }
}
