//! Findings with a common cause, joined into one.

use std::collections::{BTreeMap, BTreeSet};

use super::declared_processes::DeclaredProcesses;
use super::rules;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Related, Segment};
use crate::stack::Stack;

/// Returns the findings to report: each about an inherited setting, an excluded service or a common cause once.
pub fn join(stack: &Stack, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    // Most other findings of a stack with a wrong name follow from the name, so they are not reported.
    let wrong_names = rules::fixed_names::check(stack);
    let findings = if wrong_names.is_empty() { findings } else { wrong_names };
    let findings = DeclaredProcesses::of(stack).report_at_services(findings);
    without_repeated_warnings(join_causes(join_excluded_services(findings)))
}

/// Removes the warnings about a missing field that is the cause of an error, too.
fn without_repeated_warnings(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let errors = findings.iter().filter(|finding| finding.is_error());
    let causes: BTreeSet<FieldPath> = errors.filter_map(|finding| finding.lacks.clone()).collect();
    findings.retain(|finding| finding.is_error() || finding.lacks.as_ref().is_none_or(|field| !causes.contains(field)));
    findings
}

/// Merges the findings about each service that the environment excludes into one, with all fields that refer to the
/// service.
fn join_excluded_services(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged_findings: Vec<Diagnostic> = Vec::new();
    let mut first_index_of: BTreeMap<FieldPath, usize> = BTreeMap::new();
    for finding in findings {
        if finding.code == Code::DisabledDependency {
            if let Some(first) = first_index_of.get(&finding.path) {
                merged_findings[*first].related.extend(finding.related);
                continue;
            }
            first_index_of.insert(finding.path.clone(), merged_findings.len());
        }
        merged_findings.push(finding);
    }
    merged_findings
}

/// Merges the findings about a service that have the same cause into the first of them, with the fields of the others.
fn join_causes(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged_findings: Vec<Diagnostic> = Vec::new();
    let mut first_index_of: BTreeMap<(Vec<Segment>, String), usize> = BTreeMap::new();
    for finding in findings {
        if let Some(cause) = &finding.cause {
            // A service has two segments (`services.api`), a process four (`services.api.processes.worker`).
            let is_process = matches!(finding.path.0.get(2), Some(Segment::Key(key)) if key == "processes");
            let service: Vec<Segment> = finding.path.0.iter().take(if is_process { 4 } else { 2 }).cloned().collect();
            if let Some(first) = first_index_of.get(&(service.clone(), cause.clone())) {
                let first = &mut merged_findings[*first];
                // A process has the findings about variables that it inherits.
                if first.path != finding.path {
                    let message = format!("`{}` needs it, too", finding.path);
                    first.related.push(Related { path: finding.path, span: None, message, is_counterpart: false });
                }
                continue;
            }
            first_index_of.insert((service, cause.clone()), merged_findings.len());
        }
        merged_findings.push(finding);
    }
    merged_findings
}
