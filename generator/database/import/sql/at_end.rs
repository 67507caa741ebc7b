//! Work that needs the whole file: completes and checks foreign keys, grants and partitions.

use super::reader::Reader;
use super::tree::Unsupported;
use crate::database::check::{mend_of_search_path, unsafe_search_path};
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::values::{Checked, Text};

impl Reader {
    /// Resolves foreign keys without columns, grants and attached partitions.
    pub(super) fn resolve_at_end(&mut self) {
        // Problems that are found here do not concern the last statement.
        self.object_in_messages.clear();
        self.resolve_keys_to_primary_key();
        // A key that is still unresolved refers to a table without a primary key.
        for (at, table, name) in std::mem::take(&mut self.foreign_keys_to_primary_key) {
            let key = self.schema.tables.get(&table).and_then(|table| table.foreign_keys.get(&name));
            let Some(target) = key.map(|key| key.references.table.clone()) else { continue };
            if self.refused.contains(&target) {
                continue;
            }
            let reason = match self.schema.tables.contains_key(&target) {
                true => format!("{target} has no primary key"),
                false => self.missing_table(&target),
            };
            if !self.schema.tables.contains_key(&target) {
                self.refused.add(target);
            }
            self.problems.push(Unsupported { at, what: format!("the foreign key {name} of {table}: {reason}") });
        }
        self.require_tables_of_other_programs();
        self.require_collations();
        self.require_owners_of_unlogged_sequences();
        self.require_enabled_triggers();
        self.resolve_grants();
        self.note_roles();
        self.leave_out_schemas_of_extensions();
        self.attach_partitions();
        self.allow_open_definers();
    }

    /// Adds each SECURITY DEFINER function whose caller can choose the objects that it uses to `allow`, with a note.
    /// The import keeps the SQL of the function, and the note says how to make it safe.
    fn allow_open_definers(&mut self) {
        let open_definers: Vec<(ObjectName, String, String)> = self
            .schema
            .functions
            .iter()
            .filter_map(|(name, function)| {
                Some((name.clone(), unsafe_search_path(&self.schema, function)?, mend_of_search_path(function)))
            })
            .collect();
        for (name, reason, mend) in open_definers {
            let at = self.declared_at.get(&format!("functions.{name}")).copied().unwrap_or_default();
            let what = format!(
                "{name} runs with the rights of its owner, but {reason}; `allow` accepts this: {mend}, and remove it from `allow`"
            );
            self.notes.push(Unsupported { at, what });
            let why = Text::wrap("imported as it was".into());
            self.schema.allow.entry(name.to_string()).or_default().insert(Hazard::OpenDefiner, why);
        }
    }

    /// Reports unlogged sequences that do not belong to an unlogged table.
    fn require_owners_of_unlogged_sequences(&mut self) {
        for (at, name) in std::mem::take(&mut self.unlogged_sequences) {
            let Some(sequence) = self.schema.sequences.get(&name) else { continue };
            let table = sequence.owned_by.as_ref().and_then(|owner| self.schema.tables.get(&owner.table));
            if table.is_none_or(|table| !table.unlogged) {
                let what = format!(
                    "the sequence {name}: nself cannot represent `UNLOGGED` of a sequence that belongs to no unlogged table"
                );
                self.problems.push(Unsupported { at, what });
            }
        }
    }

    /// Reports foreign keys to tables in schemas that the file does not create, such as `auth.users`, once for each table.
    fn require_tables_of_other_programs(&mut self) {
        let mut missing_tables = Vec::new();
        for (name, table) in &self.schema.tables {
            for (key, definition) in &table.foreign_keys {
                let target = &definition.references.table;
                let is_of_file = target.schema() == PUBLIC_SCHEMA || self.schema.schemas.contains_key(target.schema());
                if !is_of_file && !self.schema.tables.contains_key(target) {
                    missing_tables.push((name.clone(), key.clone(), target.clone()));
                }
            }
        }
        for (name, key, target) in missing_tables {
            if self.refused.contains(&target) {
                continue;
            }
            let at = self.declared_at.get(&format!("tables.{name}")).copied().unwrap_or_default();
            let what = format!("the foreign key {key} of {name}: {}", self.missing_table(&target));
            self.refused.add(target);
            self.problems.push(Unsupported { at, what });
        }
    }

    /// Reports columns and indexes with a collation that the file does not create and that not every server has.
    fn require_collations(&mut self) {
        let mut missing_collations = Vec::new();
        for (name, table) in &self.schema.tables {
            let columns = table.columns.values().map(|column| (format!("tables.{name}"), &column.collation));
            let indexes = table.indexes.iter().flat_map(|(index, definition)| {
                let path = format!("indexes.{}", name.in_same_schema(index));
                definition.columns.iter().map(move |column| (path.clone(), &column.collation))
            });
            for (path, collation) in columns.chain(indexes) {
                let Some(collation) = collation.as_ref().and_then(Collation::object) else { continue };
                let key = ObjectKey::of_collation(&collation);
                if !self.schema.objects.contains_key(&key) && !self.refused.contains(&collation) {
                    missing_collations.push((
                        self.declared_at.get(&path).copied().unwrap_or_default(),
                        name.clone(),
                        collation,
                    ));
                }
            }
        }
        for (at, table, collation) in missing_collations {
            let what = format!(
                "the table {table}: nself cannot represent the collation `{collation}`, which not every server has; create it in the file"
            );
            self.problems.push(Unsupported { at, what });
        }
    }

    /// Adds the referenced columns to foreign keys that name none: the primary key of the referenced table. A key whose
    /// table has no primary key yet stays in `foreign_keys_to_primary_key`. Runs before changes of columns and tables,
    /// too, because a later primary key may be a different one.
    pub(super) fn resolve_keys_to_primary_key(&mut self) {
        let mut unresolved = Vec::new();
        for (at, table, name) in std::mem::take(&mut self.foreign_keys_to_primary_key) {
            let key = self.schema.tables.get(&table).and_then(|table| table.foreign_keys.get(&name));
            let Some(target) = key.map(|key| key.references.table.clone()) else { continue };
            let primary_key =
                self.schema.tables.get(&target).map(|target| target.primary_key.clone()).unwrap_or_default();
            if primary_key.is_empty() {
                unresolved.push((at, table, name));
            } else if let Some(table) = self.schema.tables.get_mut(&table)
                && let Some(key) = table.foreign_keys.get_mut(&name)
            {
                key.references.columns = primary_key;
            }
        }
        self.foreign_keys_to_primary_key = unresolved;
    }
}
