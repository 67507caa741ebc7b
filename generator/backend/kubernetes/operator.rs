//! Objects for clusters with the Prometheus operator. Its Prometheus and Alertmanager run instead of the ones that nself
//! generates. It gets a PodMonitor for each service with metrics, a PrometheusRule for each service with alerts, and the
//! receivers.

use serde::Serialize;
use serde_json::{Value, json};

use super::cluster::{Cluster, selector};
use super::model::{Metadata, Object, Spec};
use super::policies;
use crate::plan::alert_rules::{self, HEARTBEAT, HEARTBEAT_RECEIVER, NO_RECEIVER, Rule, TARGET_DOWN, TARGET_RULES};
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::plan::{Monitoring, Operator, Program, ScrapeJob};
use crate::stack::{PrometheusOperator, Protocol, Receiver, SecretReference, Severity};
use crate::values::{SecretName, ServiceName};

const API: &str = "monitoring.coreos.com/v1";
/// The version with AlertmanagerConfig.
const CONFIG_API: &str = "monitoring.coreos.com/v1alpha1";

/// Returns the objects for the operator; none if the cluster has no operator, or monitoring is off.
pub fn objects(cluster: &Cluster) -> Vec<Object> {
    let (Some(operator), Some(monitoring)) = (&cluster.settings.prometheus_operator, &cluster.plan.monitoring) else {
        return Vec::new();
    };
    let mut objects = Vec::new();
    for (name, job) in &monitoring.jobs {
        objects.extend(pod_monitor(cluster, operator, name, job));
        objects.push(policies::from_namespace(cluster, name, operator.namespace(), job.port));
    }
    objects.push(rules(cluster, operator, TARGET_RULES, alert_rules::of_targets(monitoring)));
    for (name, alerts) in &monitoring.alerts {
        objects.push(rules(cluster, operator, name.as_str(), alert_rules::of_service(name.as_str(), alerts)));
    }
    objects.push(receivers(cluster, operator, monitoring));
    if let Some(grafana) = monitoring.programs.get(&Program::Grafana) {
        let endpoints = [Program::Prometheus, Program::Alertmanager].into_iter().filter_map(Operator::service_and_port);
        let ports: Vec<u16> = endpoints.map(|(_, port)| port).collect();
        objects.push(policies::to_namespace(cluster, &grafana.service, operator.namespace(), &ports));
    }
    objects
}

/// Returns the metadata of an object for the operator. Many operators use only objects with the label `release`.
fn metadata(cluster: &Cluster, operator: &PrometheusOperator, name: &str) -> Metadata {
    let mut metadata = cluster.common_metadata(name);
    metadata.labels.extend(operator.release.iter().map(|release| ("release", release.to_string())));
    metadata
}

/// Returns the PodMonitor of a service. The series have the name of the service as `job`, as on container engines. Every
/// port with metrics has a name, which the operator uses to find it.
fn pod_monitor(
    cluster: &Cluster,
    operator: &PrometheusOperator,
    name: &ServiceName,
    job: &ScrapeJob,
) -> Option<Object> {
    let service = cluster.plan.services.get(name)?;
    let mut tcp_ports = service.ports.iter().filter(|(port, _)| service.protocol(port) == Protocol::Tcp);
    let (port, _) = tcp_ports.find(|(_, number)| **number == job.port)?;
    let endpoint = || {
        json!({
            "port": port,
            "path": job.path,
            "interval": job.interval.to_string(),
            "scrapeTimeout": job.timeout(),
            "relabelings": [{ "action": "replace", "targetLabel": "job", "replacement": name }],
        })
    };
    // An exporter that probes several targets gets an endpoint for each, with the target as a parameter.
    let probes = job.targets.iter().map(|target| {
        let mut probe = endpoint();
        probe["params"] = json!({ "target": [target] });
        let instance = json!({ "sourceLabels": ["__param_target"], "targetLabel": "instance" });
        probe["relabelings"].as_array_mut().into_iter().for_each(|rules| rules.push(instance.clone()));
        probe
    });
    let endpoints: Vec<Value> = if job.targets.is_empty() { vec![endpoint()] } else { probes.collect() };
    let spec = json!({
        "selector": { "matchLabels": selector(name) },
        "sampleLimit": 20_000,
        "podMetricsEndpoints": endpoints,
    });
    let metadata = metadata(cluster, operator, name.as_str());
    Some(Object::spec(API, "PodMonitor", metadata, Spec::Other(spec)))
}

#[derive(Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

