//! Schemas, extensions, types and sequences.

use super::graph::Kind;
use super::{Diff, Down, Phase, Planner, Step};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::stack::SqlIdent;

/// Why a change that PostgreSQL undoes only by losing something has no way back.
pub const LOSES: &str = "what was stored is gone";
const LABELS: &str = "PostgreSQL cannot take a label away";
const CONVERTED: &str = "the old values cannot be told";

/// Schemas come before everything, extensions right after them.
const SCHEMAS: usize = 0;

pub fn plan(planner: &mut Planner, all: &Diff) {
    schemas(planner, all);
    extensions(planner, all);
    types(planner, all);
    sequences(planner, all);
}

fn schemas(planner: &mut Planner, all: &Diff) {
    let none = Namespace::default();
    for (name, new) in &all.new.schemas {
        let path = planner.path(&["schemas", name.as_str()]);
        let old = all.old.schemas.get(name);
        if old.is_none() && name.as_str() != PUBLIC {
            let step = Step::new(Phase::Create, name.as_str(), path.clone(), format!("the schema {name} is new"));
            planner.push(step.up(ddl::create_schema(name)).down(format!("DROP SCHEMA {};", quoted(name))));
        }
        let old = old.unwrap_or(&none);
        namespace(planner, name, old, new, &path, Phase::Create);
    }
    for (name, old) in all.old.schemas.iter().filter(|(name, _)| !all.new.schemas.contains_key(*name)) {
        let path = planner.path(&["schemas"]);
        if name.as_str() == PUBLIC {
            namespace(planner, name, old, &none, &path, Phase::Contract);
            continue;
        }
        let step = Step::new(Phase::Contract, name.as_str(), path, format!("the schema {name} is gone"));
        let mut down = vec![ddl::create_schema(name)];
        down.extend(ddl::grants("SCHEMA", &quoted(name), &old.grants));
        down.extend(default_privileges(name, &old.default_privileges, "GRANT"));
        if old.comment.is_some() {
            down.push(ddl::comment("SCHEMA", &quoted(name), old.comment.as_ref()));
        }
        planner.push(step.rank(usize::MAX).up(format!("DROP SCHEMA {};", quoted(name))).down(down.join("\n")));
    }
}

fn namespace(planner: &mut Planner, name: &SqlIdent, old: &Namespace, new: &Namespace, path: &FieldPath, phase: Phase) {
    let object = quoted(name);
    comment(planner, phase, SCHEMAS, "SCHEMA", &object, name.as_str(), (&old.comment, &new.comment), path);
    grants(planner, phase, SCHEMAS, "SCHEMA", &object, name.as_str(), (&old.grants, &new.grants), path);
    let (before, after) = (&old.default_privileges, &new.default_privileges);
    if before != after {
        let change = |from: &Grants<TablePrivilege>, to: &Grants<TablePrivilege>| {
            let mut sql = default_privileges(name, &minus(from, to), "REVOKE");
            sql.extend(default_privileges(name, &minus(to, from), "GRANT"));
            sql.join("\n")
        };
        let step =
            Step::new(phase, name.as_str(), path.key("default_privileges"), format!("{name}: default privileges"));
        planner.push(step.up(change(before, after)).down(change(after, before)).hazard(Hazard::AuthzUpdate));
    }
}

fn default_privileges(schema: &SqlIdent, grants: &Grants<TablePrivilege>, word: &str) -> Vec<String> {
    let direction = if word == "GRANT" { "TO" } else { "FROM" };
    let given = grants.iter().filter(|(_, all)| !all.is_empty());
    given
        .map(|(role, all)| {
            format!(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {} {word} {} ON TABLES {direction} {};",
                quoted(schema),
                ddl::privileges(all.iter().copied()),
                ddl::role(role)
            )
        })
        .collect()
}

/// What `a` grants and `b` does not.
fn minus<P: Privilege>(a: &Grants<P>, b: &Grants<P>) -> Grants<P> {
    let none = Default::default();
    let left = a.iter().map(|(role, all)| (role.clone(), all - b.get(role).unwrap_or(&none)));
    left.filter(|(_, all)| !all.is_empty()).collect()
}

fn revokes<P: Privilege>(kind: &str, object: &str, grants: &Grants<P>) -> Vec<String> {
    let given = grants.iter().filter(|(_, all)| !all.is_empty());
    given
        .map(|(from, all)| {
            format!("REVOKE {} ON {kind} {object} FROM {};", ddl::privileges(all.iter().copied()), ddl::role(from))
        })
        .collect()
}

