//! Work that needs the whole file: completes and checks foreign keys, grants and partitions.

use super::reader::Reader;
use super::tree::Unsupported;

impl Reader {
    /// Resolves foreign keys without columns, grants and attached partitions.
    pub(super) fn resolve_at_end(&mut self) {
        // Problems that are found here do not concern the last statement.
        self.object_in_messages.clear();
        self.resolve_keys_to_primary_key();
        for (at, table, name) in std::mem::take(&mut self.keys_to_primary_key) {
            let key = self.schema.tables.get(&table).and_then(|table| table.foreign_keys.get(&name));
            let Some(target) = key.map(|key| &key.references.table) else { continue };
            let what = format!("the foreign key {name} of {table}: {target} has no primary key");
            self.problems.push(Unsupported { at, what });
        }
        self.resolve_grants();
        self.attach_partitions();
    }

    /// Completes the foreign keys without columns whose tables have a primary key. Runs before changes of columns and
    /// tables, too, because a later primary key may be a different one.
    pub(super) fn resolve_keys_to_primary_key(&mut self) {
        let mut unresolved = Vec::new();
        for (at, table, name) in std::mem::take(&mut self.keys_to_primary_key) {
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
        self.keys_to_primary_key = unresolved;
    }
}
