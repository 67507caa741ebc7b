//! Plans renames, before all other changes, so that both sides then use the same names. `renamed_from` declares a
//! rename; a constraint or index that differs only in its name is renamed without a declaration.

mod columns;
mod constraints;
mod moved;
mod new_names;
mod renamed_schema;
mod taken_names;

use std::collections::{BTreeMap, BTreeSet};

use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::words;
use columns::rename_columns;
use constraints::rename_constraints;
use new_names::rename_sql;
use taken_names::free_taken_names;

pub use columns::{replace_column_names, with_partitions};
pub use new_names::{replace_sequence_name, replace_type_name, sequences_of_nextval};
pub use renamed_schema::RenamedSchema;
pub use taken_names::{all_names, is_name_of_table_taken};

/// Plans all renames, and returns the old schema with the new names.
pub fn apply(planner: &mut Planner, old: &Schema) -> RenamedSchema {
    let mut renamed = RenamedSchema {
        schema: old.clone(),
        affected_tables: BTreeSet::new(),
        old_table_names: BTreeMap::new(),
        freed_names: BTreeMap::new(),
    };
    rename_types(planner, &mut renamed);
    rename_sequences(planner, &mut renamed);
    rename_tables(planner, &mut renamed);
    rename_columns(planner, &mut renamed);
    free_taken_names(planner, &mut renamed);
    rename_constraints(planner, &mut renamed);
    renamed
}

/// An object of the new schema that may be a renamed object of the old schema.
struct RenameCandidate<'a> {
    name: &'a ObjectName,
    /// The old name in the definition, if it declares a rename.
    renamed_from: Option<&'a SqlName>,
    path: &'a FieldPath,
}

impl RenameCandidate<'_> {
    /// Returns the old name of the object if it must be renamed: the old schema has an object with the old name and
    /// none with the new name. `renamed_from` may stay in the definition after the rename.
    fn old_name<T>(
        &self,
        planner: &mut Planner,
        old: &BTreeMap<ObjectName, T>,
        new: &BTreeMap<ObjectName, T>,
    ) -> Option<ObjectName> {
        let old_name = self.name.in_same_schema(self.renamed_from?);
        self.pending_rename(planner, old_name, (old, new))
    }

    /// Returns the old name if the rename is still to be planned.
    fn pending_rename<T>(
        &self,
        planner: &mut Planner,
        old_name: ObjectName,
        (old, new): (&BTreeMap<ObjectName, T>, &BTreeMap<ObjectName, T>),
    ) -> Option<ObjectName> {
        let name = self.name;
        if !old.contains_key(&old_name) || old_name == *name {
            return None;
        }
        if old.contains_key(name) || new.contains_key(&old_name) {
            planner.refuse(
                Code::RenameClash,
                self.path.key("renamed_from"),
                format!("`{old_name}` cannot be renamed to `{name}`: both exist"),
                "remove `renamed_from`, or one of the two objects",
            );
            return None;
        }
        Some(old_name)
    }
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
        if let Some(from) = candidate.old_name(planner, &renamed.schema.types, &new.types)
            && let Some(old_kind) = renamed.schema.types.remove(&from)
        {
            planner.push(rename_step(ddl::type_kind(&old_kind), &from, name, path.clone()));
            renamed.schema.types.insert(name.clone(), old_kind);
            replace_type_name(&mut renamed.schema, &from, name);
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
        if let Some(from) = candidate.old_name(planner, &renamed.schema.sequences, &new.sequences)
            && let Some(old) = renamed.schema.sequences.remove(&from)
        {
            planner.push(rename_step("SEQUENCE", &from, name, path.clone()));
            renamed.schema.sequences.insert(name.clone(), old);
            replace_sequence_name(&mut renamed.schema, &from, name);
        }
    }
}

/// Plans the renames of tables with their primary keys, and applies them to the old schema in `renamed`.
fn rename_tables(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new = planner.new;
    for (name, table) in &new.tables {
        let path = &planner.path(&["tables", name.as_str()]);
        let candidate = RenameCandidate { name, renamed_from: table.renamed_from.as_ref(), path };
        let old_tables = &renamed.schema.tables;
        let Some(written) = candidate.renamed_from else { continue };
        let old_name = name.old_name(written, |it| old_tables.contains_key(it), |it| new.tables.contains_key(it));
        let Some(from) = candidate.pending_rename(planner, old_name, (old_tables, &new.tables)) else { continue };
        if from.schema() != name.schema() && moved::is_refused(planner, renamed, &from, path) {
            continue;
        }
        let Some(mut old) = renamed.schema.tables.remove(&from) else { continue };
        if from.schema() != name.schema() {
            moved::create_schema(planner, renamed, name);
            moved::move_owned_sequences(renamed, &from, name);
        }
        let mut step = rename_step("TABLE", &from, name, path.clone());
        let (old_key, new_key) = (ddl::primary_key_name(&from, &old), ddl::primary_key_name(name, table));
        if !old.primary_key.is_empty() && old_key != new_key {
            let rename = |from: &SqlName, to: &SqlName| {
                format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", name.sql(), quoted(from), quoted(to))
            };
            let (up, down) = (rename_sql("TABLE", &from, name), rename_sql("TABLE", name, &from));
            step = step
                .up(format!("{up}\n{}", rename(&old_key, &new_key)))
                .down(format!("{}\n{down}", rename(&new_key, &old_key)));
            old.rename_constraint_comment(&old_key, &new_key);
        }
        old.primary_key_name.clone_from(&table.primary_key_name);
        planner.push(step);
        renamed.schema.tables.insert(name.clone(), old);
        renamed.affected_tables.insert(name.clone());
        renamed.old_table_names.insert(name.clone(), from.clone());
        let keys = renamed.schema.tables.values_mut().flat_map(|table| table.foreign_keys.values_mut());
        keys.filter(|key| key.references.table == from).for_each(|key| key.references.table = name.clone());
        let owners = renamed.schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
        owners.filter(|owner| owner.table == from).for_each(|owner| owner.table = name.clone());
        let partitions = renamed.schema.tables.values_mut().filter_map(|table| table.partition_of.as_mut());
        partitions.filter(|partition| partition.table == from).for_each(|partition| partition.table = name.clone());
        // The rows of a table are a type with the table's name.
        replace_type_name(&mut renamed.schema, &from, name);
    }
}
