//! Rules of the alerts of services: no alert has the name of a generated one, Prometheus does not start with a template
//! that it cannot read, the test of an alert checks it after the time for which the condition must hold, and the jobs in
//! conditions exist.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::alert_rules::{HEARTBEAT, KUBELET_JOBS, TARGET_DOWN};
use crate::plan::model::Program;
use crate::plan::roster::{PlannedService, Roster};
use crate::stack::{Alert, PanelKind, Stack};
use crate::values::alert_template::template_refusal;
use crate::values::promql::label_values;
use crate::words;

/// The time after which the test of an alert checks it by default, in milliseconds.
const TEST_TIME: u64 = 30 * 60_000;

/// Checks the alerts of a service.
pub fn check(member: &PlannedService) -> Vec<Diagnostic> {
    let alerts = member.service.alerts.iter();
    let alerts = alerts.map(|(name, alert)| (member.path.key("alerts").key(name.as_str()), alert));
    let findings = alerts.flat_map(|(path, alert)| {
        let findings = reserved_name(&path).into_iter().chain(check_texts(alert, &path));
        findings.chain(check_test(alert, &path))
    });
    findings.collect()
}

/// Warns of alerts and panels about a job that does not exist: their expressions never have a value. Nothing is reported
/// without Prometheus, since the services that it brings are missing, too.
pub fn check_jobs(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let is_prometheus = |member: &PlannedService| {
        member.service.catalogue.as_ref().is_some_and(|catalogue| catalogue.as_str() == Program::Prometheus.name())
    };
    if !roster.values().any(is_prometheus) {
        return Vec::new();
    }
    // A service that only other environments have is a job, too.
    let declared = stack.services.iter().map(|(name, service)| (name.as_str(), service));
    let services = declared.chain(roster.iter().map(|(name, member)| (name.as_str(), &member.service)));
    let services: Vec<_> = services.collect();
    let with_metrics = services.iter().filter(|(_, service)| service.metrics.is_some()).map(|(name, _)| *name);
    let jobs: BTreeSet<&str> = with_metrics.chain(KUBELET_JOBS).collect();
    let without_metrics: BTreeSet<&str> =
        services.iter().map(|(name, _)| *name).filter(|name| !jobs.contains(name)).collect();
    // The Prometheus of an operator also has jobs of other projects.
    let has_other_jobs = stack.kubernetes.enabled && stack.kubernetes.prometheus_operator.is_some();
    let mut findings = Vec::new();
    for (path, expression) in roster.values().flat_map(expressions) {
        let values = label_values(expression, "job");
        for job in values.iter().map(String::as_str).filter(|job| !jobs.contains(job)) {
            let finding = Diagnostic::warning(Code::UnknownJob, path.clone());
            let near = words::nearest(job, jobs.iter().copied());
            findings.extend(if without_metrics.contains(job) {
                Some(
                    finding
                        .message(format!("`{job}` has no metrics, so the expression about its job has no values"))
                        .hint(format!("set `services.{job}.metrics`, or name a job with metrics")),
                )
            } else if has_other_jobs && near.is_none() {
                None
            } else {
                let names: Vec<&str> = jobs.iter().copied().filter(|job| !KUBELET_JOBS.contains(job)).collect();
                Some(
                    finding
                        .message(format!("no service is named `{job}`, so the expression about its job has no values"))
                        .expected(format!("the name of a service with metrics: {}", words::one_of(&names)))
                        .hint(near.map_or_else(
                            || "write the name of a service, which is the name of its job".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        )),
                )
            });
        }
    }
    findings
}

/// Returns the expressions of a service's alerts and panels, each with its field. Panels of logs have no jobs.
fn expressions(member: &PlannedService) -> Vec<(FieldPath, &str)> {
    let alerts = member.service.alerts.iter();
    let alerts =
        alerts.map(|(name, alert)| (member.path.key("alerts").key(name.as_str()).key("expr"), alert.expr.as_str()));
    let panels = member.service.dashboards.iter().flat_map(|(name, dashboard)| {
        let path = member.path.key("dashboards").key(name.as_str()).key("panels");
        let panels = dashboard.panels.iter().enumerate().filter(|(_, panel)| panel.kind != PanelKind::Logs);
        panels.map(move |(i, panel)| (path.index(i).key("expr"), panel.expr.as_str()))
    });
    alerts.chain(panels).collect()
}

/// Refuses an alert with the name of a generated one, which Alertmanager handles differently: its receiver gets the
/// heartbeat only, and an alert about a target suppresses warnings.
fn reserved_name(path: &FieldPath) -> Option<Diagnostic> {
    let purpose = match path.last_key() {
        HEARTBEAT => "the alert that always fires",
        TARGET_DOWN => "the alert about services that do not answer Prometheus",
        _ => return None,
    };
    Some(
        Diagnostic::error(Code::NameTaken, path.clone())
            .message(format!("the name `{}` is reserved for {purpose}", path.last_key()))
            .hint("rename the alert"),
    )
}

/// Checks the templates in the texts of an alert.
fn check_texts(alert: &Alert, path: &FieldPath) -> Vec<Diagnostic> {
    let texts = [("summary", Some(&alert.summary)), ("runbook", alert.runbook.as_ref())];
    let refused_texts = texts.into_iter().filter_map(|(field, text)| Some((field, template_refusal(text?.as_str())?)));
    let finding = |(field, reason): (&str, String)| {
        Diagnostic::error(Code::BadValue, path.key(field))
            .message(format!("Prometheus cannot read the template: {reason}"))
            .expected("text with actions such as `{{ $labels.instance }}` and `{{ $value }}`")
    };
    refused_texts.map(finding).collect()
}

/// Checks that the test of an alert lasts at least as long as the condition must hold.
fn check_test(alert: &Alert, path: &FieldPath) -> Option<Diagnostic> {
    let after = alert.test.as_ref()?.after;
    let hold = alert.hold.filter(|hold| hold.0 > after.map_or(TEST_TIME, |after| after.0))?;
    let (field, test_time) = match after {
        Some(_) => (path.key("test").key("after"), "`after`"),
        None => (path.key("test"), "the 30 minutes of the test"),
    };
    Some(
        Diagnostic::error(Code::BadValue, field)
            .message(format!("{test_time} ends before `for`, so the alert cannot fire in its test"))
            .expected(format!("at least {hold}"))
            .hint(format!("for example `test.after = \"{hold}\"`"))
            .related(path.key("for"), "the condition must hold for this time"),
    )
}
