//! Plans changes of row-level security and policies.

use std::collections::BTreeSet;

use super::diff::{Diff, TableChange, TableChangeKind};
use super::graph::{ObjectKind, ObjectNode};
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::mentioned_names_and_operators;
use crate::database::model::*;

/// Returns `sql`, a statement that must see all rows of the tables, with statements around it that switch off forced row
/// security. The owner of the tables runs the migrations, and only forced row security applies to the owner.
pub fn without_forced_row_security<'a>(
    tables: impl IntoIterator<Item = (&'a ObjectName, Option<&'a Table>)>,
    sql: &str,
) -> String {
    let is_forced = |table: Option<&Table>| table.is_some_and(|table| table.row_security == RowSecurity::Forced);
    let forced_tables: BTreeSet<&ObjectName> =
        tables.into_iter().filter(|(_, table)| is_forced(*table)).map(|(name, _)| name).collect();
    let alter = |action: &'static str| {
        forced_tables.iter().map(move |name| format!("ALTER TABLE {} {action} ROW LEVEL SECURITY;", name.sql()))
    };
    alter("NO FORCE").chain([sql.to_owned()]).chain(alter("FORCE")).collect::<Vec<_>>().join("\n")
}

/// Returns whether a policy mentions something that is recreated: a function, a view, an operator, a column of the
/// policy's table, or a different table with such a column.
fn depends_on_change(diff: &Diff, table: &ObjectName, policy: &Policy) -> bool {
    let (retyped, regenerated) = (diff.affected.retyped_columns(table), diff.affected.regenerated_columns(table));
    let texts = policy.using.iter().chain(&policy.check);
    let mut names = texts.flat_map(|text| mentioned_names_and_operators(text.as_str()));
    names.any(|name| {
        let name = name.as_ref();
        let mut recreated = diff.changed_or_dropped.get(name).into_iter().flatten();
        // For the table of the policy, only the columns below matter.
        recreated.any(|node| *node != ObjectNode::new(ObjectKind::Table, table))
            || retyped.contains(name)
            || regenerated.contains(name)
    })
}

/// Returns whether an old policy remains: the new policy has the same rules, and the old one depends on no change.
fn policy_remains(diff: &Diff, change: &TableChange, key: &SqlName, old: &Policy) -> bool {
    let has_same_rules = change.new.policies.get(key).is_some_and(|new| new.has_rules_of(old));
    has_same_rules && !depends_on_change(diff, change.name, old)
}

/// Plans the removal of policies that change or depend on a change.
pub fn drop_changed(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { kind, name, old, new, path } = *change;
    // These steps run before renames, so they use the old names.
    let old_name = diff.old_table_names.get(name).unwrap_or(name);
    let table = old_name.sql();
    let table_before_renames = diff.before_renames.tables.get(old_name).unwrap_or(old);
    let step = |key: &SqlName, what: &str| {
        let why = format!("the {what} {name}.{key} changes");
        MigrationStep::new(Phase::DropDependents, format!("{name}.{key}"), path.clone(), why)
    };
    for (key, policy) in old.policies.iter().filter(|(key, policy)| !policy_remains(diff, change, key, policy)) {
        // Without a restrictive policy, or with a different policy, more rows may be visible. A dropped table has no
        // rows to show.
        let new_policy = new.policies.get(key);
        let has_same_rules = new_policy.is_some_and(|new| new.has_rules_of(policy));
        let is_weaker =
            kind != TableChangeKind::Drop && !has_same_rules && (policy.restrictive || new_policy.is_some());
        planner.push(
            step(key, "policy")
                .up(format!("DROP POLICY {} ON {table};", quoted(key)))
                .down(ddl::create_policy(old_name, key, table_before_renames.policies.get(key).unwrap_or(policy)))
                .hazard(Hazard::AuthzUpdate)
                .hazards(is_weaker.then_some(Hazard::RlsWeakened)),
        );
    }
}

/// Plans changes of row security, and policies that are new or were dropped for a change.
pub fn plan(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    change_row_security(planner, change);
    add_policies(planner, diff, change);
}

/// Plans the change of row security.
fn change_row_security(planner: &mut Planner, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    if old.row_security == new.row_security {
        return;
    }
    // A listed partition has the row security of its table, so `allow` names that table.
    let object =
        new.partition_of.as_ref().filter(|partition| partition.is_listed).map_or(name, |partition| &partition.table);
    let change_sql = |from: RowSecurity, to: RowSecurity| ddl::row_security(&name.sql(), from, to).join("\n");
    let loses_property =
        |has_property: fn(RowSecurity) -> bool| has_property(old.row_security) && !has_property(new.row_security);
    let is_weaker = loses_property(RowSecurity::is_on) || loses_property(RowSecurity::is_forced);
    let why = format!("{name}: row-level security");
    planner.push(
        MigrationStep::new(Phase::Attach, object.as_str(), path.key("row_security"), why)
            .up(change_sql(old.row_security, new.row_security))
            .down(change_sql(new.row_security, old.row_security))
            .hazard(Hazard::AuthzUpdate)
            .hazards(is_weaker.then_some(Hazard::RlsWeakened)),
    );
}

/// Plans new policies, those that were dropped for a change, and changes of the comments of those that remain.
fn add_policies(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { kind, name, old, new, path } = *change;
    for (key, policy) in &new.policies {
        if let Some(old) = old.policies.get(key).filter(|old| policy_remains(diff, change, key, old)) {
            if old.comment != policy.comment {
                let path = path.key("policies").key(key.as_str()).key("comment");
                planner.push(
                    MigrationStep::new(Phase::Attach, format!("{name}.{key}"), path, format!("{name}.{key}: comment"))
                        .order_in_phase(1)
                        .up(ddl::policy_comment(name, key, policy))
                        .down(ddl::policy_comment(name, key, old)),
                );
            }
            continue;
        }
        // An additional permissive policy shows more rows of a table that was protected before.
        let is_wider = !old.policies.contains_key(key) && !policy.restrictive && old.row_security.is_on();
        let path = path.key("policies").key(key.as_str());
        planner.push(
            MigrationStep::new(Phase::Attach, format!("{name}.{key}"), path, format!("the policy {name}.{key}"))
                .order_in_phase(1)
                .up(ddl::create_policy(name, key, policy))
                .down(format!("DROP POLICY {} ON {};", quoted(key), name.sql()))
                .hazards((kind != TableChangeKind::Create).then_some(Hazard::AuthzUpdate))
                .hazards(is_wider.then_some(Hazard::RlsWeakened)),
        );
    }
}
