//! Alerting rules: a file for each service with alerts, and one for the targets of all jobs. Each file whose alerts
//! have tests has a test file.

use serde::Serialize;

use super::files::Files;
use crate::diagnostic::Diagnostic;
use crate::plan::alert_rules::{self, HEARTBEAT, Rule, TARGET_DOWN};
use crate::plan::{Monitoring, Program};
use crate::stack::Alert;

/// The name of the files with the rules about targets and their tests. No service has this name, since names of services
/// start with a letter.
const TARGETS: &str = "_targets";

/// The values of `fires`: whether a test expects that the alert fires.
const FIRES: bool = true;
const DOES_NOT_FIRE: bool = false;

#[derive(Serialize)]
struct RuleFile {
    groups: [Group; 1],
}

#[derive(Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct TestFile {
    rule_files: [String; 1],
    evaluation_interval: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    interval: &'static str,
    input_series: Vec<Series>,
    promql_expr_test: [Expectation; 1],
}

#[derive(Serialize)]
struct Series {
    series: String,
    values: String,
}

#[derive(Serialize)]
struct Expectation {
    expr: String,
    eval_time: String,
    exp_samples: Vec<Sample>,
}

#[derive(Serialize)]
struct Sample {
    labels: &'static str,
    value: u8,
}

/// Writes rules and their tests. Tests are outside of the folder that Prometheus reads.
pub fn emit(monitoring: &Monitoring, files: &mut Files) -> Result<(), Diagnostic> {
    write_rules(files, TARGETS, alert_rules::of_targets(monitoring), target_tests(monitoring))?;
    for (service, alerts) in &monitoring.alerts {
        let tests = alerts.iter().flat_map(|(name, alert)| alert_tests(name.as_str(), alert));
        write_rules(files, service.as_str(), alert_rules::of_service(service.as_str(), alerts), tests.collect())?;
    }
    Ok(())
}

/// Writes a file of rules and, if there are tests, the file that tests it.
fn write_rules(files: &mut Files, name: &str, rules: Vec<Rule>, tests: Vec<Test>) -> Result<(), Diagnostic> {
    let groups = [Group { name: name.to_owned(), rules }];
    files.add_yaml(Program::Prometheus, &format!("rules/{name}.yml"), &RuleFile { groups })?;
    if tests.is_empty() {
        return Ok(());
    }
    let rule_files = [format!("../rules/{name}.yml")];
    files.add_yaml(
        Program::Prometheus,
        &format!("tests/{name}.yml"),
        &TestFile { rule_files, evaluation_interval: "30s", tests },
    )
}

/// Returns the tests of the rules about targets and volumes, and of the alert that always fires.
fn target_tests(monitoring: &Monitoring) -> Vec<Test> {
    let mut tests = Vec::new();
    for job in alert_rules::jobs(monitoring) {
        // `0+0x20` is the value 0, then 20 more values with the increment 0.
        let series = |value: &str| (format!("up{{job=\"{job}\", instance=\"10.0.0.1:80\"}}"), format!("{value}x20"));
        let alert_matchers = format!("alertname=\"{TARGET_DOWN}\",service=\"{job}\"");
        tests.push(test(format!("{job} is down"), &alert_matchers, [series("0+0")], "10m", FIRES));
        tests.push(test(format!("{job} is gone"), &alert_matchers, [], "10m", FIRES));
        tests.push(test(format!("{job} is up"), &alert_matchers, [series("1+0")], "10m", DOES_NOT_FIRE));
    }
    let volume_alerts = alert_rules::volume_alerts(monitoring);
    tests.extend(volume_alerts.iter().flat_map(|(name, alert)| alert_tests(name.as_str(), alert)));
    tests.push(test("the heartbeat never stops".to_owned(), &format!("alertname=\"{HEARTBEAT}\""), [], "10m", FIRES));
    tests
}

/// Returns the tests of an alert: it fires with the declared series `fires`, and does not fire with the series `quiet`.
fn alert_tests(name: &str, alert: &Alert) -> Vec<Test> {
    let Some(alert_test) = &alert.test else { return Vec::new() };
    let after = alert_test.after.map_or_else(|| "30m".to_owned(), |after| after.to_string());
    let inputs = [(&alert_test.fires, "fires", FIRES), (&alert_test.quiet, "does not fire", DOES_NOT_FIRE)];
    let tests = inputs.map(|(series, title, fires)| {
        let series = series.iter().map(|(series, values)| (series.to_string(), values.to_string()));
        test(format!("{name} {title}"), &format!("alertname=\"{name}\""), series, &after, fires)
    });
    tests.into()
}

/// Returns a test of whether an alert fires at the time `after`. `alert_matchers` select the alert, such as
/// `alertname="TargetDown",service="orders"`. The test reads the series `ALERTS`, so it does not depend on the texts of the
/// alert's annotations.
fn test(
    name: String,
    alert_matchers: &str,
    series: impl IntoIterator<Item = (String, String)>,
    after: &str,
    fires: bool,
) -> Test {
    let exp_samples = if fires { vec![Sample { labels: "{}", value: 1 }] } else { Vec::new() };
    let input_series = series.into_iter().map(|(series, values)| Series { series, values });
    Test {
        name,
        interval: "1m",
        input_series: input_series.collect(),
        promql_expr_test: [Expectation {
            expr: format!("max(ALERTS{{{alert_matchers},alertstate=\"firing\"}})"),
            eval_time: after.to_owned(),
            exp_samples,
        }],
    }
}
