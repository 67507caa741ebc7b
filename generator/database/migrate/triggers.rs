//! Plans changes of the triggers of tables and views. A trigger is changed in place where that is possible, so that no row
//! changes without it.

use std::collections::BTreeMap;

use super::diff::{Diff, TableChange};
use super::graph::{ObjectKind, ObjectNode};
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::identifiers::mentioned_names_and_operators;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

type Triggers = BTreeMap<SqlName, Trigger>;

/// A table or view whose triggers may change.
struct TriggerOwner<'a> {
    name: &'a ObjectName,
    /// Name and triggers before all renames.
    before_renames: (&'a ObjectName, &'a Triggers),
    old: &'a Triggers,
    new: &'a Triggers,
    /// Whether the table or view is recreated, with all its triggers.
    is_recreated: bool,
    /// Whether the table is partitioned or a partition. The server copies triggers to partitions, and cannot replace a
    /// trigger with copies.
    has_copies: bool,
    path: &'a FieldPath,
}

/// The way in which a trigger changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TriggerChange {
    None,
    /// Only its state or comment changes.
    InPlace,
    Replace,
    /// It is dropped, and created again if the new schema has it.
    Recreate,
}

/// Plans the removal of a table's triggers that change or depend on a change.
pub fn drop_from_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    TriggerOwner::of_table(diff, change).drop_triggers(planner, diff);
}

/// Plans a table's triggers that are new, change or were dropped for a change.
pub fn add_to_table(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    TriggerOwner::of_table(diff, change).add_triggers(planner, diff);
}

/// Plans changes of the triggers of all views.
pub fn plan_views(planner: &mut Planner, diff: &Diff) {
    let no_triggers = Triggers::new();
    let new_views = diff.new.views.keys().filter(|name| !diff.old.views.contains_key(*name));
    for name in diff.old.views.keys().chain(new_views) {
        let (old, new) = (diff.old.views.get(name), diff.new.views.get(name));
        let old = old.map_or(&no_triggers, |view| &view.triggers);
        let path = if new.is_some() { planner.path(&["views", name.as_str()]) } else { planner.path(&["views"]) };
        let owner = TriggerOwner {
            name,
            before_renames: (name, old),
            old,
            new: new.map_or(&no_triggers, |view| &view.triggers),
            is_recreated: diff.affected.recreated_routines.contains(name),
            has_copies: false,
            path: &path,
        };
        owner.drop_triggers(planner, diff);
        owner.add_triggers(planner, diff);
    }
}

/// Returns whether the condition of a trigger mentions a function or an operator that is dropped or recreated.
fn mentions_recreated(diff: &Diff, condition: &str) -> bool {
    let is_recreated = |name: &str| {
        diff.changed_or_dropped
            .get(name)
            .into_iter()
            .flatten()
            .any(|ObjectNode { kind, .. }| *kind != ObjectKind::Table)
    };
    mentioned_names_and_operators(condition).any(|name| is_recreated(&name))
}

impl<'a> TriggerOwner<'a> {
    fn of_table(diff: &'a Diff, change: &TableChange<'a>) -> Self {
        let TableChange { name, old, new, path, .. } = *change;
        let old_name = diff.old_table_names.get(name).unwrap_or(name);
        let before_renames = diff.before_renames.tables.get(old_name).unwrap_or(old);
        let is_copied = |table: &Table| table.partition_by.is_some() || table.partition_of.is_some();
        TriggerOwner {
            name,
            before_renames: (old_name, &before_renames.triggers),
            old: &old.triggers,
            new: &new.triggers,
            is_recreated: false,
            has_copies: is_copied(old) || is_copied(new),
            path,
        }
    }

