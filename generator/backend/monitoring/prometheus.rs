//! The configuration of Prometheus: a scrape job for each service with metrics, which finds all replicas with DNS.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use crate::diagnostic::Diagnostic;
use crate::plan::alert_rules::{KUBELET, KUBELET_VOLUMES};
use crate::plan::{Monitoring, Plan, Platform, Program, ScrapeJob};
use crate::values::ServiceName;

#[derive(Serialize)]
struct Config<'a> {
    global: Global<'a>,
    rule_files: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    alerting: Option<Value>,
    scrape_configs: Vec<JobConfig>,
}

#[derive(Serialize)]
struct Global<'a> {
    scrape_interval: &'static str,
    evaluation_interval: &'static str,
    external_labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct JobConfig {
    job_name: String,
    scrape_interval: String,
    scrape_timeout: String,
    metrics_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_config: Option<Value>,
    /// The maximum number of samples of a scrape, so that a program with unlimited metrics does not fill the disk.
    sample_limit: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns_sd_configs: Vec<DnsDiscovery>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kubernetes_sd_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    static_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relabel_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metric_relabel_configs: Vec<Value>,
}

#[derive(Serialize)]
struct DnsDiscovery {
    names: [String; 1],
    #[serde(rename = "type")]
    kind: &'static str,
    port: u16,
    refresh_interval: &'static str,
}

/// Writes `prometheus.yml`.
pub fn emit(plan: &Plan, monitoring: &Monitoring, files: &mut Files) -> Result<(), Diagnostic> {
    let alertmanager = monitoring.programs.get(&Program::Alertmanager);
    let jobs = monitoring.jobs.iter().map(|(name, scrape_job)| job_config(monitoring, name, scrape_job));
    let config = Config {
        global: Global {
            scrape_interval: "30s",
            evaluation_interval: "30s",
            external_labels: BTreeMap::from([
                ("environment", plan.environment.as_str()),
                ("project", plan.project.as_str()),
            ]),
        },
        rule_files: ["rules/*.yml"],
        alerting: alertmanager.map(|alertmanager| {
            let target = format!("{}:{}", alertmanager.service, alertmanager.port);
            json!({ "alertmanagers": [{ "static_configs": [{ "targets": [target] }] }] })
        }),
        scrape_configs: jobs.chain(kubelet_jobs(monitoring)).collect(),
    };
    files.add_yaml(Program::Prometheus, "prometheus.yml", &config)
}

/// Returns the job of one service. The engine's name server has an address record for each container of the service,
/// the cluster's name server one for each pod of the headless Service.
fn job_config(monitoring: &Monitoring, name: &ServiceName, scrape_job: &ScrapeJob) -> JobConfig {
    let (host, only_ipv6) = match &monitoring.platform {
        Platform::Engine => (name.to_string(), false),
        Platform::Cluster { service_domain, only_ipv6, .. } => (format!("{name}-metrics.{service_domain}"), *only_ipv6),
    };
    // If one exporter serves several programs, the job scrapes its address once for each program, with the program as a
    // parameter.
    let (static_configs, relabel_configs) = match scrape_job.targets.as_slice() {
        [] => (Vec::new(), Vec::new()),
        targets => (vec![json!({ "targets": targets })], probe_relabelling(&format!("{host}:{}", scrape_job.port))),
    };
    let discovery = DnsDiscovery {
        names: [host],
        kind: if only_ipv6 { "AAAA" } else { "A" },
        port: scrape_job.port,
        refresh_interval: "15s",
    };
    JobConfig {
        job_name: name.to_string(),
        scrape_interval: scrape_job.interval.to_string(),
        scrape_timeout: scrape_job.timeout(),
        metrics_path: scrape_job.path.to_string(),
        scheme: None,
        authorization: None,
        tls_config: None,
        sample_limit: 20_000,
        dns_sd_configs: if static_configs.is_empty() { vec![discovery] } else { Vec::new() },
        kubernetes_sd_configs: Vec::new(),
        static_configs,
        relabel_configs,
        metric_relabel_configs: Vec::new(),
    }
}

/// Returns the relabelling rules of a job that scrapes through an exporter: the target becomes the parameter `target` and
/// the label `instance`, and the exporter becomes the scraped address.
fn probe_relabelling(exporter: &str) -> Vec<Value> {
    vec![
        json!({ "source_labels": ["__address__"], "target_label": "__param_target" }),
        json!({ "source_labels": ["__param_target"], "target_label": "instance" }),
        json!({ "target_label": "__address__", "replacement": exporter }),
    ]
}

/// Returns the jobs that read metrics of containers and of volumes from the kubelet of each node; none if the plan has no
/// such jobs.
fn kubelet_jobs(monitoring: &Monitoring) -> Vec<JobConfig> {
    let Platform::Cluster { scrapes_kubelets: true, namespace, .. } = &monitoring.platform else { return Vec::new() };
    // A kubelet also measures the pods of other namespaces, and each pod as a whole, without the label `container`. Only the
    // network is measured for a pod.
    let own_containers = json!({
        "source_labels": ["namespace", "container", "__name__"],
        "regex": format!("{namespace};(.+;.+|;container_network_.+)"),
        "action": "keep",
    });
    let own_volumes = json!({
        "source_labels": ["namespace", "__name__"],
        "regex": format!("{namespace};kubelet_volume_stats_.+"),
        "action": "keep",
    });
    vec![
        kubelet_job(KUBELET, "/metrics/cadvisor", own_containers),
        kubelet_job(KUBELET_VOLUMES, "/metrics", own_volumes),
    ]
}

/// Returns the job that reads a path of the kubelet of each node and keeps the series that `kept_series` selects.
fn kubelet_job(name: &str, path: &str, kept_series: Value) -> JobConfig {
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    JobConfig {
        job_name: name.to_owned(),
        scrape_interval: "30s".to_owned(),
        scrape_timeout: "10s".to_owned(),
        metrics_path: path.to_owned(),
        scheme: Some("https"),
        authorization: Some(json!({ "credentials_file": format!("{account}/token") })),
        // Certificates of kubelets are often self-signed.
        tls_config: Some(json!({ "ca_file": format!("{account}/ca.crt"), "insecure_skip_verify": true })),
        sample_limit: 100_000,
        dns_sd_configs: Vec::new(),
        kubernetes_sd_configs: vec![json!({ "role": "node" })],
        static_configs: Vec::new(),
        relabel_configs: Vec::new(),
        metric_relabel_configs: vec![kept_series],
    }
}
