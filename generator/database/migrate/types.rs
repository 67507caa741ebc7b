//! Plans changes of domains and composite types; `enumeration` plans those of enumerations.

use super::comments_and_grants::Described;
use super::enumeration;
use super::graph::ObjectKind;
use super::step::DATA_LOST;
use super::{Diff, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Plans changes of types.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.types {
        let path = planner.path(&["types", name.as_str()]);
        let rank = diff.new_graph.position(ObjectKind::Type, name);
        let object = name.sql();
        let Some(old) = diff.old.types.get(name) else {
            let word = ddl::type_kind(new);
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the type {name} is new"))
                    .rank(rank)
                    .up(ddl::create_type(name, new))
                    .down(format!("DROP {word} {object};")),
            );
            continue;
        };
        match (old, new) {
            (UserType::Enum(old), UserType::Enum(new)) => enumeration::plan(planner, diff, name, old, new, &path),
            (UserType::Domain(old), UserType::Domain(new)) => domain(planner, name, old, new, rank, &path),
            (UserType::Composite(old), UserType::Composite(new)) => {
                composite(planner, diff, name, old, new, rank, &path);
            }
            _ => planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("{name} cannot become another kind of type"),
                "give the new type another name, and move the columns to it",
            ),
        }
        if !diff.affected.rebuilt.contains(name) {
            let (kind, name) = (ddl::type_kind(new), name.as_str());
            let described = Described { phase: Phase::Create, rank, kind, object: &object, name, path: &path };
            described.comment(planner, old.comment(), new.comment());
        }
    }
    for (name, old) in diff.old.types.iter().filter(|(name, _)| !diff.new.types.contains_key(*name)) {
        let path = planner.path(&["types"]);
        let rank = diff.old_graph.reverse(ObjectKind::Type, name);
        let word = ddl::type_kind(old);
        planner.push(
            MigrationStep::new(Phase::Contract, name.as_str(), path, format!("the type {name} is gone"))
                .rank(rank)
                .up(format!("DROP {word} {};", name.sql()))
                .down(ddl::create_type(name, old)),
        );
    }
}

fn domain(planner: &mut Planner, name: &ObjectName, old: &Domain, new: &Domain, rank: usize, path: &FieldPath) {
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
    for (check, expression) in old.checks.iter().filter(|(check, was)| new.checks.get(*check) != Some(was)) {
        let gone = !new.checks.contains_key(check);
        let hazard = gone.then_some(Hazard::DropsConstraint);
        planner.push(
            step(Phase::Teardown, "checks", format!("{name}: the condition {check} is gone"))
                .up(format!("{alter} DROP CONSTRAINT {};", quoted(check)))
                .down(format!("{alter} ADD {};", ddl::check(check, expression)))
                .hazards(hazard),
        );
    }
    for (check, expression) in new.checks.iter().filter(|(check, is)| old.checks.get(*check) != Some(is)) {
        planner.push(
            step(Phase::Create, "checks", format!("{name}: the condition {check} is new"))
                .up(format!("{alter} ADD {} NOT VALID;", ddl::check(check, expression)))
                .down(format!("{alter} DROP CONSTRAINT {};", quoted(check))),
        );
        planner.push(
            step(Phase::Validate, "checks", format!("{name}: stored values meet {check}"))
                .up(format!("{alter} VALIDATE CONSTRAINT {};", quoted(check)))
                .hazard(Hazard::MayFail),
        );
    }
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

fn composite(
    planner: &mut Planner,
    diff: &Diff,
    name: &ObjectName,
    old: &Composite,
    new: &Composite,
    rank: usize,
    path: &FieldPath,
) {
    let path = path.key("attributes");
    let alter = format!("ALTER TYPE {}", name.sql());
    let kept: Vec<&Attribute> =
        old.attributes.iter().filter(|was| new.attributes.iter().any(|is| is.name == was.name)).collect();
    let in_order = new.attributes.iter().map(|part| &part.name).zip(&kept).all(|(is, was)| *is == was.name);
    if !in_order || new.attributes.len() < kept.len() {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("attributes of {name} are reordered, or new ones are before old ones"),
            "add attributes at the end",
        );
        return;
    }
    let used = diff
        .old
        .tables
        .values()
        .any(|table| table.columns.values().any(|column| column.kind.object().as_ref() == Some(name)));
    for (is, was) in new.attributes.iter().zip(&kept).filter(|(is, was)| is.kind != was.kind) {
        if used {
            planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("{name}.{} cannot change its type while columns have the type {name}", is.name),
                "add another attribute",
            );
            continue;
        }
        let set = |kind: &TypeName| format!("{alter} ALTER ATTRIBUTE {} TYPE {};", quoted(&is.name), kind.sql());
        let step = MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{}: type", is.name));
        planner.push(step.rank(rank).up(set(&is.kind)).down(set(&was.kind)));
    }
    for part in old.attributes.iter().filter(|was| !new.attributes.iter().any(|is| is.name == was.name)) {
        planner.push(
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{} is gone", part.name))
                .rank(rank)
                .up(format!("{alter} DROP ATTRIBUTE {};", quoted(&part.name)))
                .never(DATA_LOST)
                .hazard(Hazard::DeletesData),
        );
    }
    for part in new.attributes.iter().skip(kept.len()) {
        planner.push(
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{} is new", part.name))
                .rank(rank)
                .up(format!("{alter} ADD ATTRIBUTE {} {};", quoted(&part.name), part.kind.sql()))
                .never(DATA_LOST),
        );
    }
}
