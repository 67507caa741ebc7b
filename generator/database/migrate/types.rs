//! Plans changes of domains and composite types; `enumeration` plans those of enumerations.

use super::comments_and_grants::Described;
use super::diff::{Diff, TypeChange};
use super::enumeration;
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{DATA_LOST, MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Plans changes of types.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.types {
        let path = planner.path(&["types", name.as_str()]);
        let rank = diff.new_graph.position(ObjectKind::Type, name);
        let Some(old) = diff.old.types.get(name) else {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the type {name} is new"))
                    .rank(rank)
                    .up(ddl::create_type(name, new))
                    .down(format!("DROP {} {};", ddl::type_kind(new), name.sql())),
            );
            continue;
        };
        change(planner, diff, &TypeChange { name, old, new, rank, path: &path });
    }
    for (name, old) in diff.old.types.iter().filter(|(name, _)| !diff.new.types.contains_key(*name)) {
        let path = planner.path(&["types"]);
        planner.push(
            MigrationStep::new(Phase::Contract, name.as_str(), path, format!("the type {name} is gone"))
                .rank(diff.old_graph.reverse(ObjectKind::Type, name))
                .up(format!("DROP {} {};", ddl::type_kind(old), name.sql()))
                .down(ddl::create_type(name, old)),
        );
    }
}

fn change(planner: &mut Planner, diff: &Diff, change: &TypeChange<UserType>) {
    let TypeChange { name, old, new, rank, path } = *change;
    match (old, new) {
        (UserType::Enum(old), UserType::Enum(new)) => enumeration::plan(planner, diff, &change.with(old, new)),
        (UserType::Domain(old), UserType::Domain(new)) => domain(planner, &change.with(old, new)),
        (UserType::Composite(old), UserType::Composite(new)) => composite(planner, diff, &change.with(old, new)),
        _ => planner.refuse(
            Code::ChangeRefused,
            path.clone(),
            format!("{name} cannot become another kind of type"),
            "give the new type another name, and move the columns to it",
        ),
    }
    if !diff.affected.rebuilt.contains(name) {
        let (kind, object) = (ddl::type_kind(new), name.sql());
        let described = Described { phase: Phase::Create, rank, kind, object: &object, name: name.as_str(), path };
        described.comment(planner, old.comment(), new.comment());
    }
}

fn domain(planner: &mut Planner, change: &TypeChange<Domain>) {
    let TypeChange { name, old, new, rank, path } = *change;
    let alter = format!("ALTER DOMAIN {}", name.sql());
    let step = |phase, key: &str, why: String| MigrationStep::new(phase, name.as_str(), path.key(key), why).rank(rank);
    if old.base != new.base {
        planner.refuse(
            Code::ChangeRefused,
            path.key("type"),
            format!("the domain {name} cannot change its type"),
            "create a domain with another name, and move the columns to it",
        );
    }
    if old.default != new.default {
        let set = |default: &Option<Expression>| match default {
            Some(default) => format!("{alter} SET DEFAULT ({default});"),
            None => format!("{alter} DROP DEFAULT;"),
        };
        let why = format!("{name}: default");
        planner.push(step(Phase::Create, "default", why).up(set(&new.default)).down(set(&old.default)));
    }
    domain_checks(planner, change);
    match (old.not_null, new.not_null) {
        (false, true) => planner.push(
            step(Phase::Create, "not_null", format!("{name} loses its NULLs"))
                .up(format!("{alter} SET NOT NULL;"))
                .down(format!("{alter} DROP NOT NULL;"))
                .hazards([Hazard::MayFail, Hazard::BlockingScan]),
        ),
        (true, false) => planner.push(
            step(Phase::Create, "not_null", format!("{name} may be NULL"))
                .up(format!("{alter} DROP NOT NULL;"))
                .down(format!("{alter} SET NOT NULL;"))
                .hazard(Hazard::DropsConstraint),
        ),
        _ => {}
    }
}

fn domain_checks(planner: &mut Planner, change: &TypeChange<Domain>) {
    let TypeChange { name, old, new, rank, path } = *change;
    let alter = format!("ALTER DOMAIN {}", name.sql());
    let step = |phase, why: String| MigrationStep::new(phase, name.as_str(), path.key("checks"), why).rank(rank);
    for (check, expression) in old.checks.iter().filter(|(check, old)| new.checks.get(*check) != Some(old)) {
        planner.push(
            step(Phase::Teardown, format!("{name}: the condition {check} is gone"))
                .up(format!("{alter} DROP CONSTRAINT {};", quoted(check)))
                .down(format!("{alter} ADD {};", ddl::check(check, &expression.clone().into())))
                .hazards((!new.checks.contains_key(check)).then_some(Hazard::DropsConstraint)),
        );
    }
    for (check, expression) in new.checks.iter().filter(|(check, new)| old.checks.get(*check) != Some(new)) {
        planner.push(
            step(Phase::Create, format!("{name}: the condition {check} is new"))
                .up(format!("{alter} ADD {} NOT VALID;", ddl::check(check, &expression.clone().into())))
                .down(format!("{alter} DROP CONSTRAINT {};", quoted(check))),
        );
        planner.push(
            step(Phase::Validate, format!("{name}: stored values meet {check}"))
                .up(format!("{alter} VALIDATE CONSTRAINT {};", quoted(check)))
                .hazard(Hazard::MayFail),
        );
    }
}

fn composite(planner: &mut Planner, diff: &Diff, change: &TypeChange<Composite>) {
    let TypeChange { name, old, new, rank, path } = *change;
    let path = path.key("attributes");
    let alter = format!("ALTER TYPE {}", name.sql());
    let is_in = |kind: &Composite, attribute: &Attribute| kind.attributes.iter().any(|it| it.name == attribute.name);
    let common: Vec<&Attribute> = old.attributes.iter().filter(|attribute| is_in(new, attribute)).collect();
    let is_in_order = new.attributes.iter().zip(&common).all(|(new, old)| new.name == old.name);
    if !is_in_order || new.attributes.len() < common.len() {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("attributes of {name} are reordered, or new ones are before old ones"),
            "add attributes at the end",
        );
        return;
    }
    let step = |attribute: &Attribute, what: &str| {
        let why = format!("{name}.{}{what}", attribute.name);
        MigrationStep::new(Phase::Create, name.as_str(), path.clone(), why).rank(rank)
    };
    let mut columns = diff.old.tables.values().flat_map(|table| table.columns.values());
    let has_columns = columns.any(|column| column.kind.object().as_ref() == Some(name));
    for (new, old) in new.attributes.iter().zip(&common).filter(|(new, old)| new.kind != old.kind) {
        if has_columns {
            planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("{name}.{} cannot change its type while columns have the type {name}", new.name),
                "add another attribute",
            );
            continue;
        }
        let set = |kind: &TypeName| format!("{alter} ALTER ATTRIBUTE {} TYPE {};", quoted(&new.name), kind.sql());
        planner.push(step(new, ": type").up(set(&new.kind)).down(set(&old.kind)));
    }
    for attribute in old.attributes.iter().filter(|attribute| !is_in(new, attribute)) {
        let drop = format!("{alter} DROP ATTRIBUTE {};", quoted(&attribute.name));
        planner.push(step(attribute, " is gone").up(drop).never(DATA_LOST).hazard(Hazard::DeletesData));
    }
    for attribute in new.attributes.iter().skip(common.len()) {
        let add = format!("{alter} ADD ATTRIBUTE {} {};", quoted(&attribute.name), attribute.kind.sql());
        planner.push(step(attribute, " is new").up(add).never(DATA_LOST));
    }
}
