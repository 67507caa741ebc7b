//! Plans changes of user-defined types. Changes of enumerations are planned in `enumeration`.

use super::comments_and_grants::AnnotatedObject;
use super::diff::{Diff, TypeChange};
use super::enumeration;
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{DATA_LOST, MigrationStep, OTHER_OBJECT_HAS_NAME, Phase};
use super::type_use::{column_with_inner_values, column_with_values, part_with_mention};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::Code;

/// Plans changes of types.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.types {
        let path = planner.path(&["types", name.as_str()]);
        let order_in_phase = diff.new_graph.position(ObjectKind::Type, name);
        let Some(old) = diff.old.types.get(name) else {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path, format!("the type {name} is new"))
                    .order_in_phase(order_in_phase)
                    .up(ddl::create_type(name, new))
                    .down(format!("DROP {} {};", ddl::type_kind(new), name.sql())),
            );
            continue;
        };
        change_type(planner, diff, &TypeChange { name, old, new, order_in_phase, path: &path });
    }
    for (name, old) in diff.old.types.iter().filter(|(name, _)| !diff.new.types.contains_key(*name)) {
        let path = planner.path(&["types"]);
        let freed_name = diff.freed_name(name);
        let old_name = freed_name.unwrap_or(name);
        let step = MigrationStep::new(Phase::DropData, old_name.as_str(), path, format!("the type {old_name} is gone"))
            .order_in_phase(diff.old_graph.reverse_position(ObjectKind::Type, name))
            .up(format!("DROP {} {};", ddl::type_kind(old), name.sql()));
        planner.push(match freed_name {
            Some(_) => step.irreversible(OTHER_OBJECT_HAS_NAME),
            None => step.down(ddl::create_type(name, old)),
        });
    }
}

/// Plans the change of a type that both sides have.
fn change_type(planner: &mut Planner, diff: &Diff, change: &TypeChange<UserType>) {
    let TypeChange { name, old, new, order_in_phase, path } = *change;
    match (old, new) {
        (UserType::Enum(old), UserType::Enum(new)) => enumeration::plan(planner, diff, &change.with(old, new)),
        (UserType::Domain(old), UserType::Domain(new)) => change_domain(planner, diff, &change.with(old, new)),
        (UserType::Composite(old), UserType::Composite(new)) => change_composite(planner, diff, &change.with(old, new)),
        (UserType::Range(old), UserType::Range(new)) => {
            // The other properties, grants and the comment, are changed below.
            let structure = |range: &RangeType| {
                let RangeType { subtype, collation, opclass, subtype_diff, .. } = range.clone();
                (subtype, collation, opclass, subtype_diff, range.multirange_name(name))
            };
            if structure(old) != structure(new) {
                planner.refuse(
                    Code::ChangeRefused,
                    path.clone(),
                    format!("PostgreSQL cannot change the range {name}"),
                    "create a range with a different name, and change the type of the columns to it",
                );
            }
        }
        _ => planner.refuse(
            Code::ChangeRefused,
            path.clone(),
            format!("{name} cannot become a different kind of type"),
            "give the new type a different name, and change the type of the columns to it",
        ),
    }
    // A recreated enumeration is created with its comment.
    if !diff.affected.rebuilt_enumerations.contains(name) {
        let (kind, object) = (ddl::type_kind(new), name.sql());
        let annotated_object =
            AnnotatedObject { phase: Phase::Create, order_in_phase, kind, object: &object, name: name.as_str(), path };
        let statements = |from: &UserType, to: &UserType| ddl::change_type_grants(name, Some(from), to);
        annotated_object.push_grants(planner, statements(old, new), statements(new, old));
        annotated_object.plan_comment(planner, old.comment(), new.comment());
    }
}

