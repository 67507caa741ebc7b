//! Triggers of tables and views.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::constraint::take_deferrable;
use super::reader::Reader;
use super::tree::{
    AtNode, Parsed, Parts, Unsupported, expression, folded_name, ident, object_name, start_offset, string_content,
    tokens, unsupported,
};
use crate::database::model::*;
use crate::values::{Checked, Text};

impl Reader {
    /// Reads CREATE TRIGGER.
    pub(super) fn create_trigger(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let or_replace = parts.take_node(OR_REPLACE).is_some();
        let constraint = parts.take_token("CONSTRAINT");
        let name = ident(&parts.require(TRIGGER)?)?;
        let on = parts.require(ON_RELATION)?;
        let relation = object_name(&Parts::of(&on).require(RELATION_NAME_REF)?)?;
        self.object_in_messages = format!("the trigger {name} of {relation}");
        let timing = take_timing(&mut parts)?;
        let mut trigger = Trigger {
            timing,
            events: Default::default(),
            update_of: Vec::new(),
            for_each_statement: parts.take_node(FOR_EACH_ROW).is_none(),
            condition: None,
            // A placeholder until the call has been read.
            function: relation.clone(),
            arguments: Vec::new(),
            old_table: None,
            new_table: None,
            constraint,
            deferrable: take_deferrable(&mut parts),
            enabled: TriggerState::default(),
            comment: None,
        };
        parts.take_node(FOR_EACH_STATEMENT);
        read_events(&mut trigger, &parts.require(TRIGGER_EVENT_LIST)?)?;
        read_transition_tables(&mut trigger, &mut parts)?;
        if let Some(clause) = parts.take_node(WHEN_CONDITION) {
            trigger.condition = Some(expression(&Parts::of(&clause).take_any()?)?);
        }
        let mut call = Parts::of(&parts.require(CALL_EXPR)?);
        let mut arguments = Parts::of(&call.require(ARG_LIST)?);
        trigger.arguments = arguments.take_rest().iter().map(trigger_argument).collect::<Parsed<_>>()?;
        trigger.function = self.trigger_function(&call.take_any()?)?;
        parts.refuse_rest_except("CREATE TRIGGER EXECUTE FUNCTION PROCEDURE ;")?;
        if self.is_event_trigger(&trigger.function) {
            let what = format!("the trigger `{name}` is left out: Hasura creates it for an event");
            self.notes.push(Unsupported { at: start_offset(node), what });
            return Ok(());
        }
        match self.triggers_of(&relation, &on)?.entry(name) {
            Entry::Occupied(_) if !or_replace => unsupported(node, "there is already a trigger with this name"),
            Entry::Occupied(mut earlier) => {
                // OR REPLACE keeps the comment, but enables the trigger.
                let comment = earlier.get_mut().comment.take();
                earlier.insert(Trigger { comment, ..trigger });
                Ok(())
            }
            Entry::Vacant(place) => {
                place.insert(trigger);
                Ok(())
            }
        }
    }

    /// Returns whether a trigger with this function is one that Hasura creates. An import that includes the functions of
    /// Hasura keeps their triggers.
    fn is_event_trigger(&self, function: &ObjectName) -> bool {
        function.schema() == HASURA_SCHEMA
            && function.name().starts_with(EVENT_TRIGGER_PREFIX)
            && self.schema.functions_named(function).next().is_none()
    }

    /// Reads the name of a trigger function. A name without a schema means a function of the file, else one of every
    /// server.
    fn trigger_function(&self, node: &SyntaxNode) -> Parsed<ObjectName> {
        let name = object_name(node)?;
        let server_function = ObjectName::new_in("pg_catalog", name.name());
        let is_declared = self.schema.functions_named(&name).next().is_some();
        let is_of_server = is_trigger_function_of_server(&server_function) && !is_declared;
        Ok(if is_of_server && name.schema() == PUBLIC_SCHEMA { server_function } else { name })
    }

    /// Returns the triggers of a table or view, or an error at the node if there is no such table or view.
    pub(super) fn triggers_of(
        &mut self,
        relation: &ObjectName,
        node: &SyntaxNode,
    ) -> Parsed<&mut BTreeMap<SqlName, Trigger>> {
        if self.schema.views.contains_key(relation) {
            let view = self.schema.views.get_mut(relation);
            return view.map_or_else(|| unsupported(node, "there is no such view"), |view| Ok(&mut view.triggers));
        }
        Ok(&mut self.table(relation, node)?.triggers)
    }

