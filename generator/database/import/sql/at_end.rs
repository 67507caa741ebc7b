//! Work that needs the whole file: completes foreign keys, row security, grants and partitions, and checks them.

use super::reader::{CreatedPartition, Reader};
use super::tree::Unsupported;
use crate::database::model::RowSecurity;

impl Reader {
    pub(super) fn resolve_at_end(&mut self) {
        // Problems that are found here belong to no statement.
        self.object_in_messages.clear();
        for (at, table, name) in std::mem::take(&mut self.keys_to_primary_key) {
            let key = self.schema.tables.get(&table).and_then(|table| table.foreign_keys.get(&name));
            let Some(target) = key.map(|key| key.references.table.clone()) else { continue };
            let columns = self.schema.tables.get(&target).map(|target| target.primary_key.clone()).unwrap_or_default();
            if columns.is_empty() {
                let what = format!("the foreign key {name} of {table}: {target} has no primary key");
                self.problems.push(Unsupported { at, what });
                continue;
            }
            if let Some(key) = self.schema.tables.get_mut(&table).and_then(|table| table.foreign_keys.get_mut(&name)) {
                key.references.columns = columns;
            }
        }
        for (at, table) in std::mem::take(&mut self.forced_tables) {
            if let Some(partition) = self.partitions.get_mut(&table)
                && partition.row_security == RowSecurity::On
            {
                partition.row_security = RowSecurity::Forced;
                continue;
            }
            match self.schema.tables.get_mut(&table) {
                Some(table) if table.row_security != RowSecurity::Off => table.row_security = RowSecurity::Forced,
                _ => self
                    .problems
                    .push(Unsupported { at, what: format!("the table {table}: row security is forced but not on") }),
            }
        }
        for (part, CreatedPartition { at, whole, row_security }) in std::mem::take(&mut self.partitions) {
            if self.schema.tables.get(&whole).is_some_and(|whole| whole.row_security != row_security) {
                let what = format!("the partition {part} of {whole}: its row security differs from that of {whole}");
                self.problems.push(Unsupported { at, what });
            }
        }
        self.resolve_grants();
        self.attach_partitions();
    }
}