/// Grants of one object.
#[allow(clippy::too_many_arguments, reason = "one place for all kinds of objects")]
pub fn grants<P: Privilege>(
    planner: &mut Planner,
    phase: Phase,
    rank: usize,
    kind: &str,
    object: &str,
    name: &str,
    (old, new): (&Grants<P>, &Grants<P>),
    path: &FieldPath,
) {
    if old == new {
        return;
    }
    let change = |from: &Grants<P>, to: &Grants<P>| {
        let mut sql = revokes(kind, object, &minus(from, to));
        sql.extend(ddl::grants(kind, object, &minus(to, from)));
        sql.join("\n")
    };
    let step = Step::new(phase, name, path.key("grants"), format!("{name}: grants"));
    planner.push(step.rank(rank).up(change(old, new)).down(change(new, old)).hazard(Hazard::AuthzUpdate));
}

/// The comment of one object.
#[allow(clippy::too_many_arguments, reason = "one place for all kinds of objects")]
pub fn comment(
    planner: &mut Planner,
    phase: Phase,
    rank: usize,
    kind: &str,
    object: &str,
    name: &str,
    (old, new): (&Option<crate::stack::Text>, &Option<crate::stack::Text>),
    path: &FieldPath,
) {
    if old == new {
        return;
    }
    planner.push(
        Step::new(phase, name, path.key("comment"), format!("{name}: comment"))
            .rank(rank)
            .up(ddl::comment(kind, object, new.as_ref()))
            .down(ddl::comment(kind, object, old.as_ref())),
    );
}

fn extensions(planner: &mut Planner, all: &Diff) {
    let path = planner.path(&["extensions"]);
    for name in all.new.extensions.difference(&all.old.extensions) {
        let step = Step::new(Phase::Create, name.as_str(), path.clone(), format!("the extension {name} is new"));
        planner.push(step.up(ddl::create_extension(name)).down(format!("DROP EXTENSION \"{name}\";")));
    }
    for name in all.old.extensions.difference(&all.new.extensions) {
        let step = Step::new(Phase::Extensions, name.as_str(), path.clone(), format!("the extension {name} is gone"));
        let step = step.up(format!("DROP EXTENSION \"{name}\";")).down(ddl::create_extension(name));
        planner.push(step.hazard(Hazard::DeletesData));
    }
}

/// The labels that come to an enumeration, each with the label before which it stands; nothing when the old ones
/// do not all stay, in their order.
pub fn added_labels<'a>(old: &[Label], new: &'a [Label]) -> Option<Vec<(&'a Label, Option<&'a Label>)>> {
    let mut rest = old.iter().peekable();
    let mut added = Vec::new();
    for (at, label) in new.iter().enumerate() {
        if rest.peek() == Some(&label) {
            rest.next();
        } else if old.contains(label) {
            return None;
        } else {
            let next = new[at + 1..].iter().find(|later| old.contains(later));
            added.push((label, next));
        }
    }
    rest.next().is_none().then_some(added)
}

fn types(planner: &mut Planner, all: &Diff) {
    for (name, new) in &all.new.types {
        let path = planner.path(&["types", name.as_str()]);
        let rank = all.new_graph.position(Kind::Type, name);
        let object = name.sql();
        let Some(old) = all.old.types.get(name) else {
            let word = ddl::type_kind(new);
            planner.push(
                Step::new(Phase::Create, name.as_str(), path, format!("the type {name} is new"))
                    .rank(rank)
                    .up(ddl::create_type(name, new))
                    .down(format!("DROP {word} {object};")),
            );
            continue;
        };
        let comments = (&old.comment().cloned(), &new.comment().cloned());
        match (old, new) {
            (UserType::Enum(old), UserType::Enum(new)) => enumeration(planner, all, name, old, new, &path),
            (UserType::Domain(old), UserType::Domain(new)) => domain(planner, name, old, new, rank, &path),
            (UserType::Composite(old), UserType::Composite(new)) => {
                composite(planner, all, name, old, new, rank, &path);
            }
            _ => planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("{name} becomes another kind of type"),
                "give the new type another name, and move the columns to it",
            ),
        }
        if !all.touched.rebuilt.contains(name) {
            comment(planner, Phase::Create, rank, ddl::type_kind(new), &object, name.as_str(), comments, &path);
        }
    }
    for (name, old) in all.old.types.iter().filter(|(name, _)| !all.new.types.contains_key(*name)) {
        let path = planner.path(&["types"]);
        let rank = all.old_graph.reverse(Kind::Type, name);
        let word = ddl::type_kind(old);
        planner.push(
            Step::new(Phase::Contract, name.as_str(), path, format!("the type {name} is gone"))
                .rank(rank)
                .up(format!("DROP {word} {};", name.sql()))
                .down(ddl::create_type(name, old)),
        );
    }
}

