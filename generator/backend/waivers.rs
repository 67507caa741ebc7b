//! The names in `waive` of a service: an unknown one would accept nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::fidelity::{Handling, Row, waiver_name};
use super::{compose, kubernetes};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;
use crate::words;

/// Returns NS102 for each waiver that no platform has.
pub fn unknown_waivers(plan: &Plan) -> Vec<Diagnostic> {
    let tables = [("compose", compose::FIDELITY), ("kubernetes", kubernetes::FIDELITY)];
    let in_tables = tables.iter().flat_map(|(target, table)| table.iter().filter_map(move |row| waiver(target, row)));
    let known: BTreeSet<String> = in_tables.chain([kubernetes::WAITING_WAIVER.to_owned()]).collect();
    // Processes have the waivers of their service.
    let mut findings: BTreeMap<FieldPath, Diagnostic> = BTreeMap::new();
    for service in plan.services.values() {
        for name in service.waive.keys().filter(|name| !known.contains(*name)) {
            let path = service.waive_path().key(name);
            findings.entry(path).or_insert_with_key(|path| {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                Diagnostic::error(Code::UnknownField, path.clone())
                    .message(format!("there is no loss `{name}` to waive"))
                    .expected(words::one_of(&names))
                    .hint(words::suggestion(name, names.iter().copied()))
            });
        }
    }
    findings.into_values().collect()
}

/// Returns the name of the waiver for a field that a platform cannot express.
fn waiver(target: &str, (pattern, handling): &Row) -> Option<String> {
    let (record, field) = pattern.split_once(".*.")?;
    let is_refused = matches!(handling, Handling::Refused(_) | Handling::Scheduled(_));
    if is_refused { waiver_name(target, record, field) } else { None }
}
