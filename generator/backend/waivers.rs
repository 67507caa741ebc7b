//! Checks the names in `waive` of a service: an unknown name would accept no loss.

use std::collections::{BTreeMap, BTreeSet};

use super::fidelity::{Handling, Row, waiver_name};
use super::{compose, kubernetes};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;
use crate::words;

/// Returns NS102 for each waiver in the plan that names no field of a table of losses.
pub fn unknown_waivers(plan: &Plan) -> Vec<Diagnostic> {
    let tables = [("compose", compose::FIDELITY), ("kubernetes", kubernetes::FIDELITY)];
    let table_waivers =
        tables.iter().flat_map(|(target, table)| table.iter().filter_map(move |row| waiver_of_row(target, row)));
    let known_waivers: BTreeSet<String> = table_waivers.chain([kubernetes::WAITING_WAIVER.to_owned()]).collect();
    // The processes of a service have its waivers and their path, so the findings are collected by path.
    let mut findings: BTreeMap<FieldPath, Diagnostic> = BTreeMap::new();
    for service in plan.services.values() {
        for name in service.waive.keys().filter(|name| !known_waivers.contains(*name)) {
            let path = service.waive_path().key(name);
            findings.entry(path).or_insert_with_key(|path| {
                let names: Vec<&str> = known_waivers.iter().map(String::as_str).collect();
                Diagnostic::error(Code::UnknownField, path.clone())
                    .message(format!("there is no loss `{name}` to waive"))
                    .expected(words::one_of(&names))
                    .hint(words::suggestion(name, names.iter().copied()))
            });
        }
    }
    findings.into_values().collect()
}

/// Returns the name of the waiver for a row of a platform's table; `None` if the platform can express the field.
fn waiver_of_row(target: &str, (pattern, handling): &Row) -> Option<String> {
    let (record, field) = pattern.split_once(".*.")?;
    let is_refused = matches!(handling, Handling::Refused(_) | Handling::Scheduled(_));
    if is_refused { waiver_name(target, record, field) } else { None }
}
