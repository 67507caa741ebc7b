//! The report on every field of the plan. A field that the backend's table omits is a defect of nself (NS901); a field
//! that the backend cannot express needs a waiver with a reason (NS701).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::artifact::json;
use crate::backend::PlanDigests;
use crate::backend::field_presence::FieldPresence;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;

/// The handling of a field by a platform backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Written unchanged at these keys.
    Emitted(&'static str),
    /// Expressed by different settings.
    Mapped(&'static str),
    /// Written into these files by a different backend.
    Elsewhere(&'static str),
    /// Not written itself: it determines this part of the output.
    Decided(&'static str),
    /// Cannot be expressed, for this reason.
    Refused(&'static str),
    /// Written into these files for a service with a schedule; cannot be expressed for other services, because only a
    /// scheduler of the host reads it.
    Scheduled(&'static str),
}

impl Handling {
    /// Returns why the field of an entry cannot be expressed; `None` if it can.
    fn refusal(self, plan: &Plan, entry: &str) -> Option<&'static str> {
        match self {
            Handling::Refused(refusal) => Some(refusal),
            Handling::Scheduled(_) => {
                let service = plan.services.iter().find(|(name, _)| name.as_str() == entry);
                let has_schedule = service.is_some_and(|(_, service)| service.schedule.is_some());
                (!has_schedule).then_some("only a service with a `schedule` is started by the host, which can end it")
            }
            _ => None,
        }
    }
}

/// A row of a backend's table: the pattern of a field, such as `project` or `services.*.image`, and how the backend
/// handles that field and everything below it. A pattern with `*` matches the field in every entry of a record.
pub type Row = (&'static str, Handling);

/// The content of `fidelity.json`.
#[derive(Serialize)]
struct Report<'a> {
    target: &'a str,
    fields: BTreeMap<&'a str, Handling>,
    /// Reasons of waivers by the paths of the waived fields.
    waived: BTreeMap<String, String>,
}

/// Returns the bytes of the report, and a finding for each refused field that is set and not waived (NS701) and for
/// each field that the table omits (NS901).
pub fn report(target: &str, table: &'static [Row], plan: &Plan, digests: &PlanDigests) -> (Vec<u8>, Vec<Diagnostic>) {
    let mut report = Report { target, fields: BTreeMap::new(), waived: BTreeMap::new() };
    let mut findings = Vec::new();
    // The row of `services.*.image` has the key ("services", "image"), the row of `project` the key ("project", "").
    let with_key = |row: &'static Row| (row.0.split_once(".*.").unwrap_or((row.0, "")), row);
    let rows: BTreeMap<(&str, &str), &Row> = table.iter().map(with_key).collect();
    // Entries with the same set of fields are checked once.
    let mut entries_by_presence: BTreeMap<(&str, &FieldPresence), Vec<&str>> = BTreeMap::new();
    // A part is a field of the plan, such as `project`, or an entry of a record, such as `services.orders`.
    for (name, part) in digests.parts() {
        let (record, entry) = name.split_once('.').unwrap_or((name, ""));
        match rows.get(&(record, "")) {
            Some((pattern, handling)) => {
                if part.is_set || !entry.is_empty() {
                    report.fields.insert(pattern, *handling);
                }
            }
            None if entry.is_empty() => findings.push(omitted_field(target, name)),
            None => entries_by_presence.entry((record, &part.field_presence)).or_default().push(entry),
        }
    }
    for ((record, presence), entries) in entries_by_presence {
        for (field, is_set) in presence.fields() {
            let Some((pattern, handling)) = rows.get(&(record, field)) else {
                findings.push(omitted_field(target, &format!("{record}.*.{field}")));
                continue;
            };
            if !is_set {
                continue;
            }
            report.fields.insert(pattern, *handling);
            for entry in &entries {
                if let Some(refusal) = handling.refusal(plan, entry) {
                    match waiver(target, refusal, plan, [record, entry, field]) {
                        Some(Ok(reason)) => {
                            report.waived.insert([record, entry, field].join("."), reason);
                        }
                        Some(Err(finding)) => findings.push(finding),
                        None => {}
                    }
                }
            }
        }
    }
    (json::to_pretty(&report), findings)
}

/// Returns the finding for a field that the table of the backend omits.
fn omitted_field(target: &str, field: &str) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root())
        .message(format!("the fidelity table of the {target} backend has no row for `{field}`"))
}

/// Returns the name of the waiver for a field of a service or of a volume; `None` for fields of other records.
pub fn waiver_name(target: &str, record: &str, field: &str) -> Option<String> {
    match record {
        "services" => Some(format!("{target}.{field}")),
        "volumes" => Some(format!("{target}.volume_{field}")),
        _ => None,
    }
}

/// Returns the reason with which the stack waives a refused field, or NS701 if the stack does not waive it. `None` if the
/// field belongs to no service. Only fields of services and of volumes, such as `services.orders.autoscale` and
/// `volumes.data.size`, can be refused; the service, or the service that owns the volume, can waive them.
fn waiver(target: &str, refusal: &str, plan: &Plan, path: [&str; 3]) -> Option<Result<String, Diagnostic>> {
    let [record, entry, field] = path;
    let volume = plan.volumes.iter().find(|(volume, _)| record == "volumes" && volume.as_str() == entry);
    let owner = volume.map_or(entry, |(_, volume)| volume.owner.as_str());
    let (_, service) = plan.services.iter().find(|(service, _)| service.as_str() == owner)?;
    let waiver_name = waiver_name(target, record, field)?;
    if let Some(reason) = service.waive.get(&waiver_name) {
        return Some(Ok(reason.to_string()));
    }
    let field_path = match volume {
        Some(_) => service.origin.key("volumes").key(entry).key(field),
        None => service.origin.key(field),
    };
    let finding = Diagnostic::error(Code::Unsupported, field_path)
        .message(format!("{target} cannot express `{field}`: {refusal}"));
    let example = format!("{}.\"{waiver_name}\" = \"…\"", service.waive_path());
    Some(Err(finding.hint(format!("accept the loss with a reason: `{example}`, or remove the setting"))))
}