    /// Reads ENABLE TRIGGER or DISABLE TRIGGER of ALTER TABLE.
    pub(super) fn change_trigger_state(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let state = match node.kind() {
            DISABLE_TRIGGER => TriggerState::Disabled,
            ENABLE_REPLICA_TRIGGER => TriggerState::Replica,
            ENABLE_ALWAYS_TRIGGER => TriggerState::Always,
            _ => TriggerState::Origin,
        };
        let Some(reference) = Parts::of(node).take_node(TRIGGER_REF) else {
            return self.change_all_triggers(table, state, node);
        };
        let name = ident(&reference)?;
        match self.table(table, node)?.triggers.get_mut(&name) {
            Some(trigger) => trigger.enabled = state,
            None => return unsupported(&reference, format!("there is no trigger `{name}`")),
        }
        Ok(())
    }
}

/// Takes BEFORE, AFTER or INSTEAD OF.
fn take_timing(parts: &mut Parts) -> Parsed<Timing> {
    if parts.take_node(SyntaxKind::TIMING_BEFORE).is_some() {
        return Ok(Timing::Before);
    }
    if parts.take_node(SyntaxKind::TIMING_AFTER).is_some() {
        return Ok(Timing::After);
    }
    parts.require(SyntaxKind::TIMING_INSTEAD_OF).map(|_| Timing::InsteadOf)
}

/// Reads the clause REFERENCING, which names the tables of old and new rows.
fn read_transition_tables(trigger: &mut Trigger, parts: &mut Parts) -> Parsed<()> {
    let Some(clause) = parts.take_node(SyntaxKind::REFERENCING) else { return Ok(()) };
    let mut clause = Parts::of(&clause);
    trigger.old_table = clause.take_node(SyntaxKind::OLD_TABLE).map(|table| transition_table(&table)).transpose()?;
    trigger.new_table = clause.take_node(SyntaxKind::NEW_TABLE).map(|table| transition_table(&table)).transpose()?;
    clause.refuse_rest_except("REFERENCING")
}

impl Reader {
    /// Reads ENABLE or DISABLE of ALL or USER triggers. ALL includes those of foreign keys, which a definition cannot
    /// disable, so a later statement must enable them.
    fn change_all_triggers(&mut self, table: &ObjectName, state: TriggerState, node: &SyntaxNode) -> Parsed<()> {
        self.table(table, node)?.triggers.values_mut().for_each(|trigger| trigger.enabled = state);
        if tokens(node).any(|token| token.text().eq_ignore_ascii_case("all")) {
            if state == TriggerState::Origin {
                self.disabled_tables.remove(table);
            } else {
                self.disabled_tables.insert(table.clone(), start_offset(node));
            }
        }
        Ok(())
    }

    /// Reports tables whose triggers of foreign keys are disabled at the end of the file.
    pub(super) fn require_enabled_triggers(&mut self) {
        for (table, at) in std::mem::take(&mut self.disabled_tables) {
            let what = format!(
                "the table {table}: nself cannot represent ALL triggers that are disabled, since some belong to foreign keys; \
                 name each trigger, or enable them after the change of the rows"
            );
            self.problems.push(Unsupported { at, what });
        }
    }
}

/// Reads the events of a trigger, such as `INSERT OR UPDATE OF state`.
fn read_events(trigger: &mut Trigger, node: &SyntaxNode) -> Parsed<()> {
    use SyntaxKind::*;
    let mut events = Parts::of(node);
    for event in events.take_rest() {
        trigger.events.insert(match event.kind() {
            TRIGGER_EVENT_INSERT => Event::Insert,
            TRIGGER_EVENT_DELETE => Event::Delete,
            TRIGGER_EVENT_TRUNCATE => Event::Truncate,
            _ => {
                let mut update = Parts::of(&event);
                trigger.update_of = update.take_all(COLUMN_NAME_REF).iter().map(ident).collect::<Parsed<_>>()?;
                update.refuse_rest_except("UPDATE OF ,")?;
                Event::Update
            }
        });
    }
    events.refuse_rest_except("OR")
}

/// Reads the name of a transition table.
fn transition_table(node: &SyntaxNode) -> Parsed<SqlName> {
    let mut parts = Parts::of(node);
    let name = ident(&parts.require(SyntaxKind::TRANSITION_RELATION_NAME)?)?;
    parts.refuse_rest_except("OLD NEW TABLE AS")?;
    Ok(name)
}

/// Reads an argument of a trigger: a string, or a number or name, which is stored as text.
fn trigger_argument(node: &SyntaxNode) -> Parsed<Text> {
    let mut tokens = tokens(node);
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return unsupported(node, "an argument of a trigger is a string, a number or a name");
    };
    let text = match token.kind() {
        SyntaxKind::STRING | SyntaxKind::ESC_STRING | SyntaxKind::DOLLAR_QUOTED_STRING => string_content(node)?,
        SyntaxKind::INT_NUMBER | SyntaxKind::NUMERIC_NUMBER => token.text().to_owned(),
        _ => folded_name(&token),
    };
    Text::new(&text).at(node)
}
