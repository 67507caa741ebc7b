//! Renames come first: afterwards both sides speak of the same things by the same names. A rename is what the
//! definition says (`renamed_from`), or a constraint or index that is the same but for its name.

use std::collections::{BTreeMap, BTreeSet};

use super::{Phase, Planner, Step};
use crate::database::ddl;
use crate::database::mention::renamed as replace;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::stack::{Checked, SqlIdent};

/// The old schema under the new names.
pub struct Renamed {
    pub schema: Schema,
    /// Tables with a renamed column, and renamed tables: what reads them is made anew.
    pub tables: BTreeSet<ObjectName>,
    /// New names of tables to old.
    pub names: BTreeMap<ObjectName, ObjectName>,
}

pub fn apply(planner: &mut Planner, old: &Schema) -> Renamed {
    let mut renamed = Renamed { schema: old.clone(), tables: BTreeSet::new(), names: BTreeMap::new() };
    types(planner, &mut renamed);
    sequences(planner, &mut renamed);
    tables(planner, &mut renamed);
    columns(planner, &mut renamed);
    constraints(planner, &mut renamed);
    renamed
}

/// The old name when the hint is still to be followed: the old one exists and the new one does not. A hint that
/// was followed earlier may stay.
fn hint<T>(
    planner: &mut Planner,
    known: &BTreeMap<ObjectName, T>,
    kept: impl Fn(&ObjectName) -> bool,
    name: &ObjectName,
    from: Option<&SqlIdent>,
    path: FieldPath,
) -> Option<ObjectName> {
    let from = name.beside(from?);
    if !known.contains_key(&from) || from == *name {
        return None;
    }
    if known.contains_key(name) || kept(&from) {
        planner.refuse(
            Code::RenameClash,
            path.key("renamed_from"),
            format!("`{from}` cannot become `{name}`: both exist"),
            "remove the hint, or the other one",
        );
        return None;
    }
    Some(from)
}

fn types(planner: &mut Planner, renamed: &mut Renamed) {
    let new = planner.new;
    for (name, kind) in &new.types {
        let path = planner.path(&["types", name.as_str()]);
        let kept = |from: &ObjectName| new.types.contains_key(from);
        if let Some(from) = hint(planner, &renamed.schema.types, kept, name, kind.renamed_from(), path.clone())
            && let Some(was) = renamed.schema.types.remove(&from)
        {
            let word = ddl::type_kind(&was);
            planner.push(
                Step::new(Phase::Rename, name.as_str(), path.clone(), format!("{from} is now called {name}"))
                    .up(format!("ALTER {word} {} RENAME TO \"{}\";", from.sql(), name.name()))
                    .down(format!("ALTER {word} {} RENAME TO \"{}\";", name.sql(), from.name())),
            );
            renamed.schema.types.insert(name.clone(), was);
            retype(&mut renamed.schema, &from, name);
        }
        if let (UserType::Enum(kind), Some(UserType::Enum(was))) = (kind, renamed.schema.types.get_mut(name)) {
            for (label, from) in &kind.renamed_values {
                if !kind.values.contains(label) || was.values.contains(label) || kind.values.contains(from) {
                    continue;
                }
                let Some(at) = was.values.iter().position(|known| known == from) else { continue };
                was.values[at] = label.clone();
                let (old, now) = (literal(from.as_str()), literal(label.as_str()));
                planner.push(
                    Step::new(Phase::Rename, name.as_str(), path.clone(), format!("{name}: {from} is now {label}"))
                        .up(format!("ALTER TYPE {} RENAME VALUE {old} TO {now};", name.sql()))
                        .down(format!("ALTER TYPE {} RENAME VALUE {now} TO {old};", name.sql())),
                );
            }
        }
    }
}

/// Everything that is of a type follows its name.
fn retype(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let change = |kind: &mut TypeName| {
        if kind.object().as_ref() == Some(from) {
            *kind = kind.with_base(to.as_str());
        }
    };
    schema.tables.values_mut().flat_map(|table| table.columns.values_mut()).for_each(|column| change(&mut column.kind));
    for function in schema.functions.values_mut() {
        function.arguments.iter_mut().for_each(|argument| change(&mut argument.kind));
    }
    for kind in schema.types.values_mut() {
        match kind {
            UserType::Domain(domain) => change(&mut domain.base),
            UserType::Composite(kind) => kind.attributes.iter_mut().for_each(|part| change(&mut part.kind)),
            UserType::Enum(_) => {}
        }
    }
}

