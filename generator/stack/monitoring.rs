//! Monitoring: the `metrics`, `alerts` and `dashboards` of a service, and settings of the monitoring services.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kubernetes::Kubernetes;
use super::secret::SecretReference;
use crate::values::{
    Checked, Duration, DurationOrZero, Email, Host, PanelQuery, PanelUnit, PortName, ProjectPath, PromqlExpression,
    Reason, Series, SeriesValues, ServiceName, Text, UrlPath, UserId, ranged,
};

/// Metrics that a service exports in the format of Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Port of the metrics; `http`, or the only port, by default.
    pub port: Option<PortName>,
    /// `/metrics` by default. Routes of the service answer this path only for internal addresses, unless a route is for
    /// exactly this path.
    pub path: Option<UrlPath>,
    /// Time between two scrapes; 30s by default.
    pub interval: Option<Duration>,
    /// Addresses that the service probes, if it exports metrics of several programs. Prometheus scrapes the service
    /// once for each address, with the parameter `target`. The address becomes the label `instance`.
    pub targets: Vec<Text>,
}

impl Metrics {
    /// Returns the path of the metrics.
    pub fn path(&self) -> UrlPath {
        self.path.clone().unwrap_or_else(|| UrlPath::wrap("/metrics".into()))
    }
}

/// The time within which a person must look at an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// At once, at any time.
    Critical,
    /// In working hours.
    #[default]
    Warning,
}

impl Severity {
    pub const ALL: [Severity; 2] = [Severity::Critical, Severity::Warning];

    pub fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }
}

/// An alert about a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Condition of the alert in PromQL.
    pub expr: PromqlExpression,
    /// Time for which the condition must hold before the alert fires; `0s` by default: it fires at once.
    #[serde(default, rename = "for")]
    pub hold: Option<DurationOrZero>,
    #[serde(default)]
    pub severity: Severity,
    /// One line for the notification.
    pub summary: Text,
    /// The steps to take when the alert fires.
    #[serde(default)]
    pub runbook: Option<Text>,
    /// Input of a test of the alert, which `promtool test rules` runs.
    #[serde(default)]
    pub test: Option<AlertTest>,
}

/// Series with which an alert fires, and series with which it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTest {
    pub fires: BTreeMap<Series, SeriesValues>,
    pub quiet: BTreeMap<Series, SeriesValues>,
    /// Time from the start of the series to the check; 30m by default.
    #[serde(default)]
    pub after: Option<Duration>,
}

/// A dashboard of a service: a title with panels, or a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dashboard {
    pub title: Option<Text>,
    pub panels: Vec<Panel>,
    /// A file of the project with the JSON of a dashboard of Grafana.
    pub file: Option<ProjectPath>,
}

/// A panel of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    pub title: Text,
    /// Query in PromQL; in LogQL for `'logs`.
    pub expr: PanelQuery,
    /// Unit of Grafana such as `bytes`, `s`, `percentunit` or `reqps`.
    #[serde(default)]
    pub unit: Option<PanelUnit>,
    #[serde(default)]
    pub kind: PanelKind,
    /// Name of each series, such as `{{instance}}`.
    #[serde(default)]
    pub legend: Option<Text>,
}

/// The form of a panel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PanelKind {
    /// Values over time.
    #[default]
    Timeseries,
    /// The latest value.
    Stat,
    /// The latest value on a scale.
    Gauge,
    /// The latest values by label.
    Table,
    /// Lines of logs.
    Logs,
}

/// The monitoring services, and the receivers of their alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// Whether the monitoring services run; by default in environments with the profiles `'staging` and `'prod`.
    pub enabled: Option<bool>,
    /// The reason why servers run without the monitoring services, such as monitoring from outside. With a reason, the
    /// monitoring services run only if `enabled` is true.
    pub waive: Option<Reason>,
    /// Limits of the monitoring services, and the time for which they keep data.
    pub size: BundleSize,
    /// Receivers of alerts by name.
    pub receivers: BTreeMap<ServiceName, Receiver>,
    /// Secret with the URL that Alertmanager calls every minute while alerts can be delivered. The service at this URL must
    /// alert when the calls stop.
    pub heartbeat: Option<SecretReference>,
}

