//! Plans changes of functions and views. They are replaced where PostgreSQL allows it; otherwise they are dropped and
//! created again, with all functions and views that depend on them.

use std::collections::BTreeMap;

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::graph::{ObjectKind, ObjectNode};
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use super::triggers;
use super::type_use::user_of_row_type;
use super::{indexes, keys};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Plans changes of functions and views.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    create_functions(planner, diff);
    drop_functions(planner, diff);
    drop_views(planner, diff);
    create_views(planner, diff);
    triggers::plan_views(planner, diff);
}

/// Plans functions that are new or recreated, and changes of the other functions in place.
fn create_functions(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.functions {
        let old = diff.old.functions.get(name);
        if let Some(old) = old
            && !diff.affected.recreated_routines.contains(name)
        {
            change_function(planner, diff, name, (old, new));
            continue;
        }
        let path = planner.path(&["functions", name.as_str()]);
        let why = if old.is_some() { "is recreated" } else { "is new" };
        planner.push(
            MigrationStep::new(Phase::Create, name.as_str(), path, format!("the function {name} {why}"))
                .order_in_phase(diff.new_graph.position(ObjectKind::Function, name))
                .up(ddl::create_function(name, new))
                .down(format!("DROP {};", ddl::function_identity(name, new))),
        );
    }
}

/// Plans the change of a function in place, with its grants and comment.
fn change_function(planner: &mut Planner, diff: &Diff, name: &ObjectName, (old, new): (&Function, &Function)) {
    let path = planner.path(&["functions", name.as_str()]);
    let order_in_phase = diff.new_graph.position(ObjectKind::Function, name);
    let replace = |function: &Function| ddl::function_definition(name, function, "CREATE OR REPLACE");
    if replace(old) != replace(new) {
        planner.push(
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the function {name} changes"))
                .order_in_phase(order_in_phase)
                .up(replace(new))
                .down(replace(old)),
        );
    }
    let (kind, object) = (ddl::function_kind(new), ddl::function_signature(name, new));
    let annotated_object = AnnotatedObject {
        phase: Phase::Create,
        order_in_phase,
        kind,
        object: &object,
        name: name.as_str(),
        path: &path,
    };
    let (old_grants, new_grants) = (old.effective_grants(), new.effective_grants());
    let new_rights = Rights::new(&new_grants, &new.grant_options);
    annotated_object.plan_grants(planner, Rights::new(&old_grants, &old.grant_options), new_rights);
    annotated_object.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
}

/// Plans the removal of functions that the definition no longer has, and of those that are recreated.
fn drop_functions(planner: &mut Planner, diff: &Diff) {
    for (name, old) in &diff.old.functions {
        let is_gone = !diff.new.functions.contains_key(name);
        if !is_gone && !diff.affected.recreated_routines.contains(name) {
            continue;
        }
        let node = ObjectNode::new(ObjectKind::Function, name);
        let dependent = diff.late_drops.users.get(&node);
        if let Some(dependent) = dependent
            && !is_gone
        {
            planner.refuse(
                Code::ChangeRefused,
                planner.path(&["functions", name.as_str()]),
                format!("the function {name} must be recreated, but {dependent} depends on it"),
                "give the new function a different name, and use that name wherever the old one is used",
            );
            continue;
        }
        // A function that a column, check, index or domain uses can be dropped only after its user.
        let (phase, path) = match (is_gone, dependent) {
            (true, Some(_)) => (Phase::DropData, planner.path(&["functions"])),
            (true, None) => (Phase::DropDependents, planner.path(&["functions"])),
            (false, _) if diff.late_drops.after_columns.contains(&node) => {
                (Phase::DropConstraints, planner.path(&["functions", name.as_str()]))
            }
            (false, _) => (Phase::DropDependents, planner.path(&["functions", name.as_str()])),
        };
        let why = if is_gone { "is gone" } else { "is recreated" };
        // Steps of the phase `DropDependents` run before renames, so they use the old names of types.
        let old =
            if phase == Phase::DropDependents { diff.before_renames.functions.get(name).unwrap_or(old) } else { old };
        let first_position = if phase == Phase::DropConstraints { keys::AFTER_GENERATED_COLUMNS } else { 1 };
        planner.push(
            MigrationStep::new(phase, name.as_str(), path, format!("the function {name} {why}"))
                .order_in_phase(first_position + diff.old_graph.reverse_position(ObjectKind::Function, name))
                .up(format!("DROP {};", ddl::function_identity(name, old)))
                .down(ddl::create_function(name, old)),
        );
    }
}

