//! Plans changes of row-level security, policies and triggers.

use super::graph::{ObjectKind, ObjectNode};
use super::{Diff, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::words;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

/// Whether a policy depends on something that is recreated: a function or view, a column of its table, or another
/// table with such a column.
fn depends_on_change(diff: &Diff, name: &ObjectName, policy: &Policy) -> bool {
    let (types, again) = (diff.affected.types_of(name), diff.affected.regenerated_of(name));
    let mut words = policy.using.iter().chain(&policy.check).flat_map(|text| words(text.as_str()));
    words.any(|word| {
        let word = word.as_ref();
        let mut recreated = diff.recreated.get(word).into_iter().flatten();
        recreated.any(|node| *node != ObjectNode(ObjectKind::Table, name))
            || types.contains(word)
            || again.contains(word)
    })
}

fn policy_stays(diff: &Diff, name: &ObjectName, key: &SqlIdent, was: &Policy, new: Option<&Table>) -> bool {
    new.and_then(|new| new.policies.get(key)) == Some(was) && !depends_on_change(diff, name, was)
}

fn trigger_stays(diff: &Diff, name: &ObjectName, key: &SqlIdent, was: &Trigger, new: Option<&Table>) -> bool {
    let changed = !diff.affected.types_of(name).is_empty() || !diff.affected.regenerated_of(name).is_empty();
    let made_of = was.condition.is_some() || !was.update_of.is_empty();
    new.and_then(|new| new.triggers.get(key)) == Some(was)
        && !diff.affected.routines.contains(&was.function)
        && !(changed && made_of)
}

/// Drops policies and triggers that change or depend on a change.
pub fn teardown(
    planner: &mut Planner,
    diff: &Diff,
    name: &ObjectName,
    old: &Table,
    new: Option<&Table>,
    path: &FieldPath,
) {
    let before = diff.names.get(name).unwrap_or(name);
    let table = before.sql();
    let texts = diff.before.tables.get(before).unwrap_or(old);
    for (key, was) in old.policies.iter().filter(|(key, was)| !policy_stays(diff, name, key, was, new)) {
        // Without a restrictive policy, or with a different one, more rows may be visible. A dropped table shows
        // none.
        let is = new.and_then(|new| new.policies.get(key));
        let weaker = new.is_some() && is != Some(was) && (was.restrictive || is.is_some());
        planner.push(
            MigrationStep::new(
                Phase::Unhook,
                format!("{name}.{key}"),
                path.clone(),
                format!("the policy {name}.{key} changes"),
            )
            .up(format!("DROP POLICY {} ON {table};", quoted(key)))
            .down(ddl::create_policy(before, key, texts.policies.get(key).unwrap_or(was)))
            .hazard(Hazard::AuthzUpdate)
            .hazards(weaker.then_some(Hazard::RlsWeakened)),
        );
    }
    for (key, was) in old.triggers.iter().filter(|(key, was)| !trigger_stays(diff, name, key, was, new)) {
        planner.push(
            MigrationStep::new(
                Phase::Unhook,
                format!("{name}.{key}"),
                path.clone(),
                format!("the trigger {name}.{key} changes"),
            )
            .up(format!("DROP TRIGGER {} ON {table};", quoted(key)))
            .down(ddl::create_trigger(before, key, texts.triggers.get(key).unwrap_or(was))),
        );
    }
}

/// Adds row security, policies and triggers that are new or were dropped for a change.
pub fn plan(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: Option<&Table>, new: &Table, path: &FieldPath) {
    let none = Table::default();
    let was = old.unwrap_or(&none);
    if was.row_security != new.row_security {
        let weaker = new.row_security < was.row_security;
        // Partitions that this change adds or drops handle row security themselves.
        let common = Table {
            partitions: new
                .partitions
                .iter()
                .filter(|(part, _)| old.is_none() || was.partitions.contains_key(*part))
                .map(|(part, bound)| (part.clone(), bound.clone()))
                .collect(),
            ..Table::default()
        };
        let fresh = new.partitions.keys().filter(|part| old.is_some() && !was.partitions.contains_key(*part));
        let change = |from: RowSecurity, to: RowSecurity| ddl::row_security(name, &common, from, to);
        let mut up = change(was.row_security, new.row_security);
        let least = was.row_security.min(new.row_security);
        up.extend(fresh.flat_map(|part| ddl::table_row_security(&name.beside(part).sql(), least, new.row_security)));
        planner.push(
            MigrationStep::new(
                Phase::Attach,
                name.as_str(),
                path.key("row_security"),
                format!("{name}: row-level security"),
            )
            .up(up.join("\n"))
            .down(change(new.row_security, was.row_security).join("\n"))
            .hazard(Hazard::AuthzUpdate)
            .hazards(weaker.then_some(Hazard::RlsWeakened)),
        );
    }
    for (key, policy) in &new.policies {
        if was.policies.get(key).is_some_and(|was| policy_stays(diff, name, key, was, Some(new))) {
            continue;
        }
        // An additional permissive policy shows more rows of a table that was protected before.
        let wider = !was.policies.contains_key(key) && !policy.restrictive && was.row_security != RowSecurity::Off;
        planner.push(
            MigrationStep::new(
                Phase::Attach,
                format!("{name}.{key}"),
                path.key("policies").key(key.as_str()),
                format!("the policy {name}.{key}"),
            )
            .rank(1)
            .up(ddl::create_policy(name, key, policy))
            .down(format!("DROP POLICY {} ON {};", quoted(key), name.sql()))
            .hazards(old.map(|_| Hazard::AuthzUpdate))
            .hazards(wider.then_some(Hazard::RlsWeakened)),
        );
    }
    for (key, trigger) in &new.triggers {
        if was.triggers.get(key).is_some_and(|was| trigger_stays(diff, name, key, was, Some(new))) {
            continue;
        }
        planner.push(
            MigrationStep::new(
                Phase::Attach,
                format!("{name}.{key}"),
                path.key("triggers").key(key.as_str()),
                format!("the trigger {name}.{key}"),
            )
            .rank(1)
            .up(ddl::create_trigger(name, key, trigger))
            .down(format!("DROP TRIGGER {} ON {};", quoted(key), name.sql())),
        );
    }
}
