//! Alerting rules of Prometheus: the alerts of each service, and alerts about the targets of all jobs. Prometheus of the
//! monitoring services reads them from files, the Prometheus operator from objects of a cluster.

use std::collections::BTreeMap;

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
/// The name of the job that reads the kubelets.
pub const KUBELET: &str = "kubelet";

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

/// Returns the jobs whose targets must answer: the jobs of services, and the job of the kubelets.
pub fn jobs(monitoring: &Monitoring) -> impl Iterator<Item = &str> {
    let reads_kubelets = matches!(monitoring.platform, Platform::Cluster { scrapes_kubelets: true, .. });
    monitoring.jobs.keys().map(|name| name.as_str()).chain(reads_kubelets.then_some(KUBELET))
}

/// Returns the rules about the targets of each job, and the alert that always fires.
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
    target_rules.chain([heartbeat]).collect()
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