/// Plans the change of a domain: of its default, its checks and NOT NULL.
fn change_domain(planner: &mut Planner, diff: &Diff, change: &TypeChange<Domain>) {
    let TypeChange { name, old, new, order_in_phase, path } = *change;
    let alter = format!("ALTER DOMAIN {}", name.sql());
    let step = |phase, key: &str, why: String| {
        MigrationStep::new(phase, name.as_str(), path.key(key), why).order_in_phase(order_in_phase)
    };
    if old.base != new.base || old.collation != new.collation {
        planner.refuse(
            Code::ChangeRefused,
            path.key("type"),
            format!("PostgreSQL cannot change the type or the collation of the domain {name}"),
            "create a domain with a different name, and change the type of the columns to it",
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
    let is_stricter =
        (new.not_null && !old.not_null) || new.checks.iter().any(|(check, new)| old.checks.get(check) != Some(new));
    let find_column = || column_with_inner_values(diff.old, name).or_else(|| column_with_inner_values(diff.new, name));
    if is_stricter && let Some(column) = find_column() {
        planner.refuse(
            Code::ChangeRefused,
            path.clone(),
            format!("PostgreSQL cannot check the values of the domain {name} inside of the values of {column}"),
            "create a domain with a different name, and change the type of the columns to it",
        );
        return;
    }
    change_domain_checks(planner, change);
    match (old.not_null, new.not_null) {
        (false, true) => planner.push(
            step(Phase::Create, "not_null", format!("{name} becomes NOT NULL"))
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

/// Plans changes of the checks of a domain. Stored values are checked in a later migration.
fn change_domain_checks(planner: &mut Planner, change: &TypeChange<Domain>) {
    let TypeChange { name, old, new, order_in_phase, path } = *change;
    let alter = format!("ALTER DOMAIN {}", name.sql());
    let step = |phase, why: String| {
        MigrationStep::new(phase, name.as_str(), path.key("checks"), why).order_in_phase(order_in_phase)
    };
    for (check, expression) in old.checks.iter().filter(|(check, old)| new.checks.get(*check) != Some(old)) {
        planner.push(
            step(Phase::DropConstraints, format!("{name}: the condition {check} is gone"))
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
            step(Phase::Validate, format!("{name}: stored values are checked against {check}"))
                .up(format!("{alter} VALIDATE CONSTRAINT {};", quoted(check)))
                .hazard(Hazard::MayFail),
        );
    }
}

/// Plans changes of the attributes of a composite type.
fn change_composite(planner: &mut Planner, diff: &Diff, change: &TypeChange<Composite>) {
    let TypeChange { name, old, new, order_in_phase, path } = *change;
    let path = path.key("attributes");
    let alter = format!("ALTER TYPE {}", name.sql());
    let has_attribute =
        |kind: &Composite, attribute: &Attribute| kind.attributes.iter().any(|other| other.name == attribute.name);
    // The server can only append attributes: those that remain must be the first of the new type, in their order.
    let remaining: Vec<&Attribute> = old.attributes.iter().filter(|attribute| has_attribute(new, attribute)).collect();
    let keeps_order = new.attributes.iter().zip(&remaining).all(|(new, old)| new.name == old.name);
    if !keeps_order || new.attributes.len() < remaining.len() {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("attributes of {name} cannot be reordered, and new attributes cannot be before old ones"),
            "keep the order of the attributes, and add new ones at the end",
        );
        return;
    }
    let step = |attribute: &Attribute, what: &str| {
        let why = format!("{name}.{}{what}", attribute.name);
        MigrationStep::new(Phase::Create, name.as_str(), path.clone(), why).order_in_phase(order_in_phase)
    };
    let user = column_with_values(diff.old, name)
        .map(|column| format!("{column} has values of the type {name}"))
        .or_else(|| Some(format!("the expression of {} uses the type", part_with_mention(diff.old, name)?)));
    for (new, old) in new
        .attributes
        .iter()
        .zip(&remaining)
        .filter(|(new, old)| new.kind != old.kind || new.collation != old.collation)
    {
        if let Some(user) = &user {
            planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("the type of {name}.{} cannot change while {user}", new.name),
                "add an attribute with a different name",
            );
            continue;
        }
        let set = |attribute: &Attribute| {
            format!("{alter} ALTER ATTRIBUTE {} TYPE {};", quoted(&new.name), ddl::attribute_type(attribute))
        };
        planner.push(step(new, ": type").up(set(new)).down(set(old)));
    }
    for attribute in old.attributes.iter().filter(|attribute| !has_attribute(new, attribute)) {
        let drop = format!("{alter} DROP ATTRIBUTE {};", quoted(&attribute.name));
        planner.push(step(attribute, " is gone").up(drop).irreversible(DATA_LOST).hazard(Hazard::DeletesData));
    }
    for attribute in new.attributes.iter().skip(remaining.len()) {
        let add = format!("{alter} ADD ATTRIBUTE {} {};", quoted(&attribute.name), ddl::attribute_type(attribute));
        planner.push(step(attribute, " is new").up(add).irreversible(DATA_LOST));
    }
}
