//! Plans renames, before all other changes, so that both sides then use the same names. `renamed_from` declares a
//! rename; a constraint or index that differs only in its name is renamed without a declaration.

mod candidate;
mod columns;
mod constraints;
mod moved;
mod name_path;
mod new_names;
mod renamed_schema;
mod stored_text;
mod taken_names;

use std::collections::{BTreeMap, BTreeSet};

use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::words;
use candidate::{PendingRename, RenameCandidate};
use columns::rename_columns;
use constraints::rename_constraints;
use new_names::rename_sql;
use taken_names::free_taken_names;

pub use columns::{replace_column_names, with_partitions};
pub use new_names::{replace_object_name, replace_sequence_name, replace_type_name, sequences_of_nextval};
pub use renamed_schema::RenamedSchema;
pub use stored_text::{adopt_texts, replace_name_in_sql};
pub use taken_names::{all_names, is_name_of_table_taken};

/// Plans all renames, and returns the old schema with the new names.
pub fn apply(planner: &mut Planner, old: &Schema) -> RenamedSchema {
    let mut renamed = RenamedSchema {
        schema: old.clone(),
        affected_tables: BTreeSet::new(),
        old_table_names: BTreeMap::new(),
        freed_names: BTreeMap::new(),
        renamed_objects: Vec::new(),
    };
    rename_types(planner, &mut renamed);
    rename_sequences(planner, &mut renamed);
    rename_tables(planner, &mut renamed);
    if !renamed.renamed_objects.is_empty() {
        let schema = std::mem::take(&mut renamed.schema);
        renamed.schema = adopt_texts(schema, planner.new, &renamed.renamed_objects);
    }
    rename_columns(planner, &mut renamed);
    free_taken_names(planner, &mut renamed);
    rename_constraints(planner, &mut renamed);
    renamed
}

/// Returns the message for a `renamed_from` that is similar to the old name of a removed object, but different from it.
pub fn misspelled_name(renamed_from: Option<&SqlName>, old_name: &str) -> Option<String> {
    let written = renamed_from?.as_str();
    let is_misspelled = written != old_name && words::nearest(written, [old_name]).is_some();
    is_misspelled.then(|| format!("`renamed_from` names `{written}`, which there is not: did you mean `{old_name}`?"))
}

/// Returns the step that renames an object. `kind` is its keyword in ALTER, such as TABLE.
fn rename_step(kind: &str, from: &ObjectName, to: &ObjectName, path: FieldPath) -> MigrationStep {
    MigrationStep::new(Phase::Rename, to.as_str(), path, format!("{from} is now called {to}"))
        .up(rename_sql(kind, from, to))
        .down(rename_sql(kind, to, from))
        .hazard(Hazard::BreaksPrograms)
}

/// Plans the renames of types and of the labels of enumerations, and applies them to the old schema in `renamed`.
fn rename_types(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, kind) in &new.types {
        let path = &planner.path(&["types", name.as_str()]);
        let candidate = RenameCandidate { name, renamed_from: kind.renamed_from(), path };
        let from = candidate.old_name(planner, (&mut renamed.schema.types, &new.types), UserType::renamed_from);
        if let Some(from) = from
            && let Some(old_kind) = renamed.schema.types.remove(&from)
        {
            planner.push(rename_step(ddl::type_kind(&old_kind), &from, name, path.clone()));
            renamed.schema.types.insert(name.clone(), old_kind);
            replace_type_name(&mut renamed.schema, &from, name);
            renamed.renamed_objects.push((from, name.clone()));
        }
        if let (UserType::Enum(kind), Some(UserType::Enum(old_kind))) = (kind, renamed.schema.types.get_mut(name)) {
            rename_labels(planner, name, kind, old_kind);
        }
    }
}

/// Plans the renames of an enumeration's labels, and renames them in the old enumeration.
fn rename_labels(planner: &mut Planner, name: &ObjectName, new: &Enumeration, old: &mut Enumeration) {
    for (label, from) in &new.renamed_values {
        // Rename only if the old enumeration lacks the new label and the new enumeration lacks the old label.
        let is_pending = new.values.contains(label) && !old.values.contains(label) && !new.values.contains(from);
        if !is_pending {
            continue;
        }
        let Some(index) = old.values.iter().position(|value| value == from) else { continue };
        old.values[index] = label.clone();
        let rename = |from: &Label, to: &Label| {
            let (from, to) = (literal(from.as_str()), literal(to.as_str()));
            format!("ALTER TYPE {} RENAME VALUE {from} TO {to};", name.sql())
        };
        let path = planner.path(&["types", name.as_str()]);
        planner.push(
            MigrationStep::new(Phase::Rename, name.as_str(), path, format!("{name}: {from} is now {label}"))
                .up(rename(from, label))
                .down(rename(label, from))
                .hazard(Hazard::BreaksPrograms),
        );
    }
}

