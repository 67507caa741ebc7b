//! Plans changes of functions and views: replaced where PostgreSQL allows it, otherwise dropped and created, together
//! with everything that depends on them.

use super::comments_and_grants::Described;
use super::graph::{Graph, ObjectKind, ObjectNode};
use super::{Affected, Diff, MigrationStep, Phase, Planner, indexes};
use crate::database::hazard::Hazard;
use crate::database::identifiers::words;
use crate::database::model::*;
use crate::database::{ddl, model};
use crate::diagnostic::Code;

/// Whether `CREATE OR REPLACE` cannot turn one function into the other.
fn signature_differs(old: &Function, new: &Function) -> bool {
    let shape = |function: &Function| (function.procedure, function.arguments.clone(), function.returns.clone());
    shape(old) != shape(new)
}

/// Returns the parts of a view that cannot be changed in place.
fn view_shape(view: &View) -> (&model::Query, bool, bool) {
    (&view.query, view.materialized, view.security_invoker)
}

/// Marks the views and functions that must be dropped and created: those that cannot be replaced, views of tables
/// whose columns change, and everything that depends on these.
pub fn mark_affected(affected: &mut Affected, old: &Schema, new: &Schema, graph: &Graph) {
    for (name, was) in &old.functions {
        if new.functions.get(name).is_some_and(|is| signature_differs(was, is)) {
            affected.routines.insert(name.clone());
        }
    }
    for (name, was) in &old.views {
        if new.views.get(name).is_some_and(|is| view_shape(was) != view_shape(is)) {
            affected.routines.insert(name.clone());
        }
    }
    loop {
        let before = affected.routines.len();
        let changes = |ObjectNode(kind, name): ObjectNode| match kind {
            ObjectKind::Table => affected.tables.contains(name) || !new.tables.contains_key(name),
            ObjectKind::View => affected.routines.contains(name) || !new.views.contains_key(name),
            ObjectKind::Function => affected.routines.contains(name) || !new.functions.contains_key(name),
            ObjectKind::Type => affected.rebuilt.contains(name) || !new.types.contains_key(name),
            ObjectKind::Sequence => false,
        };
        let views = old.views.keys().filter(|name| graph.needs(ObjectKind::View, name).any(changes));
        // A function depends on its arguments and its result; tables among them are row types.
        let functions = old.functions.keys().filter(|name| {
            graph.needs(ObjectKind::Function, name).any(|node| match node {
                ObjectNode(ObjectKind::Table, table) => !new.tables.contains_key(table),
                _ => changes(node),
            })
        });
        let more: Vec<ObjectName> = views.chain(functions).cloned().collect();
        affected.routines.extend(more);
        if affected.routines.len() == before {
            break;
        }
    }
}

/// Plans changes of functions and views.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    functions(planner, diff);
    views(planner, diff);
}

