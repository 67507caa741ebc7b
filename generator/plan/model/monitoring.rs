//! The monitoring part of the plan: scrape jobs, alerts, dashboards, receivers, and the programs that use them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stack::{Alert, Panel, Receiver, Severity};
use crate::values::{AlertName, Duration, Memory, SecretName, ServiceName, Text, UrlPath};

/// The monitoring of an environment. It is empty if no monitoring program runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Monitoring {
    /// Programs with generated configuration, each with its service.
    pub programs: BTreeMap<Program, ProgramService>,
    /// Scrape jobs by the service that has the metrics.
    pub jobs: BTreeMap<ServiceName, ScrapeJob>,
    pub alerts: BTreeMap<ServiceName, BTreeMap<AlertName, Alert>>,
    /// Dashboards by service and by the name of the dashboard.
    pub dashboards: BTreeMap<ServiceName, BTreeMap<ServiceName, Dashboard>>,
    /// Receivers by name. The rules of service names also apply to them.
    pub receivers: BTreeMap<ServiceName, Receiver>,
    /// The secret with the URL of the dead-man switch.
    pub heartbeat: Option<SecretName>,
    /// The platform. The addresses of scrape targets and the collection of logs depend on it.
    pub platform: Platform,
}

/// A dashboard of Grafana.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dashboard {
    Panels {
        title: Text,
        panels: Vec<Panel>,
    },
    /// The dashboard of a file, in Grafana's format.
    File(serde_json::Value),
}

impl Dashboard {
    /// Returns Grafana's identifier of a service's dashboard; an empty text for a file without an identifier.
    pub fn uid(&self, service: &ServiceName, name: &ServiceName) -> String {
        match self {
            Dashboard::Panels { .. } => format!("{service}-{name}"),
            Dashboard::File(file) => file["uid"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// A program whose configuration is derived from the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    Alertmanager,
    Alloy,
    Grafana,
    Loki,
    Prometheus,
    Tempo,
}

impl Program {
    pub const ALL: [Program; 6] =
        [Program::Alertmanager, Program::Alloy, Program::Grafana, Program::Loki, Program::Prometheus, Program::Tempo];

    /// Returns the name of the program: its entry in the catalogue, and its folder among the generated files.
    pub fn name(self) -> &'static str {
        match self {
            Program::Alertmanager => "alertmanager",
            Program::Alloy => "alloy",
            Program::Grafana => "grafana",
            Program::Loki => "loki",
            Program::Prometheus => "prometheus",
            Program::Tempo => "tempo",
        }
    }

    /// Returns the folder in the container where the program finds its generated files.
    pub fn folder(self) -> String {
        match self {
            Program::Grafana => "/etc/grafana/provisioning".to_owned(),
            program => format!("/etc/nself/{}", program.name()),
        }
    }
}

/// The service that runs a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgramService {
    pub service: ServiceName,
    /// The port `http`.
    pub port: u16,
    /// The size of the service's volume, which limits how much data the program retains.
    pub volume: Option<Memory>,
}

/// The address at which Prometheus reads the metrics of a service, and the time between two reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScrapeJob {
    pub port: u16,
    pub path: UrlPath,
    pub interval: Duration,
    /// Values of the parameter `target`, each for a separate scrape.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Text>,
}

impl ScrapeJob {
    /// Returns the time limit of a scrape: ten seconds, or a shorter interval, so that a scrape ends before the next one.
    pub fn timeout(&self) -> String {
        format!("{}s", (self.interval.0 / 1000).min(10))
    }
}

/// The platform on which the programs run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A container engine, whose name server knows all containers of a service.
    #[default]
    Engine,
    Cluster {
        namespace: String,
        /// The DNS suffix of Services in the namespace, such as `shop.svc.cluster.local`.
        service_domain: String,
        /// Whether Services have IPv6 addresses only.
        only_ipv6: bool,
        /// Whether the kubelets are scraped.
        scrapes_kubelets: bool,
        /// The Prometheus operator, if its Prometheus reads the metrics.
        operator: Option<Operator>,
    },
}

/// The Prometheus operator of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// The domain of Services in the namespace of its Prometheus and Alertmanager.
    pub service_domain: String,
}

impl Operator {
    /// Returns the Service that the operator creates for a program, and its port.
    pub fn service_and_port(program: Program) -> Option<(&'static str, u16)> {
        match program {
            Program::Prometheus => Some(("prometheus-operated", 9090)),
            Program::Alertmanager => Some(("alertmanager-operated", 9093)),
            Program::Alloy | Program::Grafana | Program::Loki | Program::Tempo => None,
        }
    }
}

impl Monitoring {
    /// Returns the URL of a program: of its service in the stack, or of the Service that the Prometheus operator
    /// creates for it. `None` if the program runs in neither way.
    pub fn url(&self, program: Program) -> Option<String> {
        if let Some(program_service) = self.programs.get(&program) {
            return Some(format!("http://{}:{}", program_service.service, program_service.port));
        }
        let Platform::Cluster { operator: Some(operator), .. } = &self.platform else { return None };
        let (service, port) = Operator::service_and_port(program)?;
        Some(format!("http://{service}.{}:{port}", operator.service_domain))
    }

    /// Returns the receivers of a severity, by name.
    pub fn receivers_of(&self, severity: Severity) -> impl Iterator<Item = (&ServiceName, &Receiver)> {
        self.receivers.iter().filter(move |(_, receiver)| receiver.gets(severity))
    }
}
