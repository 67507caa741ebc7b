//! Alerting rules of Prometheus: the alerts of each service, and alerts about the targets of all jobs. Prometheus of the
//! monitoring services reads them from files, the Prometheus operator from objects of a cluster.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use super::model::{Monitoring, Platform};
use crate::stack::{Alert, Severity};
use crate::values::AlertName;

/// The alert that always fires. Its notifications show that alerts can be delivered.
pub const HEARTBEAT: &str = "Heartbeat";
/// The alert about a target that does not answer. While it fires, warnings about the service are not sent.
pub const TARGET_DOWN: &str = "TargetDown";
/// The receiver of alerts that no declared receiver accepts.
pub const NO_RECEIVER: &str = "none";
/// The receiver of the heartbeat. It notifies a monitor outside of the stack as long as alerts can be delivered. When
/// the notifications stop, the monitor raises the alarm, which the stack cannot do then.
pub const HEARTBEAT_RECEIVER: &str = "heartbeat";
/// The name of the object with the rules about targets for the Prometheus operator.
pub const TARGET_RULES: &str = "targets";
/// The name of the job that reads the metrics of containers from the kubelets.
pub const KUBELET: &str = "kubelet";
/// The name of the job that reads the metrics of volumes from the kubelets.
pub const KUBELET_VOLUMES: &str = "kubelet-volumes";
/// The jobs that read the kubelets.
pub const KUBELET_JOBS: [&str; 2] = [KUBELET, KUBELET_VOLUMES];

/// The alerts about volumes of a cluster. On a host, those of node-exporter watch the disk of all volumes.
static VOLUME_ALERTS: LazyLock<Vec<(AlertName, Alert)>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("volume_alerts.json")).unwrap_or_else(|error| {
        // The file is part of the program; a test reads it, so this cannot happen in a release.
        unreachable!("volume_alerts.json: {error}")
    })
});

/// A rule as Prometheus reads it.
#[derive(Serialize)]
pub struct Rule {
    pub alert: String,
    pub expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    pub labels: BTreeMap<&'static str, String>,
    pub annotations: BTreeMap<&'static str, String>,
}

/// Returns the jobs whose targets must answer: the jobs of services, and the jobs of the kubelets.
pub fn jobs(monitoring: &Monitoring) -> impl Iterator<Item = &str> {
    let kubelet_jobs: &[&str] = if reads_kubelets(monitoring) { &KUBELET_JOBS } else { &[] };
    monitoring.jobs.keys().map(|name| name.as_str()).chain(kubelet_jobs.iter().copied())
}

/// Returns the alerts about volumes; none if no kubelet is read, since only kubelets measure volumes.
pub fn volume_alerts(monitoring: &Monitoring) -> &'static [(AlertName, Alert)] {
    if reads_kubelets(monitoring) { &VOLUME_ALERTS } else { &[] }
}

/// Returns whether Prometheus of the stack reads the kubelets of a cluster.
fn reads_kubelets(monitoring: &Monitoring) -> bool {
    matches!(monitoring.platform, Platform::Cluster { scrapes_kubelets: true, .. })
}

/// Returns the rules about the targets of each job, about the volumes of a cluster, and the alert that always fires.
pub fn of_targets(monitoring: &Monitoring) -> Vec<Rule> {
    // The operator's Prometheus may read jobs of the same name in several namespaces.
    let namespace = match &monitoring.platform {
        Platform::Cluster { operator: Some(_), namespace, .. } => format!(",namespace=\"{namespace}\""),
        _ => String::new(),
    };
    let target_rules = jobs(monitoring).map(|job| Rule {
        alert: TARGET_DOWN.to_owned(),
        // Prometheus finds containers by DNS, which has no records of ended containers. So a job whose containers have
        // all ended has no series `up`, which `absent` detects.
        expr: format!("up{{job=\"{job}\"{namespace}}} == 0 or absent(up{{job=\"{job}\"{namespace}}})"),
        hold: Some("2m".to_owned()),
        labels: labels(job, Severity::Critical),
        annotations: BTreeMap::from([
            ("summary", format!("`{job}` does not answer to Prometheus")),
            ("description", format!("See whether `{job}` runs and is healthy, and read its log.")),
        ]),
    });
    let heartbeat = Rule {
        alert: HEARTBEAT.to_owned(),
        expr: "vector(1)".to_owned(),
        hold: None,
        labels: BTreeMap::from([("severity", "heartbeat".to_owned())]),
        annotations: BTreeMap::from([("summary", "Alerts can be delivered".to_owned())]),
    };
    let volume_rules =
        volume_alerts(monitoring).iter().map(|(name, alert)| rule(KUBELET_VOLUMES, name.as_str(), alert));
    target_rules.chain(volume_rules).chain([heartbeat]).collect()
}

/// Returns the rules of a service's alerts.
pub fn of_service(service: &str, alerts: &BTreeMap<AlertName, Alert>) -> Vec<Rule> {
    alerts.iter().map(|(name, alert)| rule(service, name.as_str(), alert)).collect()
}

/// Returns the rule of one alert.
fn rule(service: &str, name: &str, alert: &Alert) -> Rule {
    let runbook = alert.runbook.iter().map(|runbook| ("description", runbook.to_string()));
    Rule {
        alert: name.to_owned(),
        expr: alert.expr.to_string(),
        hold: alert.hold.map(|hold| hold.to_string()),
        labels: labels(service, alert.severity),
        annotations: [("summary", alert.summary.to_string())].into_iter().chain(runbook).collect(),
    }
}

fn labels(service: &str, severity: Severity) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("service", service.to_owned()), ("severity", severity.name().to_owned())])
}
