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
    let rows: Vec<(Vec<&str>, &Row)> = table.iter().map(|row| (row.0.split('.').collect(), row)).collect();
    let covered = walk(&mut Vec::new(), fields, &mut |path, value| {
        let found = rows.iter().find(|(pattern, _)| matches(pattern, path));
        let Some((_, (pattern, fate))) = found else { return false };
        if set(value) {
            account.fields.insert(pattern, *fate);
            if let Fate::Refused(reason) = fate {
                refuse(target, reason, plan, path, &mut account.waived, &mut findings);
            }
        }
        true
    });
    if let Err(path) = covered {
        let message = format!("the {target} target does not account for `{}`", path.join("."));
        findings.push(Diagnostic::error(Code::Internal, FieldPath::root()).message(message));
    }
    (json::to_pretty(&account), findings)
}

/// Calls `visit` top down until it answers that a subtree is covered; a leaf that nobody covers is the error.
fn walk<'a>(
    path: &mut Vec<&'a str>,
    value: &'a Value,
    visit: &mut impl FnMut(&[&str], &Value) -> bool,
) -> Result<(), Vec<String>> {
    if !path.is_empty() && visit(path, value) {
        return Ok(());
    }
    let Value::Object(fields) = value else {
        return Err(path.iter().map(ToString::to_string).collect());
    };
    for (key, value) in fields {
        path.push(key);
        walk(path, value, visit)?;
        path.pop();
    }
    Ok(())
}

/// The last step tells most patterns apart.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    let fits = |(part, step): (&&str, &&str)| *part == "*" || part == step;
    pattern.len() == path.len() && pattern.iter().zip(path).rev().all(fits)
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