/// Sizes of the monitoring services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BundleSize {
    /// At most 1.2 GiB of memory limits, for a server of 4 GiB.
    #[default]
    Small,
    /// For tens of services.
    Large,
}

/// A receiver of alerts: one or more of Slack, PagerDuty, a webhook and e-mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Receiver {
    /// Severities of the alerts that the receiver gets; all by default.
    pub severities: Vec<Severity>,
    pub slack: Option<Slack>,
    pub pagerduty: Option<Pagerduty>,
    pub webhook: Option<Webhook>,
    pub email: Option<EmailReceiver>,
}

/// A channel of Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Secret with the URL of the incoming webhook.
    pub url: SecretReference,
    /// The channel; by default that of the webhook.
    #[serde(default)]
    pub channel: Option<Text>,
}

/// A service of PagerDuty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagerduty {
    /// Secret with the integration key of the Events API v2.
    pub key: SecretReference,
}

/// An HTTP endpoint that gets Alertmanager's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Secret with the URL.
    pub url: SecretReference,
}

/// A mailbox, and the mail server that delivers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailReceiver {
    pub to: Email,
    pub from: Email,
    /// SMTP server, reached with STARTTLS.
    pub host: Host,
    /// 587 by default.
    #[serde(default, deserialize_with = "ranged::positive")]
    pub port: Option<u16>,
    pub user: Text,
    /// Secret with the password.
    pub password: SecretReference,
}

impl Receiver {
    /// Returns whether the receiver gets alerts of a severity.
    pub fn gets(&self, severity: Severity) -> bool {
        self.severities.is_empty() || self.severities.contains(&severity)
    }

    /// Returns each secret with the two steps of its path in the receiver: `slack` and `url` for `slack.url`.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &'static str, &SecretReference)> {
        let slack = self.slack.iter().map(|slack| ("slack", "url", &slack.url));
        let pagerduty = self.pagerduty.iter().map(|pagerduty| ("pagerduty", "key", &pagerduty.key));
        let webhook = self.webhook.iter().map(|webhook| ("webhook", "url", &webhook.url));
        let email = self.email.iter().map(|email| ("email", "password", &email.password));
        slack.chain(pagerduty).chain(webhook).chain(email)
    }
}

/// Differences of a service on clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnClusters {
    /// The part of a cluster that replaces the service. The service then does not run on clusters.
    pub replaced_by: Option<Replacement>,
    /// User in pods, if it differs.
    pub user: Option<UserId>,
    /// Parts of the cluster's API that the service reads.
    pub reads: Vec<ClusterRight>,
    /// The group of the service. Its members run on different nodes if possible, and at most one of them is evicted at a time.
    pub group: Option<ServiceName>,
}

impl OnClusters {
    /// Returns the part of a cluster with these settings that replaces the service; `None` if the service runs. An operator
    /// replaces it only on clusters that have one.
    pub fn replacement(&self, settings: &Kubernetes) -> Option<Replacement> {
        self.replaced_by.filter(|part| *part != Replacement::Operator || settings.prometheus_operator.is_some())
    }
}

/// The part of a cluster that replaces a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Replacement {
    /// The kubelet of each node exports the same metrics.
    Kubelet,
    /// The service is left out on clusters, which already have such a program.
    Nothing,
    /// The Prometheus operator, on clusters with `kubernetes.prometheus_operator`. On other clusters the service runs.
    Operator,
}

/// A part of the cluster's API that a service reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterRight {
    /// Logs of the pods in the namespace.
    Logs,
    /// Metrics of nodes from their kubelets.
    Nodes,
}
