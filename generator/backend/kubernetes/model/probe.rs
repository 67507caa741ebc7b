//! Types for the probes of a container, and for the action before its stop signal.

use serde::Serialize;

use super::text::ProbeWord;

/// A probe. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    #[serde(flatten)]
    pub action: ProbeAction,
    pub period_seconds: u64,
    pub timeout_seconds: u64,
    pub failure_threshold: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeAction {
    HttpGet { path: String, port: u16 },
    TcpSocket { port: u16 },
    Grpc { port: u16 },
    Exec { command: Vec<ProbeWord> },
}

/// The action before the stop signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    pub pre_stop: Handler,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Handler {
    pub sleep: Sleep,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sleep {
    pub seconds: u64,
}

impl Lifecycle {
    /// Returns a pause in seconds. The kubelet waits, so the image needs no program for the pause.
    pub fn sleep(seconds: u64) -> Self {
        Lifecycle { pre_stop: Handler { sleep: Sleep { seconds } } }
    }
}
