//! Rules of the alerts of services: no alert has the name of a generated one, Prometheus does not start with a template
//! that it cannot read, and the test of an alert checks it after the time for which the condition must hold.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::alert_rules::{HEARTBEAT, TARGET_DOWN};
use crate::plan::roster::PlannedService;
use crate::stack::Alert;
use crate::values::alert_template::template_refusal;

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
