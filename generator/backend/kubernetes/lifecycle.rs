//! Start and stop of a container: its probes, and the time for which it still answers requests after the cluster has
//! decided to stop it.

use super::cluster::Cluster;
use super::model::{Lifecycle, Probe, ProbeAction, ProbeWord};
use crate::plan::{Check, Health, Service};
use crate::stack::Protocol;
use crate::values::Duration;

/// The time until every node has removed a stopping pod from the addresses of its Service. Measured on kubelet 1.36,
/// where a restart without this pause refused up to 4 % of new connections.
const DRAIN: Duration = Duration(5_000);

/// Returns the pause before the stop signal of a container that others reach by its name. Returns `None` for any other
/// container, and for a stack that sets `drain` to zero.
pub fn pre_stop_pause(cluster: &Cluster, service: &Service) -> Option<Lifecycle> {
    let seconds = drain_seconds(cluster, service);
    (seconds > 0).then(|| Lifecycle::sleep(seconds))
}

/// Returns the seconds after which the kubelet kills a pod: the pause, which the kubelet counts as well, and the time
/// to finish after the stop signal.
pub fn grace_period(cluster: &Cluster, service: &Service) -> u64 {
    drain_seconds(cluster, service).saturating_add(at_least_one_second(service.stop_grace))
}

/// Returns the length of the pause before the stop signal; 0 for a container that others do not reach by its name.
fn drain_seconds(cluster: &Cluster, service: &Service) -> u64 {
    let drain = cluster.settings.drain.map_or(DRAIN, Duration::from);
    if service.is_reachable() { drain.seconds() } else { 0 }
}

/// The probes of a container.
#[derive(Default)]
pub struct Probes {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

impl Probes {
    /// Returns the probes for startup, readiness and liveness. Startup and readiness run the service's own health
    /// check; liveness only opens its TCP port, if it has one, so that a slow dependency does not restart the pods that
    /// wait for it.
    pub fn new(health: &Health, service: &Service) -> Self {
        let Some((health_action, liveness_action)) = probe_actions(health, service) else { return Probes::default() };
        let start_interval = at_least_one_second(health.start_interval);
        let interval = at_least_one_second(health.interval);
        let retries = u64::from(health.retries);
        let probe = |action: ProbeAction, period_seconds: u64, failure_threshold: u64| {
            let timeout_seconds = at_least_one_second(health.timeout);
            Some(Probe { action, period_seconds, timeout_seconds, failure_threshold })
        };
        // As in Compose, failures count from the end of the start period.
        let seconds_to_start =
            at_least_one_second(health.start_period).saturating_add(interval.saturating_mul(retries));
        let startup_failures = seconds_to_start.div_ceil(start_interval);
        Probes {
            startup: probe(health_action.clone(), start_interval, startup_failures),
            readiness: probe(health_action, interval, retries),
            liveness: probe(liveness_action, interval.saturating_mul(2), retries.max(3)),
        }
    }
}

/// Returns the actions of the probes: the health check, and the check that the container is alive. Returns `None` for a
/// service without a health check.
fn probe_actions(health: &Health, service: &Service) -> Option<(ProbeAction, ProbeAction)> {
    Some(match &health.check {
        Check::Http { port, path, .. } => {
            (ProbeAction::HttpGet { path: path.to_string(), port: *port }, ProbeAction::TcpSocket { port: *port })
        }
        Check::Tcp { port } => (ProbeAction::TcpSocket { port: *port }, ProbeAction::TcpSocket { port: *port }),
        Check::Grpc { port } => (ProbeAction::Grpc { port: *port }, ProbeAction::TcpSocket { port: *port }),
        Check::Exec(words) => {
            let exec = ProbeAction::Exec { command: words.iter().map(|word| ProbeWord(word.to_string())).collect() };
            // The kubelet has no probe for UDP.
            let tcp_port = service.ports.iter().find(|(name, _)| service.protocol(name) == Protocol::Tcp);
            let liveness_action = tcp_port.map_or(exec.clone(), |(_, port)| ProbeAction::TcpSocket { port: *port });
            (exec, liveness_action)
        }
        Check::None => return None,
    })
}

/// Returns whole seconds, at least one.
fn at_least_one_second(time: Duration) -> u64 {
    time.seconds().max(1)
}