/// Returns a PrometheusRule. Alerts have the namespace as a label, with which Alertmanager selects the receivers.
fn rules(cluster: &Cluster, operator: &PrometheusOperator, name: &str, mut rules: Vec<Rule>) -> Object {
    for rule in &mut rules {
        rule.labels.insert("namespace", cluster.namespace.to_owned());
    }
    let group = Group { name: format!("{}-{name}", cluster.namespace), rules };
    let metadata = metadata(cluster, operator, name);
    Object::spec(API, "PrometheusRule", metadata, Spec::Other(json!({ "groups": [group] })))
}

/// Returns the AlertmanagerConfig with the receivers of the stack.
fn receivers(cluster: &Cluster, operator: &PrometheusOperator, monitoring: &Monitoring) -> Object {
    let matcher = |name: &str, value: &str| json!({ "name": name, "value": value, "matchType": "=" });
    let mut routes = Vec::new();
    let mut receivers = vec![json!({ "name": NO_RECEIVER })];
    if let Some(secret) = &monitoring.heartbeat {
        routes.push(json!({
            "receiver": HEARTBEAT_RECEIVER,
            "matchers": [matcher("alertname", HEARTBEAT)],
            "groupWait": "1s",
            "groupInterval": "1m",
            "repeatInterval": "50s",
        }));
        receivers.push(json!({
            "name": HEARTBEAT_RECEIVER,
            "webhookConfigs": [{ "urlSecret": secret_key(secret), "sendResolved": false }],
        }));
    }
    // With `continue`, additional receivers of the same severity also get the alert.
    for severity in Severity::ALL {
        routes.extend(monitoring.receivers_of(severity).map(|(name, _)| {
            json!({
                "receiver": name,
                "matchers": [matcher("severity", severity.name())],
                "repeatInterval": if severity == Severity::Critical { "4h" } else { "24h" },
                "continue": true,
            })
        }));
    }
    receivers.extend(monitoring.receivers.iter().map(|(name, receiver)| self::receiver(cluster, name, receiver)));
    let spec = json!({
        "route": {
            "receiver": NO_RECEIVER,
            "groupBy": ["alertname", "service"],
            "groupWait": "30s",
            "groupInterval": "5m",
            "repeatInterval": "4h",
            "routes": routes,
        },
        "receivers": receivers,
        // While a service is down, its warnings are not sent: they have the same cause.
        "inhibitRules": [{
            "sourceMatch": [matcher("alertname", TARGET_DOWN)],
            "targetMatch": [matcher("severity", "warning")],
            "equal": ["service"],
        }],
    });
    let metadata = metadata(cluster, operator, "receivers");
    Object::spec(CONFIG_API, "AlertmanagerConfig", metadata, Spec::Other(spec))
}

/// Returns a reference to the value of a secret.
fn secret_key(secret: &SecretName) -> Value {
    json!({ "name": secret_name(secret), "key": SECRET_KEY })
}

/// Returns one receiver of the AlertmanagerConfig.
fn receiver(cluster: &Cluster, name: &ServiceName, receiver: &Receiver) -> Value {
    let key_of = |reference: &SecretReference| secret_key(&reference.secret);
    let (project, environment) = (&cluster.plan.project, &cluster.plan.environment);
    let title = format!("[{project} {environment}] {{{{ .Status }}}}: {{{{ .CommonLabels.alertname }}}}");
    let text = "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ end }}";
    let mut config = json!({ "name": name });
    if let Some(slack) = &receiver.slack {
        let mut slack_config =
            json!({ "apiURL": key_of(&slack.url), "sendResolved": true, "title": title, "text": text });
        if let Some(channel) = &slack.channel {
            slack_config["channel"] = json!(channel);
        }
        config["slackConfigs"] = json!([slack_config]);
    }
    if let Some(pagerduty) = &receiver.pagerduty {
        config["pagerdutyConfigs"] =
            json!([{ "routingKey": key_of(&pagerduty.key), "sendResolved": true, "description": title }]);
    }
    if let Some(webhook) = &receiver.webhook {
        config["webhookConfigs"] = json!([{ "urlSecret": key_of(&webhook.url), "sendResolved": true }]);
    }
    if let Some(email) = &receiver.email {
        config["emailConfigs"] = json!([{
            "to": email.to,
            "from": email.from,
            "smarthost": format!("{}:{}", email.host, email.port.unwrap_or(587)),
            "authUsername": email.user,
            "authPassword": key_of(&email.password),
            "requireTLS": true,
            "sendResolved": true,
        }]);
    }
    config
}
