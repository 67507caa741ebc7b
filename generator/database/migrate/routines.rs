//! Functions and views: replaced where PostgreSQL allows it, else dropped and created, with all that is made of
//! them.

use super::comments_and_grants::Described;
use super::graph::{Graph, ObjectKind, ObjectNode};
use super::{Affected, Diff, MigrationStep, Phase, Planner, indexes};
use crate::database::hazard::Hazard;
use crate::database::identifiers::words;
use crate::database::model::*;
use crate::database::{ddl, model};
use crate::diagnostic::Code;

/// Whether `CREATE OR REPLACE` cannot make one of the other.
fn other_shape(old: &Function, new: &Function) -> bool {
    let shape = |function: &Function| (function.procedure, function.arguments.clone(), function.returns.clone());
    shape(old) != shape(new)
}

/// The definition that a dropped and created view has, without what can be changed in place.
fn view_shape(view: &View) -> (&model::Query, bool, bool) {
    (&view.query, view.materialized, view.security_invoker)
}

/// Finds the views and functions that are dropped and created: those that change beyond a replacement, those that
/// read a table whose columns change, and what is made of these.
pub fn touch(touched: &mut Affected, old: &Schema, new: &Schema, graph: &Graph) {
    for (name, was) in &old.functions {
        if new.functions.get(name).is_some_and(|is| other_shape(was, is)) {
            touched.routines.insert(name.clone());
        }
    }
    for (name, was) in &old.views {
        if new.views.get(name).is_some_and(|is| view_shape(was) != view_shape(is)) {
            touched.routines.insert(name.clone());
        }
    }
    loop {
        let before = touched.routines.len();
        let changes = |ObjectNode(kind, name): ObjectNode| match kind {
            ObjectKind::Table => touched.tables.contains(name) || !new.tables.contains_key(name),
            ObjectKind::View => touched.routines.contains(name) || !new.views.contains_key(name),
            ObjectKind::Function => touched.routines.contains(name) || !new.functions.contains_key(name),
            ObjectKind::Type => touched.rebuilt.contains(name) || !new.types.contains_key(name),
            ObjectKind::Sequence => false,
        };
        let views = old.views.keys().filter(|name| graph.needs(ObjectKind::View, name).any(changes));
        // A function is made of its arguments and result; tables among them are row types.
        let functions = old.functions.keys().filter(|name| {
            graph.needs(ObjectKind::Function, name).any(|node| match node {
                ObjectNode(ObjectKind::Table, table) => !new.tables.contains_key(table),
                _ => changes(node),
            })
        });
        let more: Vec<ObjectName> = views.chain(functions).cloned().collect();
        touched.routines.extend(more);
        if touched.routines.len() == before {
            break;
        }
    }
}

pub fn plan(planner: &mut Planner, all: &Diff) {
    functions(planner, all);
    views(planner, all);
}

fn functions(planner: &mut Planner, all: &Diff) {
    for (name, new) in &all.new.functions {
        let path = planner.path(&["functions", name.as_str()]);
        let rank = all.new_graph.position(ObjectKind::Function, name);
        let old = all.old.functions.get(name);
        let Some(old) = old.filter(|_| !all.touched.routines.contains(name)) else {
            let why = if old.is_some() { "is made anew" } else { "is new" };
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
        // What everyone may do without a word stands in no grant.
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
    for (name, old) in &all.old.functions {
        let gone = !all.new.functions.contains_key(name);
        if !gone && !all.touched.routines.contains(name) {
            continue;
        }
        let user = used_by(all.old, name);
        if let Some(user) = user.as_ref().filter(|_| !gone) {
            planner.refuse(
                Code::ChangeRefused,
                planner.path(&["functions", name.as_str()]),
                format!("the function {name} has to be made anew, while {user} is made of it"),
                "give the new function another name, and move the users to it",
            );
            continue;
        }
        let (phase, path) = match (gone, user) {
            (true, Some(_)) => (Phase::Contract, planner.path(&["functions"])),
            (true, None) => (Phase::Unhook, planner.path(&["functions"])),
            (false, _) => (Phase::Unhook, planner.path(&["functions", name.as_str()])),
        };
        let why = if gone { "is gone" } else { "is made anew" };
        // Its types may have other names by the time of the last phase.
        let old = if phase == Phase::Unhook { all.before.functions.get(name).unwrap_or(old) } else { old };
        planner.push(
            MigrationStep::new(phase, name.as_str(), path, format!("the function {name} {why}"))
                .rank(1 + all.old_graph.reverse(ObjectKind::Function, name))
                .up(format!("DROP {};", ddl::function_identity(name, old)))
                .down(ddl::create_function(name, old)),
        );
    }
}

/// Something that holds data or guards it and is made of a function.
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

fn views(planner: &mut Planner, all: &Diff) {
    for (name, old) in &all.old.views {
        let new = all.new.views.get(name);
        if new.is_some() && !all.touched.routines.contains(name) {
            continue;
        }
        let path = if new.is_some() { planner.path(&["views", name.as_str()]) } else { planner.path(&["views"]) };
        let why = if new.is_some() { "is made anew" } else { "is gone" };
        planner.push(
            MigrationStep::new(Phase::Unhook, name.as_str(), path, format!("the view {name} {why}"))
                .rank(1 + all.old_graph.reverse(ObjectKind::View, name))
                .up(format!("DROP {} {};", ddl::view_kind(old), name.sql()))
                .down(ddl::create_view(name, old))
                .hazard(Hazard::AccessExclusive),
        );
    }
    for (name, new) in &all.new.views {
        let path = planner.path(&["views", name.as_str()]);
        let rank = all.new_graph.position(ObjectKind::View, name);
        let old = all.old.views.get(name).filter(|_| !all.touched.routines.contains(name));
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
