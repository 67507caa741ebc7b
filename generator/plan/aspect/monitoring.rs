//! Plans monitoring: collects `metrics`, `alerts` and `dashboards` of all services, and gives the monitoring programs
//! their generated files, connections to the scraped services and secrets of receivers. Services with `otel` get the
//! variables with which they send traces.

use std::collections::BTreeMap;

use super::dashboards;
use super::secrets::{DeclaredSecrets, NeededValue};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::alert_rules::{HEARTBEAT_RECEIVER, NO_RECEIVER};
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, Monitoring, Program, ProgramService, ScrapeJob, Value};
use crate::plan::ports::{port, tcp_port};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{Run, Severity};
use crate::values::{Checked, ContainerPath, Duration, PortName, SecretName, ServiceName, Text, VariableName};

/// Time between two scrapes unless the stack sets it: 30 seconds.
const INTERVAL: Duration = Duration(30_000);
/// Share of its volume that Prometheus may fill with blocks, in percent. The rest is for its log of recent samples.
const BLOCKS_PERCENT: u64 = 75;
/// Connections between the programs, each from the first to the second.
const PROGRAM_CONNECTIONS: [(Program, Program); 6] = [
    (Program::Prometheus, Program::Alertmanager),
    (Program::Grafana, Program::Alertmanager),
    (Program::Grafana, Program::Loki),
    (Program::Grafana, Program::Prometheus),
    (Program::Grafana, Program::Tempo),
    (Program::Alloy, Program::Loki),
];

/// Plans the monitoring of the services in the roster.
pub fn plan(inputs: Inputs, roster: &Roster, declared: &DeclaredSecrets) -> Planned<Monitoring> {
    let mut planned = Planned { value: find_programs(roster), wirings: Vec::new(), findings: check_metrics(roster) };
    planned.findings.extend(reserved_receivers(inputs));
    if planned.value.programs.is_empty() {
        planned.findings.extend(check_unused_receivers(inputs, roster));
        return planned;
    }
    let runs_permanently =
        |member: &PlannedService| member.service.run == Run::Always && member.service.schedule.is_none();
    for (name, member) in roster {
        if let Some(job) = scrape_job(member)
            && runs_permanently(member)
        {
            planned.value.jobs.insert(name.clone(), job);
        }
        if !member.service.alerts.is_empty() {
            planned.value.alerts.insert(name.clone(), member.service.alerts.clone());
        }
        let dashboards = dashboards::plan(inputs, member);
        planned.findings.extend(dashboards.findings);
        if !dashboards.value.is_empty() {
            planned.value.dashboards.insert(name.clone(), dashboards.value);
        }
    }
    planned.findings.extend(dashboards::check_uids(&planned.value, roster));
    planned.value.receivers.clone_from(&inputs.stack.monitoring.receivers);
    planned.value.heartbeat = inputs.stack.monitoring.heartbeat.as_ref().map(|heartbeat| heartbeat.secret.clone());
    planned.wirings.extend(program_wirings(&planned.value, roster));
    planned.wirings.extend(scrape_wirings(&planned.value, roster));
    planned.wirings.extend(trace_wirings(&planned.value, roster));
    let receivers = plan_receivers(inputs, &planned.value, roster, declared);
    planned.wirings.extend(receivers.wirings);
    planned.findings.extend(receivers.findings);
    planned
}

/// Returns monitoring of which only `programs` is set: for each program, the first service that comes from the program's
/// catalogue entry and has a port `http`.
fn find_programs(roster: &Roster) -> Monitoring {
    let mut monitoring = Monitoring::default();
    for (name, member) in roster {
        let program = member.service.catalogue.as_ref().map(ServiceName::as_str);
        let Some(program) = Program::ALL.into_iter().find(|candidate| Some(candidate.name()) == program) else {
            continue;
        };
        let Some(port) = member.service.all_ports().get("http").copied() else { continue };
        let volume = member.service.volumes.values().find_map(|volume| volume.size);
        monitoring.programs.entry(program).or_insert(ProgramService { service: name.clone(), port, volume });
    }
    monitoring
}

/// Returns the scrape job of a service; `None` if it has no metrics or their port does not exist, which
/// [`check_metrics`] reports.
fn scrape_job(member: &PlannedService) -> Option<ScrapeJob> {
    let metrics = member.service.metrics.as_ref()?;
    let port = port(&member.service, &metrics.port, &member.path).ok()?;
    let interval = metrics.interval.unwrap_or(INTERVAL);
    Some(ScrapeJob { port, path: metrics.path(), interval, targets: metrics.targets.clone() })
}

