//! `RENAME TO` and `SET SCHEMA` of tables.

use squawk_syntax::SyntaxNode;

use super::reader::Reader;
use super::rename::new_name;
use super::tree::{AtNode, Parsed, unsupported};
use crate::database::ddl::{default_key_name, primary_key_name};
use crate::database::identifiers::{mentioned_names, replace_names};
use crate::database::migrate::replace_type_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads RENAME TO of a table.
    pub(super) fn rename_table(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.rename_table_to(from, &from.in_same_schema(&new_name(node)?), node)
    }

    /// Reads SET SCHEMA of a table.
    pub(super) fn move_table(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let Some(new_name) = self.name_in_new_schema(from, node)? else { return Ok(()) };
        if self.table(from, node)?.partition_of.is_some() || self.table(from, node)?.partition_by.is_some() {
            return unsupported(node, "nself cannot follow a partition or a partitioned table to a different schema");
        }
        self.move_table_to(from, &SqlName::new(new_name.schema()).at(node)?, node)
    }

    /// Moves a table to a different schema. Its indexes and sequences move with it.
    pub(super) fn move_table_to(&mut self, from: &ObjectName, schema: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let in_new_schema = |name: &ObjectName| ObjectName::new_in(schema.as_str(), name.name());
        let indexes: Vec<ObjectName> =
            self.table(from, node)?.indexes.keys().map(|index| from.in_same_schema(index)).collect();
        self.rename_table_to(from, &in_new_schema(from), node)?;
        let is_owned =
            |sequence: &Sequence| sequence.owned_by.as_ref().is_some_and(|owner| owner.table == in_new_schema(from));
        let sequences = self.schema.sequences.iter().filter(|(_, sequence)| is_owned(sequence));
        for name in sequences.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.rename_sequence_to(&name, &in_new_schema(&name), node)?;
        }
        let identities = self.identity_sequences.iter().filter(|(_, owner)| owner.table == in_new_schema(from));
        for name in identities.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if let Some(owner) = self.identity_sequences.remove(&name) {
                self.identity_sequences.insert(in_new_schema(&name), owner);
                self.rename_relation("sequences", &name, &in_new_schema(&name));
            }
        }
        indexes.iter().for_each(|index| self.rename_place("indexes", index, &in_new_schema(index)));
        Ok(())
    }

    /// Changes the name or the schema of a table.
    fn rename_table_to(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.resolve_keys_to_primary_key();
        self.require_no_pending_attachment(from, node)?;
        self.table(from, node)?;
        self.require_free_name(to, node)?;
        self.require_no_mention_of_relation(from, node)?;
        self.rename_in_publications(from, to, node)?;
        let Some(mut table) = self.schema.tables.remove(from) else { return Ok(()) };
        if !table.primary_key.is_empty() {
            // As on the server, the primary key keeps its name.
            let key_name = primary_key_name(from, &table);
            table.primary_key_name = Some(key_name).filter(|name| *name != default_key_name(to));
        }
        self.schema.tables.insert(to.clone(), table);
        for table in self.schema.tables.values_mut() {
            let keys = table.foreign_keys.values_mut().map(|key| &mut key.references.table);
            let partitioned = table.partition_of.iter_mut().map(|partition| &mut partition.table);
            keys.chain(partitioned).filter(|name| *name == from).for_each(|name| *name = to.clone());
        }
        let owners = self.schema.sequences.values_mut().filter_map(|sequence| sequence.owned_by.as_mut());
        owners.filter(|owner| owner.table == *from).for_each(|owner| owner.table = to.clone());
        let identities = self.identity_sequences.values_mut();
        identities.filter(|owner| owner.table == *from).for_each(|owner| owner.table = to.clone());
        replace_type_name(&mut self.schema, from, to);
        self.rename_relation("tables", from, to);
        for (_, table, _) in &mut self.foreign_keys_to_primary_key {
            if table == from {
                *table = to.clone();
            }
        }
        Ok(())
    }

    /// Changes the name of a table in the publications that list it.
    fn rename_in_publications(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        // In the SQL of a publication, the name could also mean a different object.
        let has_same_name = |name: &ObjectName| name != from && name.name() == from.name();
        let is_ambiguous = self.schema.tables.keys().any(has_same_name)
            || self.schema.tables.values().any(|table| table.columns.contains_key(from.name()))
            || self.schema.schemas.contains_key(from.name())
            || from.schema() != to.schema();
        for (key, object) in &mut self.schema.objects {
            let mentions = |text: &str| mentioned_names(text).any(|word| word == from.name());
            let is_publication = object.identity().is_some_and(|identity| identity.class.words == "PUBLICATION");
            if !is_publication || !mentions(object.create.as_str()) {
                continue;
            }
            if is_ambiguous || mentions(key.as_str()) {
                let what = format!(
                    "nself cannot follow this change of `{from}`, because the {key} mentions it: drop the latter before the change \
                     and create it again afterwards"
                );
                return unsupported(node, what);
            }
            let text = replace_names(object.create.as_str(), |word| {
                (word == from.name()).then(|| quoted_if_needed(to.name()))
            });
            object.create = ObjectStatement::new(&text).at(node)?;
        }
        Ok(())
    }
}
