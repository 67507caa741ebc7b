//! The rule of shorthands: a field and its shorthand, or two fields for one variable, do not have different values. One of
//! the two would be ignored.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::roster::PlannedService;

/// Refuses two values for a port, a route or a variable of a service.
pub fn check(member: &PlannedService) -> Vec<Diagnostic> {
    let service = &member.service;
    let field = |name: &str| member.path.key(name);
    let mut findings = Vec::new();
    if let (Some(port), Some(other)) = (service.port, service.ports.get("http"))
        && port != *other
    {
        findings.push(two_values(field("port"), field("ports").key("http"), "port", "ports.http"));
    }
    if let (Some(route), Some(other)) = (&service.route, service.routes.get("main"))
        && route != other
    {
        findings.push(two_values(field("route"), field("routes").key("main"), "route", "routes.main"));
    }
    for (variable, value) in &service.env {
        if service.extra_env.get(variable).is_some_and(|other| other != value) {
            let (env, extra_env) = (format!("env.{variable}"), format!("extra_env.{variable}"));
            let path = field("env").key(variable.as_str());
            findings.push(two_values(path, field("extra_env").key(variable.as_str()), &env, &extra_env));
        }
    }
    findings
}

/// Returns the finding for one setting with two values, in the fields `field` and `other_field`.
fn two_values(path: FieldPath, other: FieldPath, field: &str, other_field: &str) -> Diagnostic {
    Diagnostic::error(Code::TwoValues, path)
        .message(format!("`{field}` and `{other_field}` are one setting, but they have different values"))
        .hint("remove one of the two; to change the setting in one environment, use the name that the rest of the stack uses")
        .counterpart(other, "the other value")
}
