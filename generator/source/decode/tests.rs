//! Tests of decoded values and of findings about values that do not fit.

use super::*;
use crate::stack::Service;

fn node(text: &str) -> Node {
    (&serde_json::from_str::<serde_json::Value>(text).unwrap()).into()
}

fn codes(text: &str) -> Vec<(String, Code)> {
    let (_, findings) = decode::<Service>(&node(text));
    findings.into_iter().map(|keyed| (keyed.finding.path.to_string(), keyed.finding.code)).collect()
}

#[test]
fn all_mismatches_of_a_run_are_reported_at_their_paths() {
    let mismatches = codes(
        r#"{"prot": 1, "port": 70000, "image": "nginx", "limits": {"memory": "12MB", "pids": -1},
                "env": {"A B": "x", "C": {"secret": "UPPER"}, "D": 5}, "volumes": {"data": {"path": "rel"}},
                "depends_on": ["ok", "Not Ok"], "user": true, "replicas": 1.5}"#,
    );
    let at = |path: &str, code| assert!(mismatches.contains(&(path.to_owned(), code)), "{path} in {mismatches:?}");
    at("prot", Code::UnknownField);
    at("port", Code::OutOfRange);
    at("image", Code::BadValue);
    at("limits.memory", Code::BadValue);
    at("limits.pids", Code::OutOfRange);
    at("env.\"A B\"", Code::BadName);
    at("env.C.secret", Code::BadName);
    at("env.D", Code::WrongType);
    at("volumes.data.path", Code::BadValue);
    at("depends_on[1]", Code::BadName);
    at("user", Code::WrongType);
    at("replicas", Code::WrongType);
    assert_eq!(mismatches.len(), 12, "{mismatches:?}");
}

#[test]
fn a_reference_with_a_refused_content_is_reported_once() {
    let mismatches = codes(r#"{"env": {"A": {"by_profile": {"local": "x", "prod": "x"}}, "B": {"join": 5}}}"#);
    let paths: Vec<&str> = mismatches.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["env.A.by_profile", "env.B.join"]);
}

#[test]
fn a_misspelled_field_is_not_reported_as_missing_too() {
    let codes_of_profiles = |fields: &str| codes(&format!(r#"{{"env": {{"A": {{"by_profile": {{{fields}}}}}}}}}"#));
    let (unknown, missing) = (Code::UnknownField, Code::MissingField);
    let path = "env.A.by_profile".to_owned();
    let misspelled = codes_of_profiles(r#""local": "x", "stagin": "x", "prod": "x""#);
    assert_eq!(misspelled, [(format!("{path}.stagin"), unknown)]);
    let both = codes_of_profiles(r#""local": "x", "demo": "x", "prod": "x""#);
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.contains(&(format!("{path}.demo"), unknown)) && both.contains(&(path, missing)), "{both:?}");
}

#[test]
fn values_that_fit_are_decoded_without_findings() {
    let (service, findings) = decode::<Service>(&node(
        r#"{"image": "a/b:1", "port": 8001, "depends_on": {"redis": "started"}, "env": {"A": {"join": ["a", {"stack": "domain"}]}}}"#,
    ));
    assert_eq!(findings, []);
    assert_eq!(service.unwrap().port, Some(8001));
}

#[test]
fn findings_never_repeat_a_value() {
    let (_, findings) =
        decode::<Service>(&node(r#"{"env": {"A": 5}, "port": "canary-7f3a", "image": {"canary-7f3a": 1}}"#));
    assert!(!findings.is_empty());
    let values: Vec<String> =
        findings.iter().map(|keyed| format!("{} {}", keyed.finding.message, keyed.finding.expected)).collect();
    assert!(!values.concat().contains("canary-7f3a"), "{values:?}");
}
