//! No silent loss: a target accounts for every field of the plan. A field without a row in the target's
//! table is a defect of nself; a field that the target refuses needs a waiver with a reason.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::artifact::json;
use crate::backend::PlanDigests;
use crate::backend::field_presence::FieldPresence;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Written as it is, at these keys.
    Emitted(&'static str),
    /// Expressed by other means.
    Mapped(&'static str),
    /// Written by another generator into these files.
    Elsewhere(&'static str),
    /// Used to decide something.
    Decided(&'static str),
    /// Cannot be expressed.
    Refused(&'static str),
}

/// A field of the plan or, as `services.*.image`, one of each entry of a record, and the fate of everything below it.
pub type Row = (&'static str, Handling);

#[derive(Serialize)]
struct Account<'a> {
    target: &'a str,
    fields: BTreeMap<&'a str, Handling>,
    waived: BTreeMap<String, String>,
}

/// The account of the plan's fields as an artifact, with NS701 for each refused field that is set and not waived, and
/// NS901 for a field that the table forgets.
pub fn report(target: &str, table: &'static [Row], plan: &Plan, fields: &PlanDigests) -> (Vec<u8>, Vec<Diagnostic>) {
    let mut account = Account { target, fields: BTreeMap::new(), waived: BTreeMap::new() };
    let mut findings = Vec::new();
    let row = |row: &'static Row| (row.0.split_once(".*.").unwrap_or((row.0, "")), row);
    let rows: BTreeMap<(&str, &str), &Row> = table.iter().map(row).collect();
    // A field's row covers all that is below it; entries of the other records are looked at once if they look alike.
    let mut alike: BTreeMap<(&str, &FieldPresence), Vec<&str>> = BTreeMap::new();
    for (name, part) in fields.parts() {
        let (record, entry) = name.split_once('.').unwrap_or((name, ""));
        match rows.get(&(record, "")) {
            Some((pattern, fate)) => {
                if part.is_set || !entry.is_empty() {
                    account.fields.insert(pattern, *fate);
                }
            }
            None if entry.is_empty() => findings.push(forgotten(target, name)),
            None => alike.entry((record, &part.shape)).or_default().push(entry),
        }
    }
    for ((record, shape), entries) in alike {
        for (field, is_set) in shape.fields() {
            let Some((pattern, fate)) = rows.get(&(record, field)) else {
                findings.push(forgotten(target, &format!("{record}.*.{field}")));
                continue;
            };
            if is_set {
                account.fields.insert(pattern, *fate);
            }
            if let (Handling::Refused(reason), true) = (fate, is_set) {
                for entry in &entries {
                    refuse(target, reason, plan, [record, entry, field], &mut account.waived, &mut findings);
                }
            }
        }
    }
    (json::to_pretty(&account), findings)
}

fn forgotten(target: &str, field: &str) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root())
        .message(format!("the {target} target does not account for `{field}`"))
}

fn refuse(
    target: &str,
    reason: &str,
    plan: &Plan,
    path: [&str; 3],
    waived: &mut BTreeMap<String, String>,
    findings: &mut Vec<Diagnostic>,
) {
    // `services.orders.autoscale` and `volumes.data.size` both belong to a service that can waive them.
    let [kind, name, field] = path;
    let volume =
        plan.volumes.iter().find(|(volume, _)| kind == "volumes" && volume.as_str() == name).map(|(_, volume)| volume);
    let owner = volume.map_or(name, |volume| volume.owner.as_str());
    let Some((_, service)) = plan.services.iter().find(|(service, _)| service.as_str() == owner) else { return };
    let waiver = if volume.is_some() { format!("{target}.volume_{field}") } else { format!("{target}.{field}") };
    if let Some(why) = service.waive.get(&waiver) {
        waived.insert(path.join("."), why.to_string());
        return;
    }
    let place = match volume {
        Some(_) => service.origin.key("volumes").key(name).key(field),
        None => service.origin.key(field),
    };
    findings.push(
        Diagnostic::error(Code::Unsupported, place).message(format!("{target} cannot express this: {reason}")).hint(
            format!("accept it with a reason: `services.{owner}.waive.\"{waiver}\" = \"…\"`, or remove the setting"),
        ),
    );
}