    /// Returns how an old trigger changes. A trigger mentions columns in its condition and in `update_of`.
    fn change_of(&self, diff: &Diff, key: &SqlName, old: &Trigger) -> TriggerChange {
        let Some(new) = self.new.get(key) else { return TriggerChange::Recreate };
        let affected = diff.affected;
        let columns_change =
            !affected.retyped_columns(self.name).is_empty() || !affected.regenerated_columns(self.name).is_empty();
        let mentions_columns = old.condition.is_some() || !old.update_of.is_empty();
        // Functions of the server and of extensions are not in the old schema, but they do not change.
        let mut functions = diff.old.functions_named(&old.function);
        let loses_function = functions.any(|(function_key, function)| {
            function.input_types().next().is_none() && affected.drops_function(diff.new, function_key)
        });
        let depends_on_change = loses_function || (columns_change && mentions_columns);
        let depends_on_change =
            depends_on_change || old.condition.iter().any(|text| mentions_recreated(diff, text.as_str()));
        if self.is_recreated || depends_on_change {
            return TriggerChange::Recreate;
        }
        let old_with_new_settings = Trigger { enabled: new.enabled, comment: new.comment.clone(), ..old.clone() };
        match (old == new, old_with_new_settings == *new) {
            (true, _) => TriggerChange::None,
            (false, true) => TriggerChange::InPlace,
            _ if old.constraint || new.constraint || self.has_copies => TriggerChange::Recreate,
            _ => TriggerChange::Replace,
        }
    }

    fn drop_triggers(&self, planner: &mut Planner, diff: &Diff) {
        // These steps run before renames, so they use the old names.
        let (old_name, old_triggers) = self.before_renames;
        for (key, trigger) in self.old {
            if self.change_of(diff, key, trigger) != TriggerChange::Recreate {
                continue;
            }
            let why = format!("the trigger {}.{key} changes", self.name);
            planner.push(
                MigrationStep::new(Phase::DropDependents, format!("{}.{key}", self.name), self.path.clone(), why)
                    .up(format!("DROP TRIGGER {} ON {};", quoted(key), old_name.sql()))
                    .down(ddl::create_trigger(old_name, key, old_triggers.get(key).unwrap_or(trigger))),
            );
        }
    }

    fn add_triggers(&self, planner: &mut Planner, diff: &Diff) {
        for (key, trigger) in self.new {
            let old = self.old.get(key);
            let (up, down) = match old.map(|old| (old, self.change_of(diff, key, old))) {
                Some((_, TriggerChange::None)) => continue,
                Some((old, TriggerChange::InPlace)) => {
                    (self.settings_sql(key, old, trigger), self.settings_sql(key, trigger, old))
                }
                Some((old, TriggerChange::Replace)) => {
                    (self.replace_sql(key, old, trigger), self.replace_sql(key, trigger, old))
                }
                Some((_, TriggerChange::Recreate)) | None => (
                    ddl::create_trigger(self.name, key, trigger),
                    format!("DROP TRIGGER {} ON {};", quoted(key), self.name.sql()),
                ),
            };
            let path = self.path.key("triggers").key(key.as_str());
            let why = format!("the trigger {}.{key}", self.name);
            let object = format!("{}.{key}", self.name);
            planner.push(MigrationStep::new(Phase::Attach, object, path, why).order_in_phase(1).up(up).down(down));
        }
    }

    /// Returns the SQL that changes the state and the comment of a trigger.
    fn settings_sql(&self, key: &SqlName, from: &Trigger, to: &Trigger) -> String {
        let mut sql = Vec::new();
        if from.enabled != to.enabled {
            sql.push(ddl::trigger_state(self.name, key, to.enabled));
        }
        if from.comment != to.comment {
            sql.push(ddl::trigger_comment(self.name, key, to));
        }
        sql.join("\n")
    }

    /// Returns the SQL that replaces a trigger. The server then enables it, and keeps its comment.
    fn replace_sql(&self, key: &SqlName, from: &Trigger, to: &Trigger) -> String {
        let trigger_after_replacement = Trigger { enabled: TriggerState::default(), ..from.clone() };
        let replacement = ddl::replace_trigger(self.name, key, to);
        [replacement, self.settings_sql(key, &trigger_after_replacement, to)].join("\n").trim_end().to_owned()
    }
}
