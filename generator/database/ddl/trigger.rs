//! SQL of triggers.

use super::comment;
use crate::database::model::*;

/// Returns the SQL that creates a trigger of a table or view, with its state and comment.
pub fn create_trigger(relation: &ObjectName, name: &SqlName, trigger: &Trigger) -> String {
    let mut sql = vec![trigger_definition("CREATE", relation, name, trigger)];
    if trigger.enabled != TriggerState::default() {
        sql.push(trigger_state(relation, name, trigger.enabled));
    }
    if trigger.comment.is_some() {
        sql.push(trigger_comment(relation, name, trigger));
    }
    sql.join("\n")
}

/// Returns the statement that enables a trigger in all or in some sessions, or disables it.
pub fn trigger_state(relation: &ObjectName, name: &SqlName, state: TriggerState) -> String {
    format!("ALTER TABLE {} {} TRIGGER {};", relation.sql(), state.sql(), quoted(name))
}

/// Returns the statement that sets the comment of a trigger.
pub fn trigger_comment(relation: &ObjectName, name: &SqlName, trigger: &Trigger) -> String {
    comment("TRIGGER", &format!("{} ON {}", quoted(name), relation.sql()), trigger.comment.as_ref())
}

/// Returns the statement that replaces a trigger.
pub fn replace_trigger(relation: &ObjectName, name: &SqlName, trigger: &Trigger) -> String {
    trigger_definition("CREATE OR REPLACE", relation, name, trigger)
}

/// Returns the definition of a trigger. It begins with `create`, which is `CREATE` or `CREATE OR REPLACE`.
fn trigger_definition(create: &str, relation: &ObjectName, name: &SqlName, trigger: &Trigger) -> String {
    let events: Vec<String> = trigger
        .events
        .iter()
        .map(|event| match event {
            Event::Update if !trigger.update_of.is_empty() => format!("UPDATE OF {}", quoted_list(&trigger.update_of)),
            event => event.sql().to_owned(),
        })
        .collect();
    let constraint = if trigger.constraint { "CONSTRAINT " } else { "" };
    let deferrable = match trigger.deferrable {
        Deferrable::No => "",
        Deferrable::Immediate => " DEFERRABLE",
        Deferrable::Deferred => " DEFERRABLE INITIALLY DEFERRED",
    };
    let transition = |table: &Option<SqlName>, row_version: &str| {
        table.as_ref().map_or(String::new(), |table| format!(" {row_version} TABLE AS {}", quoted(table)))
    };
    let transitions = transition(&trigger.old_table, "OLD") + &transition(&trigger.new_table, "NEW");
    let referencing = if transitions.is_empty() { String::new() } else { format!(" REFERENCING{transitions}") };
    let level = if trigger.for_each_statement { "STATEMENT" } else { "ROW" };
    let condition = trigger.condition.as_ref().map_or(String::new(), |expression| format!(" WHEN ({expression})"));
    let arguments: Vec<String> = trigger.arguments.iter().map(|argument| literal(argument.as_str())).collect();
    format!(
        "{create} {constraint}TRIGGER {} {} {} ON {}{deferrable}{referencing} FOR EACH {level}{condition} EXECUTE FUNCTION {}({});",
        quoted(name),
        trigger.timing.sql(),
        events.join(" OR "),
        relation.sql(),
        trigger.function.sql(),
        arguments.join(", ")
    )
}