fn sequences(planner: &mut Planner, renamed: &mut Renamed) {
    let new = planner.new;
    for (name, sequence) in &new.sequences {
        let path = planner.path(&["sequences", name.as_str()]);
        let kept = |from: &ObjectName| new.sequences.contains_key(from);
        let known = &renamed.schema.sequences;
        if let Some(from) = hint(planner, known, kept, name, sequence.renamed_from.as_ref(), path.clone())
            && let Some(was) = renamed.schema.sequences.remove(&from)
        {
            planner.push(
                Step::new(Phase::Rename, name.as_str(), path, format!("{from} is now called {name}"))
                    .up(format!("ALTER SEQUENCE {} RENAME TO \"{}\";", from.sql(), name.name()))
                    .down(format!("ALTER SEQUENCE {} RENAME TO \"{}\";", name.sql(), from.name())),
            );
            renamed.schema.sequences.insert(name.clone(), was);
        }
    }
}

fn tables(planner: &mut Planner, renamed: &mut Renamed) {
    let new = planner.new;
    for (name, table) in &new.tables {
        let path = planner.path(&["tables", name.as_str()]);
        let kept = |from: &ObjectName| new.tables.contains_key(from);
        let known = &renamed.schema.tables;
        let Some(from) = hint(planner, known, kept, name, table.renamed_from.as_ref(), path.clone()) else { continue };
        let Some(mut was) = renamed.schema.tables.remove(&from) else { continue };
        let mut up = vec![format!("ALTER TABLE {} RENAME TO \"{}\";", from.sql(), name.name())];
        let mut down = vec![format!("ALTER TABLE {} RENAME TO \"{}\";", name.sql(), from.name())];
        let (old, now) = (ddl::primary_key_name(&from, &was), ddl::primary_key_name(name, table));
        if !was.primary_key.is_empty() && old != now {
            let rename = |table: &ObjectName, old: &SqlIdent, now: &SqlIdent| {
                format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", table.sql(), quoted(old), quoted(now))
            };
            up.push(rename(name, &old, &now));
            down.insert(0, rename(name, &now, &old));
        }
        was.primary_key_name.clone_from(&table.primary_key_name);
        planner.push(
            Step::new(Phase::Rename, name.as_str(), path, format!("{from} is now called {name}"))
                .up(up.join("\n"))
                .down(down.join("\n")),
        );
        renamed.schema.tables.insert(name.clone(), was);
        renamed.tables.insert(name.clone());
        renamed.names.insert(name.clone(), from.clone());
        let keys = renamed.schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut());
        keys.filter(|key| key.references.table == from).for_each(|key| key.references.table = name.clone());
        let owners = renamed.schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
        owners.filter(|owner| owner.table == from).for_each(|owner| owner.table = name.clone());
        retype(&mut renamed.schema, &from, name);
    }
}

fn columns(planner: &mut Planner, renamed: &mut Renamed) {
    let new = planner.new;
    for (name, table) in &new.tables {
        let mut names: BTreeMap<SqlIdent, SqlIdent> = BTreeMap::new();
        for (column, definition) in &table.columns {
            let (Some(from), Some(was)) = (&definition.renamed_from, renamed.schema.tables.get(name)) else { continue };
            if !was.columns.contains_key(from) || from == column {
                continue;
            }
            let path = planner.path(&["tables", name.as_str(), "columns", column.as_str()]);
            if was.columns.contains_key(column) || table.columns.contains_key(from) || names.contains_key(from) {
                let message = format!("`{from}` cannot become `{column}`: both exist");
                planner.refuse(
                    Code::RenameClash,
                    path.key("renamed_from"),
                    message,
                    "remove the hint, or the other column",
                );
                continue;
            }
            let rename = |from: &SqlIdent, to: &SqlIdent| {
                format!("ALTER TABLE {} RENAME COLUMN {} TO {};", name.sql(), quoted(from), quoted(to))
            };
            let why = format!("{name}.{from} is now called {column}");
            planner.push(
                Step::new(Phase::Rename, format!("{name}.{column}"), path, why)
                    .up(rename(from, column))
                    .down(rename(column, from)),
            );
            names.insert(from.clone(), column.clone());
        }
        if !names.is_empty() {
            renamed.tables.insert(name.clone());
            rename_columns(&mut renamed.schema, name, &names);
        }
    }
}

