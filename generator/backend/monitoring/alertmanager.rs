//! The configuration of Alertmanager: a route for each severity and receiver. Secrets are files, never values.

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use crate::diagnostic::Diagnostic;
use crate::plan::alert_rules::{HEARTBEAT, HEARTBEAT_RECEIVER, NO_RECEIVER, TARGET_DOWN};
use crate::plan::secret_list::secret_path;
use crate::plan::{Monitoring, Plan, Program};
use crate::stack::{Receiver, SecretReference, Severity};

#[derive(Serialize)]
struct Config {
    global: Value,
    route: Value,
    inhibit_rules: Vec<Value>,
    receivers: Vec<ReceiverConfig>,
}

#[derive(Default, Serialize)]
struct ReceiverConfig {
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
            // With `continue`, additional receivers of the same severity also get the alert.
            json!({
                "receiver": name,
                "matchers": [format!("severity=\"{}\"", severity.name())],
                "repeat_interval": if severity == Severity::Critical { "4h" } else { "24h" },
                "continue": true,
            })
        });
        routes.extend(receivers);
    }
    let no_receiver = ReceiverConfig { name: NO_RECEIVER.to_owned(), ..ReceiverConfig::default() };
    let receivers = monitoring.receivers.iter();
    let receivers = receivers.map(|(name, receiver)| receiver_config(plan, name.as_str(), receiver));
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
        // While a service is down, its warnings are not sent: they have the same cause.
        inhibit_rules: vec![json!({
            "source_matchers": [format!("alertname=\"{TARGET_DOWN}\"")],
            "target_matchers": ["severity=\"warning\""],
            "equal": ["service"],
        })],
        receivers: [no_receiver, heartbeat_receiver(monitoring)].into_iter().chain(receivers).collect(),
    };
    files.add_yaml(Program::Alertmanager, "alertmanager.yml", &config)
}

/// Returns the route of the heartbeat. Its notifications are sent at a constant interval, separately from all others.
fn heartbeat_route() -> Value {
    json!({
        "receiver": HEARTBEAT_RECEIVER,
        "matchers": [format!("alertname=\"{HEARTBEAT}\"")],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "50s",
    })
}

/// Returns the receiver of the heartbeat. Without a declared URL it has no webhook, so that it sends nothing.
fn heartbeat_receiver(monitoring: &Monitoring) -> ReceiverConfig {
    let urls = monitoring.heartbeat.iter();
    let webhooks = urls.map(|secret| json!({ "url_file": secret_path(secret), "send_resolved": false }));
    ReceiverConfig {
        name: HEARTBEAT_RECEIVER.to_owned(),
        webhook_configs: webhooks.collect(),
        ..ReceiverConfig::default()
    }
}

/// Returns a declared receiver in the format of Alertmanager.
fn receiver_config(plan: &Plan, name: &str, receiver: &Receiver) -> ReceiverConfig {
    let secret_file = |reference: &SecretReference| secret_path(&reference.secret);
    let title = format!("[{} {}] {{{{ .Status }}}}: {{{{ .CommonLabels.alertname }}}}", plan.project, plan.environment);
    let slack = receiver.slack.iter().map(|slack| {
        let mut config = json!({
            "api_url_file": secret_file(&slack.url),
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
        |pagerduty| json!({ "routing_key_file": secret_file(&pagerduty.key), "send_resolved": true, "description": title }),
    );
    let webhook =
        receiver.webhook.iter().map(|webhook| json!({ "url_file": secret_file(&webhook.url), "send_resolved": true }));
    let email = receiver.email.iter().map(|email| {
        json!({
            "to": email.to,
            "from": email.from,
            "smarthost": format!("{}:{}", email.host, email.port.unwrap_or(587)),
            "auth_username": email.user,
            "auth_password_file": secret_file(&email.password),
            "require_tls": true,
            "send_resolved": true,
        })
    });
    ReceiverConfig {
        name: name.to_owned(),
        slack_configs: slack.collect(),
        pagerduty_configs: pagerduty.collect(),
        webhook_configs: webhook.collect(),
        email_configs: email.collect(),
    }
}
