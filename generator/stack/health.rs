//! Health checks: the kind of the probe and its times.

use crate::values::{Duration, DurationOrZero, PortName, Reason, Text, UrlPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::ranged;

/// A health check. Set exactly one of `http`, `tcp`, `grpc`, `exec` and `none`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    pub http: Option<HttpCheck>,
    pub tcp: Option<PortCheck>,
    pub grpc: Option<PortCheck>,
    /// A command in the container, which exits with 0 if the service is healthy.
    pub exec: Option<Vec<Text>>,
    /// The reason why the service has no check.
    pub none: Option<Reason>,
    /// Time between checks; 10s by default.
    pub interval: Option<Duration>,
    /// Time after which a check fails; 5s by default.
    pub timeout: Option<Duration>,
    /// Failed checks in a row after which the service is unhealthy; 5 by default.
    #[serde(deserialize_with = "ranged::positive")]
    pub retries: Option<u16>,
    /// Time after the start in which failed checks do not count; 30s by default. With `0s`, all count.
    pub start_period: Option<DurationOrZero>,
    /// Time between checks until the first success, on clusters and in image configurations; 1s by default.
    pub start_interval: Option<Duration>,
}

/// A GET request that is answered with 2xx or 3xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    pub path: UrlPath,
    /// `http` by default.
    #[serde(default)]
    pub port: Option<PortName>,
    /// The program in the image that sends the request on Compose, where the check runs inside the container.
    #[serde(default)]
    pub tool: HttpTool,
}

/// Programs of common images that can send a GET request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpTool {
    #[default]
    Wget,
    Curl,
    Node,
    Python,
}

/// A port that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortCheck {
    #[serde(default)]
    pub port: Option<PortName>,
}
