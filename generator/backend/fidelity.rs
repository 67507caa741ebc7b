//! No silent loss: a target accounts for every field of the plan. A field without a row in the target's
//! table is a defect of nself; a field that the target refuses needs a waiver with a reason.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::artifact::json;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Plan;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
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

/// A pattern of the plan (`*` for any key) and the fate of everything below it.
pub type Row = (&'static str, Fate);

#[derive(Serialize)]
struct Account<'a> {
    target: &'a str,
    fields: BTreeMap<&'a str, Fate>,
    waived: BTreeMap<String, String>,
}

/// The account of `fields`, the plan as plain data, as an artifact, with NS701 for each refused field that is set and not waived, and NS901 for a
/// field that the table forgets.
pub fn account(target: &str, table: &'static [Row], plan: &Plan, fields: &Value) -> (Vec<u8>, Vec<Diagnostic>) {
    let mut account = Account { target, fields: BTreeMap::new(), waived: BTreeMap::new() };
    let mut findings = Vec::new();
    let covered = walk(Some(&Rows::of(table)), &mut Vec::new(), fields, &mut |(pattern, fate), path, value| {
        if set(value) {
            account.fields.insert(pattern, *fate);
            if let Fate::Refused(reason) = fate {
                refuse(target, reason, plan, path, &mut account.waived, &mut findings);
            }
        }
    });
    if let Err(path) = covered {
        let message = format!("the {target} target does not account for `{}`", path.join("."));
        findings.push(Diagnostic::error(Code::Internal, FieldPath::root()).message(message));
    }
    (json::to_pretty(&account), findings)
}

/// A table by the steps of its patterns.
#[derive(Default)]
struct Rows {
    row: Option<&'static Row>,
    below: BTreeMap<&'static str, Rows>,
}

impl Rows {
    fn of(table: &'static [Row]) -> Self {
        let mut rows = Rows::default();
        for row in table {
            let at = row.0.split('.').fold(&mut rows, |rows, step| rows.below.entry(step).or_default());
            at.row = Some(row);
        }
        rows
    }

    fn at(&self, step: &str) -> Option<&Rows> {
        self.below.get(step).or_else(|| self.below.get("*"))
    }
}

/// Calls `visit` for each field that a row covers, with all that is below it; a leaf that none covers is the error.
fn walk<'a>(
    rows: Option<&Rows>,
    path: &mut Vec<&'a str>,
    value: &'a Value,
    visit: &mut impl FnMut(&'static Row, &[&str], &Value),
) -> Result<(), Vec<String>> {
    if let Some(row) = rows.and_then(|rows| rows.row) {
        visit(row, path, value);
        return Ok(());
    }
    let Value::Object(fields) = value else {
        return Err(path.iter().map(ToString::to_string).collect());
    };
    for (key, value) in fields {
        path.push(key);
        walk(rows.and_then(|rows| rows.at(key)), path, value, visit)?;
        path.pop();
    }
    Ok(())
}

fn set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn refuse(
    target: &str,
    reason: &str,
    plan: &Plan,
    path: &[&str],
    waived: &mut BTreeMap<String, String>,
    findings: &mut Vec<Diagnostic>,
) {
    // `services.orders.autoscale` and `volumes.data.size` both belong to a service that can waive them.
    let [kind, name, field] = path else { return };
    let volume = plan
        .volumes
        .iter()
        .find(|(volume, _)| *kind == "volumes" && volume.as_str() == *name)
        .map(|(_, volume)| volume);
    let owner = volume.map_or(*name, |volume| volume.owner.as_str());
    let Some((_, service)) = plan.services.iter().find(|(service, _)| service.as_str() == owner) else { return };
    let waiver = if volume.is_some() { format!("{target}.volume_{field}") } else { format!("{target}.{field}") };
    if let Some(why) = service.waive.get(&waiver) {
        waived.insert(path.join("."), why.to_string());
        return;
    }
    let place = match volume {
        Some(_) => service.origin.key("volumes").key(*name).key(*field),
        None => service.origin.key(*field),
    };
    findings.push(
        Diagnostic::error(Code::Unsupported, place).message(format!("{target} cannot express this: {reason}")).hint(
            format!("accept it with a reason: `services.{owner}.waive.\"{waiver}\" = \"…\"`, or remove the setting"),
        ),
    );
}
