//! Renames come first, so that afterwards both sides use the same names. A rename is declared by `renamed_from`, or
//! follows from a constraint or index that differs only in its name.

mod columns;
mod constraints;

use std::collections::{BTreeMap, BTreeSet};

use crate::database::ddl;
use crate::database::migrate::{MigrationStep, Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::SqlIdent;
use columns::columns;
use constraints::constraints;

/// The old schema under the new names.
pub struct Renamed {
    pub schema: Schema,
    /// Renamed tables, and tables with a renamed column: objects that read them are recreated.
    pub tables: BTreeSet<ObjectName>,
    /// Maps new names of tables to old names.
    pub names: BTreeMap<ObjectName, ObjectName>,
}

/// Plans all renames, and returns the old schema under the new names.
pub fn apply(planner: &mut Planner, old: &Schema) -> Renamed {
    let mut renamed = Renamed { schema: old.clone(), tables: BTreeSet::new(), names: BTreeMap::new() };
    types(planner, &mut renamed);
    sequences(planner, &mut renamed);
    tables(planner, &mut renamed);
    columns(planner, &mut renamed);
    constraints(planner, &mut renamed);
    renamed
}

/// Returns the old name of an object if its rename is still to be done: the old object exists and the new one does
/// not. The hint of an earlier rename may remain in the definition.
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
            "remove the hint, or the other object",
        );
        return None;
    }
    Some(from)
}

fn rename_to(kind: &str, from: &ObjectName, to: &ObjectName) -> String {
    format!("ALTER {kind} {} RENAME TO \"{}\";", from.sql(), to.name())
}

fn step(kind: &str, from: &ObjectName, name: &ObjectName, path: FieldPath) -> MigrationStep {
    MigrationStep::new(Phase::Rename, name.as_str(), path, format!("{from} is now called {name}"))
        .up(rename_to(kind, from, name))
        .down(rename_to(kind, name, from))
}

fn types(planner: &mut Planner, renamed: &mut Renamed) {
    let new = planner.new;
    for (name, kind) in &new.types {
        let path = planner.path(&["types", name.as_str()]);
        let kept = |from: &ObjectName| new.types.contains_key(from);
        if let Some(from) = hint(planner, &renamed.schema.types, kept, name, kind.renamed_from(), path.clone())
            && let Some(was) = renamed.schema.types.remove(&from)
        {
            planner.push(step(ddl::type_kind(&was), &from, name, path.clone()));
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
                    MigrationStep::new(
                        Phase::Rename,
                        name.as_str(),
                        path.clone(),
                        format!("{name}: {from} is now {label}"),
                    )
                    .up(format!("ALTER TYPE {} RENAME VALUE {old} TO {now};", name.sql()))
                    .down(format!("ALTER TYPE {} RENAME VALUE {now} TO {old};", name.sql())),
                );
            }
        }
    }
}

/// Replaces the name of a type in everything that has the type.
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
            planner.push(step("SEQUENCE", &from, name, path));
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
        let mut step = step("TABLE", &from, name, path);
        let (old, now) = (ddl::primary_key_name(&from, &was), ddl::primary_key_name(name, table));
        if !was.primary_key.is_empty() && old != now {
            let rename = |old: &SqlIdent, now: &SqlIdent| {
                format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", name.sql(), quoted(old), quoted(now))
            };
            let (up, down) = (rename_to("TABLE", &from, name), rename_to("TABLE", name, &from));
            step = step.up(format!("{up}\n{}", rename(&old, &now))).down(format!("{}\n{down}", rename(&now, &old)));
        }
        was.primary_key_name.clone_from(&table.primary_key_name);
        planner.push(step);
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