/// Plans the renames of sequences, and applies them to the old schema in `renamed`.
fn rename_sequences(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, sequence) in &new.sequences {
        let path = &planner.path(&["sequences", name.as_str()]);
        let candidate = RenameCandidate { name, renamed_from: sequence.renamed_from.as_ref(), path };
        let sequences = (&mut renamed.schema.sequences, &new.sequences);
        if let Some(from) = candidate.old_name(planner, sequences, |sequence| sequence.renamed_from.as_ref())
            && let Some(old) = renamed.schema.sequences.remove(&from)
        {
            planner.push(rename_step("SEQUENCE", &from, name, path.clone()));
            renamed.schema.sequences.insert(name.clone(), old);
            replace_sequence_name(&mut renamed.schema, &from, name);
            renamed.renamed_objects.push((from, name.clone()));
        }
    }
}

/// Plans the renames of tables with their primary keys, and applies them to the old schema in `renamed`.
fn rename_tables(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, table) in &new.tables {
        let path = &planner.path(&["tables", name.as_str()]);
        let Some(written) = table.renamed_from.as_ref() else { continue };
        let candidate = RenameCandidate { name, renamed_from: Some(written), path };
        let is_new = |other: &ObjectName| new.tables.contains_key(other);
        let old_name = name.old_name(written, |other| renamed.schema.tables.contains_key(other), is_new);
        let declared_name = |name: &ObjectName| {
            let written = new.tables.get(name)?.renamed_from.as_ref()?;
            name.declared_old_name(written, |other| renamed.schema.tables.contains_key(other))
        };
        let from =
            match candidate.pending_rename(planner, old_name, (&renamed.schema.tables, &new.tables), declared_name) {
                PendingRename::Of(from) => from,
                PendingRename::None => continue,
                PendingRename::Exchanged => {
                    renamed.schema.tables.insert(name.clone(), table.clone());
                    continue;
                }
            };
        let moves = from.schema() != name.schema();
        if moves && moved::is_refused(planner, renamed, (&from, name), path) {
            // The table has no further findings.
            renamed.schema.tables.remove(&from);
            renamed.schema.tables.insert(name.clone(), table.clone());
            moved::move_owned_sequences(renamed, &from, name);
            rename_references(&mut renamed.schema, &from, name);
            continue;
        }
        let Some(mut old) = renamed.schema.tables.remove(&from) else { continue };
        let mut step = rename_step("TABLE", &from, name, path.clone());
        if moves {
            moved::create_schema(planner, renamed, name);
            moved::move_owned_sequences(renamed, &from, name);
            let names = moved::rename_parts(&renamed.schema, (&from, &mut old), (name, table));
            step = step.up(names.up()).down(names.down());
        } else {
            step = rename_primary_key(step, (&from, &mut old), (name, table));
            renamed.renamed_objects.push((from.clone(), name.clone()));
        }
        planner.push(step);
        renamed.schema.tables.insert(name.clone(), old);
        renamed.affected_tables.insert(name.clone());
        renamed.old_table_names.insert(name.clone(), from.clone());
        rename_references(&mut renamed.schema, &from, name);
    }
}

/// Adds the rename of the primary key to the step that renames a table, and applies it to the old table.
fn rename_primary_key(
    mut step: MigrationStep,
    (from, old): (&ObjectName, &mut Table),
    (name, new): (&ObjectName, &Table),
) -> MigrationStep {
    let (old_key, new_key) = (ddl::primary_key_name(from, old), ddl::primary_key_name(name, new));
    if !old.primary_key.is_empty() && old_key != new_key {
        let rename = |from: &SqlName, to: &SqlName| {
            format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", name.sql(), quoted(from), quoted(to))
        };
        let (up, down) = (rename_sql("TABLE", from, name), rename_sql("TABLE", name, from));
        step = step
            .up(format!("{up}\n{}", rename(&old_key, &new_key)))
            .down(format!("{}\n{down}", rename(&new_key, &old_key)));
        old.rename_constraint_comment(&old_key, &new_key);
    }
    old.primary_key_name.clone_from(&new.primary_key_name);
    step
}

/// Replaces the name of a table in the objects that refer to it.
fn rename_references(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let keys = schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut());
    keys.filter(|key| key.references.table == *from).for_each(|key| key.references.table = to.clone());
    let owners = schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
    owners.filter(|owner| owner.table == *from).for_each(|owner| owner.table = to.clone());
    let partitions = schema.tables.values_mut().filter_map(|table| table.partition_of.as_mut());
    partitions.filter(|partition| partition.table == *from).for_each(|partition| partition.table = to.clone());
    // The rows of a table are a type with the table's name.
    replace_type_name(schema, from, to);
}