fn enumeration(
    planner: &mut Planner,
    all: &Diff,
    name: &ObjectName,
    old: &Enumeration,
    new: &Enumeration,
    path: &FieldPath,
) {
    let Some(added) = added_labels(&old.values, &new.values) else {
        rebuild(planner, all, name, new, path);
        return;
    };
    for (label, before) in added {
        let place = before.map_or(String::new(), |before| format!(" BEFORE {}", literal(before.as_str())));
        planner.push(
            Step::new(Phase::Labels, name.as_str(), path.key("values"), format!("{name}: the label {label} is new"))
                .up(format!("ALTER TYPE {} ADD VALUE {}{place};", name.sql(), literal(label.as_str())))
                .never(LABELS),
        );
    }
}

/// PostgreSQL can only add labels. For anything else there is a new type, and all columns move to it.
fn rebuild(planner: &mut Planner, all: &Diff, name: &ObjectName, new: &Enumeration, path: &FieldPath) {
    let users = all.old.types.iter().filter(|(_, kind)| match kind {
        UserType::Domain(domain) => domain.base.object().as_ref() == Some(name),
        UserType::Composite(kind) => kind.attributes.iter().any(|part| part.kind.object().as_ref() == Some(name)),
        UserType::Enum(_) => false,
    });
    let functions = all
        .old
        .functions
        .iter()
        .filter(|(_, function)| function.arguments.iter().any(|part| part.kind.object().as_ref() == Some(name)));
    let first = users.map(|(user, _)| user).chain(functions.map(|(user, _)| user)).next();
    if let Some(user) = first {
        planner.refuse(
            Code::ChangeRefused,
            path.key("values"),
            format!("labels of {name} go away or change places, while {user} is made of it"),
            "keep the labels, or rename them with `renamed_values`",
        );
        return;
    }
    let old_name = format!("{}_before", name.name().chars().take(56).collect::<String>());
    let was = format!("\"{}\".\"{old_name}\"", name.schema());
    let mut sql = vec![
        format!("ALTER TYPE {} RENAME TO \"{old_name}\";", name.sql()),
        ddl::create_type(name, &UserType::Enum(new.clone())),
    ];
    for (table_name, table) in &all.old.tables {
        let next = all.new.tables.get(table_name);
        for (column_name, column) in table.columns.iter().filter(|(_, c)| c.kind.object().as_ref() == Some(name)) {
            let alter = format!("ALTER TABLE {} ALTER COLUMN {}", table_name.sql(), quoted(column_name));
            let array = if column.kind.is_array() { "[]" } else { "" };
            if column.default.is_some() {
                sql.push(format!("{alter} DROP DEFAULT;"));
            }
            sql.push(format!(
                "{alter} TYPE {} USING {}::text{array}::{};",
                column.kind.sql(),
                quoted(column_name),
                column.kind.sql()
            ));
            let next = next.and_then(|table| table.columns.get(column_name)).filter(|next| next.kind == column.kind);
            if let Some(default) = next.and_then(|next| next.default.as_ref()) {
                sql.push(format!("{alter} SET DEFAULT ({default});"));
            }
        }
    }
    sql.push(format!("DROP TYPE {was};"));
    planner.push(
        Step::new(
            Phase::Create,
            name.as_str(),
            path.key("values"),
            format!("labels of {name} go away or change places"),
        )
        .rank(all.new_graph.position(Kind::Type, name))
        .up(sql.join("\n"))
        .never(CONVERTED)
        .hazards([Hazard::ConvertsData, Hazard::Rewrite, Hazard::MayFail]),
    );
}

