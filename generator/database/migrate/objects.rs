//! Plans changes of objects that a definition keeps as their SQL. The server changes few of their properties in place,
//! so a changed object is dropped and created again in one transaction, with the objects that depend on it.

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::graph::{ObjectNode, object_kind};
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Plans changes of all objects that the old or the new schema keeps as their SQL.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (key, old) in &diff.old.objects {
        let is_gone = !diff.new.objects.contains_key(key);
        if is_gone || diff.affected.recreated_objects.contains(key.node()) {
            drop_object(planner, diff, (key, old), is_gone);
        }
    }
    for (key, new) in &diff.new.objects {
        let old = diff.old.objects.get(key);
        match old.filter(|_| !diff.affected.recreated_objects.contains(key.node())) {
            Some(old) => change_comment(planner, key, old, new),
            None => create_object(planner, diff, (key, new), old.is_some()),
        }
    }
}

/// Returns the phase in which an object is created, and the first position of such objects in it.
fn creation_phase(identity: &ObjectIdentity) -> (Phase, usize) {
    match identity.class.stage {
        ObjectStage::BeforeTables | ObjectStage::WithRoutines => (Phase::Create, 0),
        // Parts of tables have the positions 0 and 1.
        ObjectStage::AfterTables => (Phase::Attach, 2),
    }
}

fn create_object(planner: &mut Planner, diff: &Diff, (key, new): (&ObjectKey, &SqlObject), is_recreated: bool) {
    let Some(identity) = new.identity() else { return };
    let why = if is_recreated { "is recreated" } else { "is new" };
    let path = planner.path(&["objects", key.as_str()]);
    let (phase, first_position) = creation_phase(&identity);
    planner.push(
        MigrationStep::new(phase, key.as_str(), path, format!("the {key} {why}"))
            .order_in_phase(first_position + diff.new_graph.position(object_kind(new), key.node()))
            .up(ddl::create_object(new))
            .down(format!("DROP {};", identity.sql)),
    );
}

fn drop_object(planner: &mut Planner, diff: &Diff, (key, old): (&ObjectKey, &SqlObject), is_gone: bool) {
    let Some(identity) = old.identity() else { return };
    let dependent = diff.late_drops.users.get(&ObjectNode::new(object_kind(old), key.node()));
    let path = if is_gone { planner.path(&["objects"]) } else { planner.path(&["objects", key.as_str()]) };
    if let (Some(dependent), false) = (dependent, is_gone) {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("the {key} must be recreated, but {dependent} depends on it"),
            "create an object with a different name, and use that name wherever the old one is used",
        );
        return;
    }
    if let (Some(dependent), Some(kind)) = (dependent, identity.types.iter().find(|kind| is_old_name(diff, kind))) {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("the {key} must be recreated, since the type {kind} is renamed, but {dependent} depends on it"),
            "keep the name of the type, or remove what depends on the object in an earlier migration",
        );
        return;
    }
    // An object that a column, check, index or domain uses can be dropped only after its user.
    let phase = if dependent.is_some() { Phase::DropData } else { Phase::DropDependents };
    // Steps of the phase `DropDependents` run before renames.
    let before_renames = diff.before_renames.objects.get(key).filter(|_| phase == Phase::DropDependents);
    let why = if is_gone { "is gone" } else { "is recreated" };
    planner.push(
        MigrationStep::new(phase, key.as_str(), path, format!("the {key} {why}"))
            .order_in_phase(1 + diff.old_graph.reverse_position(object_kind(old), key.node()))
            .up(format!("DROP {};", identity.sql))
            .down(ddl::create_object(before_renames.unwrap_or(old))),
    );
}

/// Returns whether a type had this name only before the renames.
fn is_old_name(diff: &Diff, kind: &TypeName) -> bool {
    let Some(name) = kind.object() else { return false };
    // Each table is also the type of its rows.
    let has_type = |schema: &Schema| schema.types.contains_key(&name) || schema.tables.contains_key(&name);
    has_type(diff.before_renames) && !has_type(diff.old)
}

fn change_comment(planner: &mut Planner, key: &ObjectKey, old: &SqlObject, new: &SqlObject) {
    let Some(identity) = new.identity() else { return };
    let path = planner.path(&["objects", key.as_str()]);
    let annotated_object = AnnotatedObject {
        phase: Phase::Attach,
        order_in_phase: usize::MAX,
        kind: identity.class.words,
        object: identity.reference(),
        name: key.as_str(),
        path: &path,
    };
    annotated_object.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
}