/// Checks the `metrics` of each service: the port exists, and the interval is between 5 seconds and 5 minutes.
fn check_metrics(roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for member in roster.values() {
        let Some(metrics) = &member.service.metrics else { continue };
        let path = member.path.key("metrics");
        findings.extend(tcp_port(&member.service, &metrics.port, &path.key("port")).err());
        if metrics.interval.is_some_and(|interval| !(5_000..=300_000).contains(&interval.0)) {
            findings.push(
                Diagnostic::error(Code::ScrapeInterval, path.key("interval"))
                    .message("the interval of the metrics is shorter than 5 seconds or longer than 5 minutes")
                    .expected("a time from 5s to 5m"),
            );
        }
    }
    findings
}

/// Refuses receivers with a name that a receiver of the generated configuration has.
fn reserved_receivers(inputs: Inputs) -> Vec<Diagnostic> {
    let reserved_names = [
        (NO_RECEIVER, "the receiver of alerts that are not sent"),
        (HEARTBEAT_RECEIVER, "the receiver of the heartbeat"),
    ];
    let receivers = inputs.stack.monitoring.receivers.keys();
    let findings = receivers.filter_map(|name| {
        let (_, purpose) = reserved_names.iter().find(|(reserved, _)| *reserved == name.as_str())?;
        let finding = Diagnostic::error(Code::NameTaken, path!("monitoring", "receivers", name));
        Some(
            finding
                .message(format!("the name `{name}` is reserved for {purpose}"))
                .hint("choose a different name; a URL that is called once a minute belongs in `monitoring.heartbeat`"),
        )
    });
    findings.collect()
}

/// Warns of receivers in an environment without a program that sends alerts to them.
fn check_unused_receivers(inputs: Inputs, roster: &Roster) -> Option<Diagnostic> {
    let settings = &inputs.stack.monitoring;
    let field = if !settings.receivers.is_empty() {
        "receivers"
    } else if settings.heartbeat.is_some() {
        "heartbeat"
    } else {
        return None;
    };
    // In the profile `local`, monitoring is off by default.
    let is_off_on_purpose = settings.enabled == Some(false) || inputs.profile == crate::stack::Profile::Local;
    (!is_off_on_purpose && !roster.is_empty()).then(|| {
        Diagnostic::warning(Code::NoAlerts, path!("monitoring", field))
            .message("no alert is sent, since monitoring is off in this environment")
            .hint("set `monitoring.enabled = true`, or remove this field")
    })
}

/// Mounts the generated files of each program, and connects the programs.
fn program_wirings(monitoring: &Monitoring, roster: &Roster) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (program, program_service) in &monitoring.programs {
        let cause = &roster[&program_service.service].path;
        let mount = ConfigMount {
            source: format!("monitoring/{}", program.name()),
            target: ContainerPath::wrap(program.folder()),
            reloads: false,
        };
        wirings.push(Wiring::new(&program_service.service, Addition::Config(mount), cause));
        if let (Program::Prometheus, Some(volume)) = (program, program_service.volume) {
            // Prometheus counts 1,048,576 bytes as 1 MB.
            let size = format!("--storage.tsdb.retention.size={}MB", volume.0 / (1 << 20) * BLOCKS_PERCENT / 100);
            let argument = Addition::Arguments { program: None, arguments: vec![Text::wrap(size)] };
            wirings.push(Wiring::new(&program_service.service, argument, &cause.key("volumes")));
        }
    }
    for (from, to) in PROGRAM_CONNECTIONS {
        if let (Some(from), Some(to)) = (monitoring.programs.get(&from), monitoring.programs.get(&to)) {
            let connection = Addition::Connection { to: to.service.clone(), port: to.port };
            wirings.push(Wiring::new(&from.service, connection, &roster[&from.service].path));
        }
    }
    wirings
}

/// Connects Prometheus to each service with metrics, and marks the port of these metrics.
fn scrape_wirings(monitoring: &Monitoring, roster: &Roster) -> Vec<Wiring> {
    let Some(prometheus) = monitoring.programs.get(&Program::Prometheus) else { return Vec::new() };
    let wirings = monitoring.jobs.iter().flat_map(|(name, job)| {
        let cause = roster[name].path.key("metrics");
        let metrics_port = Wiring::new(name, Addition::MetricsPort(job.port), &cause);
        let connection = Addition::Connection { to: name.clone(), port: job.port };
        [metrics_port, Wiring::new(&prometheus.service, connection, &cause)]
    });
    wirings.collect()
}

