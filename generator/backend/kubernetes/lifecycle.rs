//! Start and stop of a container: its probes, and the time for which it still answers requests after the cluster has
//! decided to stop it.

use super::cluster::Cluster;
use super::model::{Ask, Lifecycle, Probe};
use crate::plan::{Check, Health, Service};
use crate::values::Duration;

/// The time until every node has removed a stopping pod from the addresses of its Service. Measured on kubelet 1.36,
/// where a restart without this pause refused up to 4 % of new connections.
const DRAIN: Duration = Duration(5_000);

/// Returns the pause before the stop signal of a container with an address. Returns `None` for a container without an
/// address and for a stack that sets `drain` to zero.
pub fn drain(cluster: &Cluster, service: &Service) -> Option<Lifecycle> {
    let seconds = drain_seconds(cluster, service);
    (seconds > 0).then(|| Lifecycle::sleep(seconds))
}

/// Returns the seconds after which the kubelet kills a pod: the pause, which the kubelet counts as well, and the time
/// to finish after the stop signal.
pub fn grace_period(cluster: &Cluster, service: &Service) -> u64 {
    drain_seconds(cluster, service).saturating_add(seconds(service.stop_grace))
}

fn drain_seconds(cluster: &Cluster, service: &Service) -> u64 {
    let drain = cluster.settings.drain.unwrap_or(DRAIN);
    if service.has_address() { drain.seconds() } else { 0 }
}

/// The probes of a container.
#[derive(Default)]
pub struct Probes {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

impl Probes {
    /// Returns the probes for startup, readiness and liveness. Startup and readiness run the service's own health check;
    /// liveness only opens its port, so that a slow dependency does not restart the pods that wait for it.
    pub fn new(health: &Health, service: &Service) -> Self {
        let Some((ask, alive)) = probe_actions(health, service) else { return Probes::default() };
        let (first, interval) = (seconds(health.start_interval), seconds(health.interval));
        let retries = u64::from(health.retries);
        let probe = |ask: Ask, period_seconds: u64, failure_threshold: u64| {
            Some(Probe { ask, period_seconds, timeout_seconds: seconds(health.timeout), failure_threshold })
        };
        // As in Compose, failures count from the end of the start period.
        let starting = seconds(health.start_period).saturating_add(interval.saturating_mul(retries)).div_ceil(first);
        Probes {
            startup: probe(ask.clone(), first, starting),
            readiness: probe(ask, interval, retries),
            liveness: probe(alive, interval.saturating_mul(2), retries.max(3)),
        }
    }
}

/// Returns the actions of the probes: the health check, and the check that the container is alive. Returns `None` for a
/// service without a health check.
fn probe_actions(health: &Health, service: &Service) -> Option<(Ask, Ask)> {
    Some(match &health.check {
        Check::Http { port, path, .. } => {
            (Ask::HttpGet { path: path.to_string(), port: *port }, Ask::TcpSocket { port: *port })
        }
        Check::Tcp { port } => (Ask::TcpSocket { port: *port }, Ask::TcpSocket { port: *port }),
        Check::Grpc { port } => (Ask::Grpc { port: *port }, Ask::TcpSocket { port: *port }),
        Check::Exec(words) => {
            let exec = Ask::Exec { command: words.iter().map(ToString::to_string).collect() };
            let alive = service.ports.values().next().map_or(exec.clone(), |port| Ask::TcpSocket { port: *port });
            (exec, alive)
        }
        Check::None => return None,
    })
}

/// Returns whole seconds, at least one.
fn seconds(time: Duration) -> u64 {
    time.seconds().max(1)
}
