//! Checks triggers.

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    /// Checks a trigger. `table` is the table to which the trigger belongs; `None` for a trigger of a view.
    pub(super) fn check_trigger(&mut self, table: Option<&Table>, trigger: &Trigger, path: &FieldPath) {
        // The function of a trigger has no arguments. Functions that share its name have other keys than names.
        let schema = self.schema;
        let mut functions = schema.functions_named(&trigger.function).map(|(_, function)| function);
        let function = functions.find(|function| function.input_types().next().is_none());
        let returns = function.and_then(|function| function.returns.as_ref());
        let is_of_server = is_trigger_function_of_server(&trigger.function);
        let extension = extension_of_trigger_function(trigger.function.name())
            .and_then(|extension| schema.extensions.get_key_value(extension));
        let schema_of_extension = extension.map(|(name, extension)| extension.schema_of(name));
        let is_of_extension = schema_of_extension == Some(trigger.function.schema());
        let is_declared = returns.is_some_and(|returns| returns.as_str() == "trigger");
        if !is_declared && !is_of_server && !is_of_extension {
            let message = format!("there is no function `{}` that returns trigger", trigger.function);
            let name = schema.functions.get(&trigger.function).and_then(|function| function.name.as_ref());
            let hint = match (name, schema_of_extension) {
                (Some(name), _) => format!("write the name of the function instead of its key: `{name}`"),
                (None, Some(schema)) => {
                    let function = ObjectName::new_in(schema, trigger.function.name());
                    format!("write the schema of the extension before the name: `{function}`")
                }
                (None, None) => "declare the function with `returns = \"trigger\"`".to_owned(),
            };
            self.report(path.key("function"), message, hint);
        }
        if let Some(table) = table {
            self.require_columns(table, &trigger.update_of, &path.key("update_of"));
        }
        if trigger.events.is_empty() {
            self.report(path.key("events"), "the trigger has no events", "add an event such as 'insert");
        }
        if table.is_some() && trigger.events.contains(&Event::Truncate) && !trigger.for_each_statement {
            let message = "a trigger for 'truncate runs once for the statement, not for each row";
            self.report(path.key("events"), message, "set `statement = true`, or remove 'truncate");
        }
        self.check_timing(table, trigger, path);
        self.check_transition_tables(table, trigger, path);
        if trigger.constraint && (trigger.timing != Timing::After || trigger.for_each_statement) {
            let message = "a constraint trigger must run after each row";
            self.report(path.key("constraint"), message, "set `timing = 'after`, and leave `statement` out");
        }
        if trigger.deferrable != Deferrable::No && !trigger.constraint {
            let message = "only a constraint trigger can be deferrable";
            self.report(path.key("deferrable"), message, "set `constraint = true`, or leave `deferrable` out");
        }
    }

    /// Reports a timing that does not suit the table or view, and properties that do not suit a view.
    fn check_timing(&mut self, table: Option<&Table>, trigger: &Trigger, path: &FieldPath) {
        let is_instead = trigger.timing == Timing::InsteadOf;
        if is_instead && table.is_some() {
            let message = "only a trigger of a view can have `timing = 'instead_of`";
            self.report(path.key("timing"), message, "use 'before or 'after");
        }
        let has_restriction = trigger.condition.is_some() || !trigger.update_of.is_empty();
        if is_instead && (trigger.for_each_statement || has_restriction) {
            let message =
                "a trigger with `timing = 'instead_of` runs for each row, and cannot have `when` or `update_of`";
            self.report(path.key("timing"), message, "leave `statement`, `when` and `update_of` out");
        }
        if table.is_none() && !is_instead && !trigger.for_each_statement {
            let message = "a trigger of a view with `timing = 'before` or `'after` must run once per statement";
            self.report(path.key("timing"), message, "set `statement = true`, or `timing = 'instead_of`");
        }
        if table.is_none() && trigger.events.contains(&Event::Truncate) {
            self.report(path.key("events"), "a view cannot be truncated", "remove 'truncate");
        }
        if table.is_none() && trigger.enabled != TriggerState::default() {
            let message = "PostgreSQL cannot change `enabled` of a trigger of a view";
            self.report(path.key("enabled"), message, "leave `enabled` out");
        }
    }

    /// Reports `old_table` and `new_table` of a trigger for which the server refuses them.
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
            let is_plain_after_trigger =
                trigger.timing == Timing::After && !trigger.constraint && trigger.update_of.is_empty();
            let belongs_to_partitions =
                table.is_some_and(|table| table.partition_by.is_some() || table.partition_of.is_some());
            let reason = if !has_fitting_event {
                format!("needs a trigger with exactly one event, {} or {}", events[0].sql(), events[1].sql())
            } else if !is_plain_after_trigger || table.is_none() {
                "needs a trigger of a table with `timing = 'after`, without `constraint` and `update_of`".to_owned()
            } else if belongs_to_partitions && !trigger.for_each_statement {
                "of a table with partitions needs `statement = true`".to_owned()
            } else {
                continue;
            };
            self.report(
                path.key(field),
                format!("`{field}` {reason}"),
                "change the trigger accordingly, or remove this field",
            );
        }
        if trigger.old_table.is_some() && trigger.old_table == trigger.new_table {
            self.report(
                path.key("new_table"),
                "`old_table` and `new_table` have the same name",
                "use two different names",
            );
        }
    }
}