/// The name of the port on which the receiver of traces accepts OTLP over HTTP.
const OTLP: &str = "otlp-http";

/// Gives services with `otel` the standard variables of OpenTelemetry, with which they send traces to Tempo. Metrics are
/// scraped and logs are collected from the containers, so the exporters of metrics and logs are off.
fn trace_wirings(monitoring: &Monitoring, roster: &Roster) -> Vec<Wiring> {
    let Some(tempo) = monitoring.programs.get(&Program::Tempo) else { return Vec::new() };
    let port = roster[&tempo.service].service.all_ports().get(&PortName::wrap(OTLP.to_owned())).copied();
    let Some(port) = port else { return Vec::new() };
    let senders = roster.iter().filter(|(_, member)| member.service.otel);
    let wirings = senders.flat_map(|(name, member)| {
        let cause = member.path.key("otel");
        let variables = [
            ("OTEL_SERVICE_NAME", name.to_string()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}:{port}", tempo.service)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_TRACES_EXPORTER", "otlp".to_owned()),
            ("OTEL_METRICS_EXPORTER", "none".to_owned()),
            ("OTEL_LOGS_EXPORTER", "none".to_owned()),
            ("OTEL_PROPAGATORS", "tracecontext,baggage".to_owned()),
        ];
        let variables = variables.map(|(variable, value)| {
            let variable = VariableName::wrap(variable.to_owned());
            Wiring::new(name, Addition::DefaultVariable(variable, Value::Text(value)), &cause)
        });
        let connection = Addition::Connection { to: tempo.service.clone(), port };
        variables.into_iter().chain([Wiring::new(name, connection, &cause)]).collect::<Vec<_>>()
    });
    wirings.collect()
}

/// Mounts the secrets of receivers into Alertmanager, and checks that each severity has a receiver.
fn plan_receivers(inputs: Inputs, monitoring: &Monitoring, roster: &Roster, declared: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    let Some(alertmanager) = monitoring.programs.get(&Program::Alertmanager) else { return planned };
    let settings = &inputs.stack.monitoring;
    // Each secret once, with the first field that refers to it.
    let mut secrets: BTreeMap<&SecretName, FieldPath> = BTreeMap::new();
    for (name, receiver) in &settings.receivers {
        let path = path!("monitoring", "receivers", name);
        if receiver.secrets().next().is_none() {
            planned.findings.push(
                Diagnostic::error(Code::NoAlerts, path.clone())
                    .lacks(path.clone())
                    .message("the receiver has no destination for alerts")
                    .expected("`slack`, `pagerduty`, `webhook` or `email`"),
            );
        }
        for (delivery, field, reference) in receiver.secrets() {
            secrets.entry(&reference.secret).or_insert_with(|| path.key(delivery).key(field));
        }
    }
    if let Some(heartbeat) = &settings.heartbeat {
        secrets.entry(&heartbeat.secret).or_insert_with(|| path!("monitoring", "heartbeat"));
    }
    for (secret, cause) in secrets {
        match declared.require(secret, NeededValue::Issued, &cause) {
            Ok(()) => {
                let file = Addition::SecretFile(secret.clone());
                planned.wirings.push(Wiring::new(&alertmanager.service, file, &cause));
            }
            Err(finding) => planned.findings.push(finding),
        }
    }
    let severities = Severity::ALL.into_iter().filter(|severity| monitoring.receivers_of(*severity).next().is_none());
    let severities_without_receiver: Vec<&str> = severities.map(Severity::name).collect();
    if !severities_without_receiver.is_empty() && inputs.profile == crate::stack::Profile::Prod {
        let field = if settings.receivers.is_empty() { path!("monitoring") } else { path!("monitoring", "receivers") };
        planned.findings.push(
            Diagnostic::warning(Code::NoAlerts, field)
                .message(format!("no receiver gets alerts of severity {}", severities_without_receiver.join(" and ")))
                .lacks(path!("monitoring", "receivers"))
                .expected("a receiver for each severity")
                .hint("add `secrets.alerts_url = nself.external \"the webhook for alerts\"` and `monitoring.receivers.team.webhook.url = nself.secret \"alerts_url\"`; docs/monitoring.md lists all kinds of receivers")
                .related(roster[&alertmanager.service].path.clone(), "this service sends the alerts"),
        );
    }
    planned
}
