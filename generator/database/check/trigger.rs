//! Checks triggers.

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    /// Checks a trigger of a table; `None` for a trigger of a view.
    pub(super) fn check_trigger(&mut self, table: Option<&Table>, trigger: &Trigger, path: &FieldPath) {
        let function = self.schema.functions.get(&trigger.function);
        let returns = function.and_then(|function| function.returns.as_ref());
        if returns.is_none_or(|returns| returns.as_str() != "trigger") {
            let message = format!("there is no function `{}` that returns trigger", trigger.function);
            self.report(path.key("function"), message, "declare the function with `returns = \"trigger\"`");
        }
        if let Some(table) = table {
            self.require_columns(table, &trigger.update_of, &path.key("update_of"));
        }
        if trigger.events.is_empty() || (trigger.events.contains(&Event::Truncate) && !trigger.statement) {
            let message = "a trigger needs events, and a trigger for truncate needs `statement`";
            self.report(
                path.key("events"),
                message,
                "add an event such as 'insert; for 'truncate, set `statement = true`",
            );
        }
        self.check_timing(table, trigger, path);
        self.check_transition_tables(table, trigger, path);
        if trigger.constraint && (trigger.timing != Timing::After || trigger.statement) {
            let message = "a constraint trigger runs after each row";
            self.report(path.key("constraint"), message, "set `timing = 'after`, and leave `statement` out");
        }
        if trigger.deferrable != Deferrable::No && !trigger.constraint {
            let message = "only a constraint trigger can be deferrable";
            self.report(path.key("deferrable"), message, "set `constraint = true`, or leave `deferrable` out");
        }
    }

    fn check_timing(&mut self, table: Option<&Table>, trigger: &Trigger, path: &FieldPath) {
        let is_instead = trigger.timing == Timing::InsteadOf;
        if is_instead && table.is_some() {
            let message = "only a trigger of a view can run instead of the change";
            self.report(path.key("timing"), message, "use 'before or 'after");
        }
        let has_restriction = trigger.condition.is_some() || !trigger.update_of.is_empty();
        if is_instead && (trigger.statement || has_restriction) {
            let message = "a trigger that runs instead of the change runs for each row, without `when` and `update_of`";
            self.report(path.key("timing"), message, "leave `statement`, `when` and `update_of` out");
        }
        if table.is_none() && !is_instead && !trigger.statement {
            let message = "a trigger before or after a change of a view runs once per statement";
            self.report(path.key("timing"), message, "set `statement = true`, or `timing = 'instead_of`");
        }
        if table.is_none() && trigger.events.contains(&Event::Truncate) {
            self.report(path.key("events"), "a view cannot be truncated", "remove 'truncate");
        }
        if table.is_none() && trigger.enabled != TriggerState::default() {
            let message = "the server cannot change when a trigger of a view is enabled";
            self.report(path.key("enabled"), message, "leave `enabled` out");
        }
    }

    fn check_transition_tables(&mut self, table: Option<&Table>, trigger: &Trigger, path: &FieldPath) {
        let fields = [
            ("old_table", &trigger.old_table, [Event::Update, Event::Delete]),
            ("new_table", &trigger.new_table, [Event::Update, Event::Insert]),
        ];
        for (field, name, events) in fields {
            if name.is_none() {
                continue;
            }
            let has_fitting_event =
                trigger.events.len() == 1 && trigger.events.iter().all(|event| events.contains(event));
            let is_plain = trigger.timing == Timing::After && !trigger.constraint && trigger.update_of.is_empty();
            let belongs_to_partitions =
                table.is_some_and(|table| table.partition_by.is_some() || table.partition_of.is_some());
            let reason = if !has_fitting_event {
                format!("needs exactly one event, {} or {}", events[0].sql(), events[1].sql())
            } else if !is_plain || table.is_none() {
                "is only possible after a change of a table, without `constraint` and `update_of`".to_owned()
            } else if belongs_to_partitions && !trigger.statement {
                "of a table with partitions needs `statement = true`".to_owned()
            } else {
                continue;
            };
            self.report(path.key(field), format!("`{field}` {reason}"), "change the trigger, or leave the field out");
        }
        if trigger.old_table.is_some() && trigger.old_table == trigger.new_table {
            self.report(path.key("new_table"), "both tables have the same name", "use two names");
        }
    }
}