/// Plans the removal of views that the definition no longer has, and of those that are recreated.
fn drop_views(planner: &mut Planner, diff: &Diff) {
    for (name, old) in &diff.old.views {
        let new = diff.new.views.get(name);
        if new.is_some() && !diff.affected.recreated_routines.contains(name) {
            continue;
        }
        let path = if new.is_some() { planner.path(&["views", name.as_str()]) } else { planner.path(&["views"]) };
        if let Some(user) = user_of_row_type(diff.old, name) {
            let change = if new.is_some() { "recreated" } else { "dropped" };
            planner.refuse(
                Code::ChangeRefused,
                path,
                format!("the view {name} cannot be {change} while {user} uses its row type"),
                &format!(
                    "first remove {user} or give it a different type, such as jsonb (`nself db new`), and change the view \
                     in the next migration"
                ),
            );
            continue;
        }
        let why = if new.is_some() { "is recreated" } else { "is gone" };
        planner.push(
            MigrationStep::new(Phase::DropDependents, name.as_str(), path, format!("the view {name} {why}"))
                .order_in_phase(1 + diff.old_graph.reverse_position(ObjectKind::View, name))
                .up(format!("DROP {} {};", ddl::view_kind(old), name.sql()))
                .down(ddl::create_view(name, old))
                .hazard(Hazard::AccessExclusive),
        );
    }
}

/// Plans views that are new or recreated, and changes of the indexes, grants and comments of the other views.
fn create_views(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.views {
        let path = planner.path(&["views", name.as_str()]);
        let order_in_phase = diff.new_graph.position(ObjectKind::View, name);
        let old = diff.old.views.get(name).filter(|_| !diff.affected.recreated_routines.contains(name));
        let kind = ddl::view_kind(new);
        let object = name.sql();
        let Some(old) = old else {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the view {name}"))
                    .order_in_phase(order_in_phase)
                    .up(ddl::create_view(name, new))
                    .down(format!("DROP {kind} {object};")),
            );
            continue;
        };
        indexes::plan(planner, diff, name, &old.indexes, &new.indexes, &path);
        let annotated_object = AnnotatedObject {
            phase: Phase::Attach,
            order_in_phase,
            kind,
            object: &object,
            name: name.as_str(),
            path: &path,
        };
        let statements = |from: &View, to: &View| ddl::change_view_grants(name, Some(from), to);
        annotated_object.push_grants(planner, statements(old, new), statements(new, old));
        annotated_object.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
        plan_columns_of_view(planner, &annotated_object, name, (old, new));
    }
}

/// Plans changes of the defaults and comments of a view's columns.
fn plan_columns_of_view(
    planner: &mut Planner,
    annotated_view: &AnnotatedObject,
    name: &ObjectName,
    (old, new): (&View, &View),
) {
    for column in changed_keys(&old.column_defaults, &new.column_defaults) {
        let set_default = |view: &View| ddl::view_column_default(name, column, view.column_defaults.get(column));
        planner.push(annotated_view.step("column_defaults").up(set_default(new)).down(set_default(old)));
    }
    let (old, new) = (&old.column_comments, &new.column_comments);
    for column in changed_keys(old, new) {
        let set_comment = |text| ddl::view_column_comment(name, column, text);
        let step = annotated_view.step("column_comments").up(set_comment(new.get(column)));
        planner.push(step.down(set_comment(old.get(column))));
    }
}

/// Returns the keys whose values differ, or that only one side has.
fn changed_keys<'a, T: PartialEq>(
    old: &'a BTreeMap<SqlName, T>,
    new: &'a BTreeMap<SqlName, T>,
) -> impl Iterator<Item = &'a SqlName> {
    let removed = old.keys().filter(|key| !new.contains_key(*key));
    new.keys().chain(removed).filter(|key| old.get(*key) != new.get(*key))
}