fn domain(planner: &mut Planner, name: &ObjectName, old: &Domain, new: &Domain, rank: usize, path: &FieldPath) {
    let alter = format!("ALTER DOMAIN {}", name.sql());
    let step = |phase, key: &str, why: String| Step::new(phase, name.as_str(), path.key(key), why).rank(rank);
    if old.base != new.base {
        planner.refuse(
            Code::ChangeRefused,
            path.key("type"),
            format!("the domain {name} cannot change its type"),
            "make a domain of another name, and move the columns to it",
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
    all: &Diff,
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
            format!("attributes of {name} change places, or new ones stand before old ones"),
            "add attributes at the end",
        );
        return;
    }
    let used = all
        .old
        .tables
        .values()
        .any(|table| table.columns.values().any(|column| column.kind.object().as_ref() == Some(name)));
    for (is, was) in new.attributes.iter().zip(&kept).filter(|(is, was)| is.kind != was.kind) {
        if used {
            planner.refuse(
                Code::ChangeRefused,
                path.clone(),
                format!("{name}.{} cannot change its type while columns are of {name}", is.name),
                "add another attribute",
            );
            continue;
        }
        let set = |kind: &TypeName| format!("{alter} ALTER ATTRIBUTE {} TYPE {};", quoted(&is.name), kind.sql());
        let step = Step::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{}: type", is.name));
        planner.push(step.rank(rank).up(set(&is.kind)).down(set(&was.kind)));
    }
    for part in old.attributes.iter().filter(|was| !new.attributes.iter().any(|is| is.name == was.name)) {
        planner.push(
            Step::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{} is gone", part.name))
                .rank(rank)
                .up(format!("{alter} DROP ATTRIBUTE {};", quoted(&part.name)))
                .never(LOSES)
                .hazard(Hazard::DeletesData),
        );
    }
    for part in new.attributes.iter().skip(kept.len()) {
        planner.push(
            Step::new(Phase::Create, name.as_str(), path.clone(), format!("{name}.{} is new", part.name))
                .rank(rank)
                .up(format!("{alter} ADD ATTRIBUTE {} {};", quoted(&part.name), part.kind.sql()))
                .never(LOSES),
        );
    }
}

fn sequences(planner: &mut Planner, all: &Diff) {
    for (name, new) in &all.new.sequences {
        let path = planner.path(&["sequences", name.as_str()]);
        let rank = all.new_graph.position(Kind::Sequence, name);
        let none = Sequence::default();
        let old = all.old.sequences.get(name);
        if old.is_none() {
            planner.push(
                Step::new(Phase::Create, name.as_str(), path.clone(), format!("the sequence {name} is new"))
                    .rank(rank)
                    .up(ddl::create_sequence(name, new))
                    .down(format!("DROP SEQUENCE {};", name.sql())),
            );
        } else if let Some(old) = old
            && ddl::sequence_options(old) != ddl::sequence_options(new)
        {
            let set = |sequence| format!("ALTER SEQUENCE {} {};", name.sql(), ddl::sequence_options(sequence));
            planner.push(
                Step::new(Phase::Create, name.as_str(), path.clone(), format!("the sequence {name} counts otherwise"))
                    .rank(rank)
                    .up(set(new))
                    .down(set(old)),
            );
        }
        let old = old.unwrap_or(&none);
        let object = name.sql();
        let key = name.as_str();
        owned(planner, name, old, Some(new), &path);
        grants(planner, Phase::Create, rank, "SEQUENCE", &object, key, (&old.grants, &new.grants), &path);
        comment(planner, Phase::Create, rank, "SEQUENCE", &object, key, (&old.comment, &new.comment), &path);
    }
    for (name, old) in all.old.sequences.iter().filter(|(name, _)| !all.new.sequences.contains_key(*name)) {
        let path = planner.path(&["sequences"]);
        owned(planner, name, old, None, &path);
        let mut step = Step::new(Phase::Contract, name.as_str(), path, format!("the sequence {name} is gone"))
            .rank(all.old_graph.reverse(Kind::Sequence, name))
            .up(format!("DROP SEQUENCE {};", name.sql()))
            .hazard(Hazard::DeletesData);
        step.down = Down::Never("the position of the sequence is gone");
        planner.push(step);
    }
}

/// A sequence is free before its column goes away, and belongs to one once that is there.
fn owned(planner: &mut Planner, name: &ObjectName, old: &Sequence, new: Option<&Sequence>, path: &FieldPath) {
    let (was, is) = (old.owned_by.as_ref(), new.and_then(|new| new.owned_by.as_ref()));
    if was == is {
        return;
    }
    let set = |owner: Option<&ColumnOf>| {
        let owner = owner.map_or_else(|| "NONE".to_owned(), ColumnOf::sql);
        format!("ALTER SEQUENCE {} OWNED BY {owner};", name.sql())
    };
    let step = |phase: Phase, what: &str| {
        Step::new(phase, name.as_str(), path.key("owned_by"), format!("the sequence {name} {what}"))
    };
    if was.is_some() {
        planner.push(step(Phase::Teardown, "belongs to its column no more").up(set(None)).down(set(was)));
    }
    if is.is_some() {
        planner.push(step(Phase::Attach, "belongs to its column").rank(1).up(set(is)).down(set(None)));
    }
}
