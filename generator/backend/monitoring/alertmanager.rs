//! The configuration of Alertmanager: a route for each severity and receiver. Secrets are files, never values.

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use super::rules::HEARTBEAT;
use crate::diagnostic::Diagnostic;
use crate::plan::{Monitoring, Plan, Program};
use crate::stack::{Receiver, SecretReference, Severity};
use crate::values::SecretName;

/// The receiver of alerts that no declared receiver accepts.
const NO_RECEIVER: &str = "none";
/// The receiver of the dead-man switch.
const SWITCH: &str = "heartbeat";

#[derive(Serialize)]
struct Config {
    global: Value,
    route: Value,
    inhibit_rules: Vec<Value>,
    receivers: Vec<Target>,
}

#[derive(Default, Serialize)]
struct Target {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slack_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pagerduty_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhook_configs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_configs: Vec<Value>,
}

/// Writes `alertmanager.yml`.
pub fn emit(plan: &Plan, monitoring: &Monitoring, files: &mut Files) -> Result<(), Diagnostic> {
    let mut routes = vec![heartbeat_route()];
    for severity in Severity::ALL {
        let receivers = monitoring.receivers_of(severity).map(|(name, _)| {
            // `continue` lets further receivers of the same severity have the alert.
            json!({
                "receiver": name,
                "matchers": [format!("severity=\"{}\"", severity.name())],
                "repeat_interval": if severity == Severity::Critical { "4h" } else { "24h" },
                "continue": true,
            })
        });
        routes.extend(receivers);
    }
    let none = Target { name: NO_RECEIVER.to_owned(), ..Target::default() };
    let receivers = monitoring.receivers.iter().map(|(name, receiver)| target(plan, name.as_str(), receiver));
    let config = Config {
        global: json!({ "resolve_timeout": "5m" }),
        route: json!({
            "receiver": NO_RECEIVER,
            "group_by": ["alertname", "service"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": routes,
        }),
        // A service that is down explains its other alerts.
        inhibit_rules: vec![json!({
            "source_matchers": ["alertname=\"TargetDown\""],
            "target_matchers": ["severity=\"warning\""],
            "equal": ["service"],
        })],
        receivers: [none, heartbeat(monitoring)].into_iter().chain(receivers).collect(),
    };
    files.yaml(Program::Alertmanager, "alertmanager.yml", &config)
}

/// Returns the route of the dead-man switch: its notifications come at an even pace, apart from all others.
fn heartbeat_route() -> Value {
    json!({
        "receiver": SWITCH,
        "matchers": [format!("alertname=\"{HEARTBEAT}\"")],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "50s",
    })
}

fn heartbeat(monitoring: &Monitoring) -> Target {
    let calls = monitoring.heartbeat.iter().map(|secret| json!({ "url_file": file(secret), "send_resolved": false }));
    Target { name: SWITCH.to_owned(), webhook_configs: calls.collect(), ..Target::default() }
}

fn file(secret: &SecretName) -> String {
    format!("/run/secrets/{secret}")
}

fn target(plan: &Plan, name: &str, receiver: &Receiver) -> Target {
    let file = |reference: &SecretReference| self::file(&reference.secret);
    let title = format!("[{} {}] {{{{ .Status }}}}: {{{{ .CommonLabels.alertname }}}}", plan.project, plan.environment);
    let slack = receiver.slack.iter().map(|slack| {
        let mut config = json!({
            "api_url_file": file(&slack.url),
            "send_resolved": true,
            "title": title,
            "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ end }}",
        });
        if let Some(channel) = &slack.channel {
            config["channel"] = json!(channel);
        }
        config
    });
    let pagerduty = receiver.pagerduty.iter().map(
        |pagerduty| json!({ "routing_key_file": file(&pagerduty.key), "send_resolved": true, "description": title }),
    );
    let webhook =
        receiver.webhook.iter().map(|webhook| json!({ "url_file": file(&webhook.url), "send_resolved": true }));
    let email = receiver.email.iter().map(|email| {
        json!({
            "to": email.to,
            "from": email.from,
            "smarthost": format!("{}:{}", email.host, email.port.unwrap_or(587)),
            "auth_username": email.user,
            "auth_password_file": file(&email.password),
            "require_tls": true,
            "send_resolved": true,
        })
    });
    Target {
        name: name.to_owned(),
        slack_configs: slack.collect(),
        pagerduty_configs: pagerduty.collect(),
        webhook_configs: webhook.collect(),
        email_configs: email.collect(),
    }
}
