//! What the reader records about tables, views and sequences besides their definitions. A dropped relation leaves
//! nothing behind, and a renamed one keeps everything.

use squawk_syntax::SyntaxNode;

use super::reader::{GrantObject, Reader};
use crate::database::model::*;

impl Reader {
    /// Forgets all that is recorded about a dropped relation. `kind` is `tables`, `views` or `sequences`.
    pub(super) fn forget_relation(&mut self, kind: &str, name: &ObjectName) {
        self.declared_at.remove(&format!("{kind}.{name}"));
        self.column_order.remove(name);
        self.disabled_tables.remove(name);
        self.remove_objects(|object| {
            let is_part_of_relation = has_class(object, &["STATISTICS", "RULE"]);
            is_part_of_relation && object_statement::relations(object.create.as_str()).contains(name)
        });
        self.unlogged_sequences.retain(|(_, sequence)| sequence != name);
        self.adopted_indexes.retain(|index| index.partition != *name && index.partitioned != *name);
        self.grants.retain(|grant| match &grant.object {
            GrantObject::Relation(other) | GrantObject::Column(other, _) | GrantObject::Sequence(other) => {
                other != name
            }
            GrantObject::Function(_) | GrantObject::Type(_) | GrantObject::Schema(_) => true,
        });
    }

    /// Removes the objects kept as SQL for which a condition is true.
    pub(super) fn remove_objects(&mut self, is_removed: impl Fn(&SqlObject) -> bool) {
        let objects = self.schema.objects.iter().filter(|(_, object)| is_removed(object));
        for key in objects.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.schema.objects.remove(&key);
            self.declared_at.remove(&format!("objects.{key}"));
        }
    }

    /// Changes the name under which all that belongs to a relation is recorded. `kind` is `tables`, `views` or
    /// `sequences`.
    pub(super) fn rename_relation(&mut self, kind: &str, from: &ObjectName, to: &ObjectName) {
        self.rename_place(kind, from, to);
        if let Some(order) = self.column_order.remove(from) {
            self.column_order.insert(to.clone(), order);
        }
        if let Some(at) = self.disabled_tables.remove(from) {
            self.disabled_tables.insert(to.clone(), at);
        }
        let sequences = self.unlogged_sequences.iter_mut().map(|(_, sequence)| sequence);
        let adopted_indexes = self.adopted_indexes.iter_mut();
        let tables = adopted_indexes.flat_map(|index| [&mut index.partition, &mut index.partitioned]);
        let names = sequences.chain(tables);
        names.filter(|name| *name == from).for_each(|name| name.clone_from(to));
        for grant in &mut self.grants {
            match &mut grant.object {
                GrantObject::Relation(name) | GrantObject::Column(name, _) | GrantObject::Sequence(name)
                    if name == from =>
                {
                    name.clone_from(to);
                }
                _ => {}
            }
        }
    }

    /// Changes the name under which the place of an object is recorded. `kind` is a word such as `tables`.
    pub(super) fn rename_place(&mut self, kind: &str, from: &ObjectName, to: &ObjectName) {
        if let Some(at) = self.declared_at.remove(&format!("{kind}.{from}")) {
            self.declared_at.insert(format!("{kind}.{to}"), at);
        }
    }

    /// Leaves out a statement with IF NOT EXISTS, with a note, if a relation already has the name; returns whether it
    /// does. `statement` begins the statement, such as `CREATE TABLE`.
    pub(super) fn leaves_out_second_relation(&mut self, statement: &str, name: &ObjectName, node: &SyntaxNode) -> bool {
        let is_taken = self.is_relation_name_taken(name);
        if is_taken {
            let what =
                format!("`{statement} IF NOT EXISTS {name}` is left out: the server keeps what already has this name");
            self.note_once(node, what);
        }
        is_taken
    }

    /// Forgets the place of a dropped index, and the indexes that were attached to it.
    pub(super) fn forget_index(&mut self, owner: &ObjectName, index: &SqlName) {
        self.declared_at.remove(&format!("indexes.{}", owner.in_same_schema(index)));
        self.adopted_indexes.retain(|adopted| adopted.partitioned != *owner || adopted.parent_index != *index);
    }

    /// Changes the name under which an index of a table or view is recorded.
    pub(super) fn rename_recorded_index(&mut self, owner: &ObjectName, from: &SqlName, to: &SqlName) {
        self.rename_place("indexes", &owner.in_same_schema(from), &owner.in_same_schema(to));
        let adopted_indexes = self.adopted_indexes.iter_mut().filter(|adopted| adopted.partitioned == *owner);
        let parents = adopted_indexes.map(|adopted| &mut adopted.parent_index);
        parents.filter(|parent| *parent == from).for_each(|parent| parent.clone_from(to));
    }

    /// Removes the sequences that belong to certain columns, also those of identity columns.
    pub(super) fn remove_owned_sequences(&mut self, is_owner: impl Fn(&ColumnOf) -> bool) {
        let is_owned = |sequence: &Sequence| sequence.owned_by.as_ref().is_some_and(&is_owner);
        let owned_sequences = self.schema.sequences.iter().filter(|(_, sequence)| is_owned(sequence));
        for name in owned_sequences.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.schema.sequences.remove(&name);
            self.forget_relation("sequences", &name);
        }
        self.remove_identity_sequences(is_owner);
    }

    /// Removes the sequences of certain identity columns.
    pub(super) fn remove_identity_sequences(&mut self, is_owner: impl Fn(&ColumnOf) -> bool) {
        let owned_sequences = self.identity_sequences.iter().filter(|(_, owner)| is_owner(owner));
        for name in owned_sequences.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.identity_sequences.remove(&name);
            self.forget_relation("sequences", &name);
        }
    }
}

/// Returns whether an object belongs to one of some classes, such as `STATISTICS`.
pub(super) fn has_class(object: &SqlObject, classes: &[&str]) -> bool {
    object.identity().is_some_and(|identity| classes.contains(&identity.class.words))
}