fn rename_columns(schema: &mut Schema, name: &ObjectName, names: &BTreeMap<SqlIdent, SqlIdent>) {
    let one = |column: &mut SqlIdent| {
        if let Some(new) = names.get(column) {
            *column = new.clone();
        }
    };
    let all = |columns: &mut Vec<SqlIdent>| columns.iter_mut().for_each(one);
    let text = |text: &str| {
        replace(text, |word| names.iter().find(|(old, _)| old.as_str() == word).map(|(_, new)| new.as_str().to_owned()))
    };
    let expression = |expression: &mut Expression| *expression = Expression::wrap(text(expression.as_str()));
    for key in schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut()) {
        if key.references.table == *name {
            all(&mut key.references.columns);
        }
    }
    let owners = schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
    owners.filter(|owner| owner.table == *name).for_each(|owner| one(&mut owner.column));
    let Some(table) = schema.tables.get_mut(name) else { return };
    table.columns = std::mem::take(&mut table.columns)
        .into_iter()
        .map(|(mut column, mut definition)| {
            one(&mut column);
            definition.generated.iter_mut().for_each(expression);
            (column, definition)
        })
        .collect();
    all(&mut table.primary_key);
    for unique in table.uniques.values_mut() {
        all(&mut unique.columns);
        all(&mut unique.include);
    }
    table.foreign_keys.values_mut().for_each(|key| all(&mut key.columns));
    table.checks.values_mut().for_each(expression);
    for exclude in table.excludes.values_mut() {
        exclude.elements.iter_mut().for_each(|element| expression(&mut element.expression));
        exclude.predicate.iter_mut().for_each(expression);
    }
    for index in table.indexes.values_mut() {
        for column in &mut index.columns {
            column.column.iter_mut().for_each(one);
            column.expression.iter_mut().for_each(expression);
        }
        all(&mut index.include);
        index.predicate.iter_mut().for_each(expression);
    }
    for trigger in table.triggers.values_mut() {
        all(&mut trigger.update_of);
        trigger.condition.iter_mut().for_each(expression);
    }
    for policy in table.policies.values_mut() {
        policy.using.iter_mut().chain(&mut policy.check).for_each(expression);
    }
    if let Some(by) = &mut table.partition_by {
        all(&mut by.columns);
    }
}

/// Constraints and indexes that differ in their names only.
fn constraints(planner: &mut Planner, renamed: &mut Renamed) {
    for (name, table) in &planner.new.tables {
        let Some(was) = renamed.schema.tables.get_mut(name) else { continue };
        let mut found: Vec<(&str, SqlIdent, SqlIdent)> = Vec::new();
        let constraint = "CONSTRAINT";
        if !was.primary_key.is_empty() && was.primary_key == table.primary_key {
            let keys = (ddl::primary_key_name(name, was), ddl::primary_key_name(name, table));
            was.primary_key_name.clone_from(&table.primary_key_name);
            found.extend((keys.0 != keys.1).then_some((constraint, keys.0, keys.1)));
        }
        found.extend(same(&mut was.uniques, &table.uniques).into_iter().map(|(a, b)| (constraint, a, b)));
        found.extend(same(&mut was.foreign_keys, &table.foreign_keys).into_iter().map(|(a, b)| (constraint, a, b)));
        found.extend(same(&mut was.checks, &table.checks).into_iter().map(|(a, b)| (constraint, a, b)));
        found.extend(same(&mut was.excludes, &table.excludes).into_iter().map(|(a, b)| (constraint, a, b)));
        found.extend(same(&mut was.indexes, &table.indexes).into_iter().map(|(a, b)| ("INDEX", a, b)));
        for (kind, from, to) in found {
            let rename = |from: &SqlIdent, to: &SqlIdent| {
                if kind == "INDEX" {
                    format!("ALTER INDEX {} RENAME TO {};", name.beside(from).sql(), quoted(to))
                } else {
                    format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", name.sql(), quoted(from), quoted(to))
                }
            };
            let path = planner.path(&["tables", name.as_str()]);
            let step = Step::new(Phase::Rename, format!("{name}.{to}"), path, format!("{from} is now called {to}"));
            planner.push(step.rank(1).up(rename(&from, &to)).down(rename(&to, &from)));
        }
    }
}

/// Pairs of an old and a new name whose definitions are the same and nobody else's.
fn same<T: PartialEq>(old: &mut BTreeMap<SqlIdent, T>, new: &BTreeMap<SqlIdent, T>) -> Vec<(SqlIdent, SqlIdent)> {
    let gone: Vec<&SqlIdent> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let come: Vec<&SqlIdent> = new.keys().filter(|name| !old.contains_key(*name)).collect();
    let mut pairs = Vec::new();
    for from in &gone {
        let alike: Vec<_> = come.iter().filter(|name| new[**name] == old[*from]).collect();
        let twins = gone.iter().filter(|name| old[**name] == old[*from]).count();
        if let ([to], 1) = (alike.as_slice(), twins) {
            pairs.push(((*from).clone(), (**to).clone()));
        }
    }
    for (from, to) in &pairs {
        if let Some(definition) = old.remove(from) {
            old.insert(to.clone(), definition);
        }
    }
    pairs
}
