//! Checks the names in `waive` of a service: an unknown name would accept no loss, and one of a field that the service does
//! not set accepts a loss that is added later.

use std::collections::{BTreeMap, BTreeSet};

use super::fidelity::{Handling, Row, waiver_name};
use super::{PlanDigests, compose, kubernetes};
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

/// Returns NS417 for each waiver whose field neither the service nor its volumes set in this environment. A different
/// environment may set it. `digests` are those of the plan.
pub fn unused_waivers(plan: &Plan, digests: &PlanDigests) -> Vec<Diagnostic> {
    let tables = [("compose", compose::FIDELITY), ("kubernetes", kubernetes::FIDELITY)];
    let rows = tables.iter().flat_map(|(target, table)| table.iter().map(move |row| (*target, row)));
    // The record and the field of each waiver.
    let waived_fields: BTreeMap<String, (&str, &str)> =
        rows.filter_map(|(target, row)| Some((waiver_of_row(target, row)?, row.0.split_once(".*.")?))).collect();
    let parts: BTreeMap<&str, _> = digests.parts().map(|(name, part)| (name.as_str(), part)).collect();
    let is_set = |part: &str, field: &str| {
        parts.get(part).is_some_and(|part| part.field_presence.fields().any(|(name, is_set)| name == field && is_set))
    };
    // A waiver of a service also holds for its processes, so it has an effect if one of them sets the field.
    let mut effects: BTreeMap<FieldPath, bool> = BTreeMap::new();
    for (name, service) in &plan.services {
        for waiver in service.waive.keys() {
            let Some((record, field)) = waived_fields.get(waiver) else { continue };
            let has_effect = match *record {
                "services" => is_set(&format!("services.{name}"), field),
                _ => {
                    let mut volumes = plan.volumes.iter().filter(|(_, volume)| volume.owner == *name);
                    volumes.any(|(volume, _)| is_set(&format!("{record}.{volume}"), field))
                }
            };
            *effects.entry(service.waive_path().key(waiver)).or_default() |= has_effect;
        }
    }
    let unused = effects.into_iter().filter(|(_, has_effect)| !has_effect);
    let findings = unused.map(|(path, _)| {
        let message = format!("`{}` waives the loss of a field that is not set", path.last_key());
        Diagnostic::warning(Code::UnusedWaiver, path).message(message).hint("remove the waiver")
    });
    findings.collect()
}

/// Returns the name of the waiver for a row of a platform's table; `None` if the platform can express the field.
fn waiver_of_row(target: &str, (pattern, handling): &Row) -> Option<String> {
    let (record, field) = pattern.split_once(".*.")?;
    let is_refused = matches!(handling, Handling::Refused(_) | Handling::Scheduled(_));
    if is_refused { waiver_name(target, record, field) } else { None }
}