fn functions(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.functions {
        let path = planner.path(&["functions", name.as_str()]);
        let rank = diff.new_graph.position(ObjectKind::Function, name);
        let old = diff.old.functions.get(name);
        let Some(old) = old.filter(|_| !diff.affected.routines.contains(name)) else {
            let why = if old.is_some() { "is recreated" } else { "is new" };
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the function {name} {why}"))
                    .rank(rank)
                    .up(ddl::create_function(name, new))
                    .down(format!("DROP {};", ddl::function_identity(name, new))),
            );
            continue;
        };
        let plain = |function: &Function| ddl::replace_function(name, function, "CREATE OR REPLACE");
        if plain(old) != plain(new) {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the function {name} changes"))
                    .rank(rank)
                    .up(plain(new))
                    .down(plain(old)),
            );
        }
        // Privileges that PUBLIC has by default are not listed as grants.
        let everyone = |function: &Function| {
            if function.is_for_everyone() {
                use crate::values::Checked;
                Grants::from([(crate::values::SqlIdent::wrap(PUBLIC.into()), [FunctionPrivilege::Execute].into())])
            } else {
                function.grants.clone()
            }
        };
        let (before, after) = (everyone(old), everyone(new));
        let object = ddl::function_signature(name, new);
        let kind = ddl::function_kind(new);
        let described =
            Described { phase: Phase::Create, rank, kind, object: &object, name: name.as_str(), path: &path };
        described.grants(planner, &before, &after);
        described.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    }
    for (name, old) in &diff.old.functions {
        let gone = !diff.new.functions.contains_key(name);
        if !gone && !diff.affected.routines.contains(name) {
            continue;
        }
        let user = used_by(diff.old, name);
        if let Some(user) = user.as_ref().filter(|_| !gone) {
            planner.refuse(
                Code::ChangeRefused,
                planner.path(&["functions", name.as_str()]),
                format!("the function {name} must be recreated, but {user} depends on it"),
                "give the new function another name, and move the users to it",
            );
            continue;
        }
        let (phase, path) = match (gone, user) {
            (true, Some(_)) => (Phase::Contract, planner.path(&["functions"])),
            (true, None) => (Phase::Unhook, planner.path(&["functions"])),
            (false, _) => (Phase::Unhook, planner.path(&["functions", name.as_str()])),
        };
        let why = if gone { "is gone" } else { "is recreated" };
        // Steps of this phase run before renames, so they use the old names of types.
        let old = if phase == Phase::Unhook { diff.before.functions.get(name).unwrap_or(old) } else { old };
        planner.push(
            MigrationStep::new(phase, name.as_str(), path, format!("the function {name} {why}"))
                .rank(1 + diff.old_graph.reverse(ObjectKind::Function, name))
                .up(format!("DROP {};", ddl::function_identity(name, old)))
                .down(ddl::create_function(name, old)),
        );
    }
}

/// Returns a column, check, index or domain that depends on a function.
fn used_by(schema: &Schema, function: &ObjectName) -> Option<String> {
    let mentions = |text: &Expression| words(text.as_str()).any(|word| word == function.name());
    for (name, table) in &schema.tables {
        let columns = table.columns.iter();
        let mut found = columns
            .filter(|(_, column)| column.default.iter().chain(&column.generated).any(mentions))
            .map(|(column, _)| column);
        let mut checks = table.checks.iter().filter(|(_, check)| mentions(check)).map(|(check, _)| check);
        let mut indexes = table.indexes.iter().filter_map(|(index, definition)| {
            let expressions = definition.columns.iter().filter_map(|column| column.expression.as_ref());
            expressions.chain(&definition.predicate).any(mentions).then_some(index)
        });
        if let Some(part) = found.next().or_else(|| checks.next()).or_else(|| indexes.next()) {
            return Some(format!("{name}.{part}"));
        }
    }
    schema.types.iter().find_map(|(name, kind)| match kind {
        UserType::Domain(domain) => {
            domain.default.iter().chain(domain.checks.values()).any(mentions).then(|| name.to_string())
        }
        _ => None,
    })
}

fn views(planner: &mut Planner, diff: &Diff) {
    for (name, old) in &diff.old.views {
        let new = diff.new.views.get(name);
        if new.is_some() && !diff.affected.routines.contains(name) {
            continue;
        }
        let path = if new.is_some() { planner.path(&["views", name.as_str()]) } else { planner.path(&["views"]) };
        let why = if new.is_some() { "is recreated" } else { "is gone" };
        planner.push(
            MigrationStep::new(Phase::Unhook, name.as_str(), path, format!("the view {name} {why}"))
                .rank(1 + diff.old_graph.reverse(ObjectKind::View, name))
                .up(format!("DROP {} {};", ddl::view_kind(old), name.sql()))
                .down(ddl::create_view(name, old))
                .hazard(Hazard::AccessExclusive),
        );
    }
    for (name, new) in &diff.new.views {
        let path = planner.path(&["views", name.as_str()]);
        let rank = diff.new_graph.position(ObjectKind::View, name);
        let old = diff.old.views.get(name).filter(|_| !diff.affected.routines.contains(name));
        let kind = ddl::view_kind(new);
        let object = name.sql();
        let Some(old) = old else {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the view {name}"))
                    .rank(rank)
                    .up(ddl::create_view(name, new))
                    .down(format!("DROP {kind} {object};")),
            );
            continue;
        };
        indexes::plan(planner, name, &old.indexes, &new.indexes, &path);
        let described =
            Described { phase: Phase::Attach, rank, kind, object: &object, name: name.as_str(), path: &path };
        described.grants(planner, &old.grants, &new.grants);
        described.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    }
}
