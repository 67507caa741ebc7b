//! `ALTER TABLE` and `ALTER INDEX`. pg_dump writes everything that needs another table in this form.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{AttachedTable, Reader};
use super::tree::{Parsed, Parts, Unsupported, clause, ident, object, path, start, unsupported};
use super::{column, constraint, partition};
use crate::database::ddl::primary_key_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    pub(super) fn alter_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        parts.take_node(IF_EXISTS);
        let on = parts.require(TABLE_RELATION_NAME)?;
        let name = object(&on)?;
        self.object_in_messages = format!("the table {name}");
        // pg_dump writes the owner of a view as `ALTER TABLE`, too.
        self.owner(&mut parts)?;
        for action in parts.take_rest() {
            let result = self.action(&name, &action);
            self.record_error(result);
        }
        parts.expect_only("ALTER TABLE , ;")
    }

    fn action(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        match node.kind() {
            ADD_CONSTRAINT => {
                let constraint = parts.take_any()?;
                parts.expect_only("ADD")?;
                self.constraint(name, &constraint, None)
            }
            ADD_COLUMN => {
                let mut column = Parts::of(node);
                column.take_node(IF_NOT_EXISTS);
                self.column(name, column)?.expect_only("ADD COLUMN")
            }
            ALTER_COLUMN => self.alter_column(name, node),
            ENABLE_RLS => {
                if let Some(partition) = self.partitions.get_mut(name) {
                    partition.row_security = RowSecurity::On;
                    return Ok(());
                }
                self.table(name, node)?.row_security = RowSecurity::On;
                Ok(())
            }
            FORCE_RLS => {
                self.forced_tables.push((start(node), name.clone()));
                Ok(())
            }
            ATTACH_PARTITION => {
                let part = object(&parts.require(TABLE_NAME_REF)?)?;
                let bound = partition::bound(&mut parts)?;
                parts.expect_only("ATTACH PARTITION")?;
                self.attached_tables.push(AttachedTable { at: start(node), whole: name.clone(), part, bound });
                Ok(())
            }
            _ => unsupported(node, format!("nself cannot represent `{}`", clause(node))),
        }
    }

    fn alter_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = ident(&parts.require(COLUMN_NAME_REF)?)?;
        let Some(column) = self.table(table, node)?.columns.get_mut(&name) else {
            return unsupported(node, format!("there is no column `{name}`"));
        };
        let action = parts.take_any()?;
        let mut inner = Parts::of(&action);
        match action.kind() {
            SET_DEFAULT => column.default = Some(constraint::default(&action)?),
            SET_NOT_NULL => column.nullable = false,
            ADD_GENERATED => {
                let sequence = column::identity(column, &mut inner)?;
                column.nullable = false;
                inner.expect_only("ADD GENERATED AS IDENTITY")?;
                self.sequence_name(table, &name, sequence);
            }
            _ => {
                return unsupported(&action, format!("nself cannot represent `{}` of {table}.{name}", clause(&action)));
            }
        }
        parts.expect_only("ALTER COLUMN")
    }

    pub(super) fn alter_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let whole = path(&parts.require(INDEX_REF)?);
        self.object_in_messages = format!("the index {}", whole.join("."));
        let Some(attach) = parts.take_node(ATTACH_INDEX_PARTITION) else {
            return unsupported(node, "nself supports only `ATTACH PARTITION` of an index");
        };
        let mut attach = Parts::of(&attach);
        let part = path(&attach.require(INDEX_REF)?);
        attach.expect_only("ATTACH PARTITION")?;
        let last = |names: Vec<String>| names.last().cloned().unwrap_or_default();
        self.attached_indexes.push((start(node), last(whole), last(part)));
        parts.expect_only("ALTER INDEX ;")
    }

    /// Turns attached tables into partitions. A table with properties that a partition cannot have in the model is
    /// refused.
    pub(super) fn attach_partitions(&mut self) {
        for AttachedTable { at, whole, part, bound } in std::mem::take(&mut self.attached_tables) {
            if let Err(what) = self.attach_partition(&whole, &part, bound) {
                self.problems.push(Unsupported { at, what: format!("the partition {part} of {whole}: {what}") });
            }
        }
        for (at, whole, part) in std::mem::take(&mut self.attached_indexes) {
            let what = format!("the index {part}: the index {whole}, to which it is attached, is missing or different");
            self.problems.push(Unsupported { at, what });
        }
    }

    fn attach_partition(&mut self, whole: &ObjectName, part: &ObjectName, bound: Bound) -> Result<(), String> {
        if whole.schema() != part.schema() {
            return Err("it is in a different schema".into());
        }
        let mut rest = self.schema.tables.get(part).ok_or("there is no such table")?.clone();
        let divided = self.schema.tables.get(whole).ok_or("the partitioned table is missing")?;
        // Comments and identities belong to the partitioned table only.
        let mut columns = divided.columns.clone();
        for column in columns.values_mut() {
            (column.comment, column.identity, column.identity_options) = (None, None, IdentityOptions::default());
        }
        if rest.columns != columns {
            return Err("its columns or their defaults differ from those of the partitioned table".into());
        }
        // Leave out keys and indexes that are attached to those of the partitioned table.
        let attached = &mut self.attached_indexes;
        let mut belongs = |whole_name: &str, name: &str| {
            let index = attached.iter().position(|(_, whole, part)| whole == whole_name && part == name);
            index.map(|index| attached.remove(index)).is_some()
        };
        let (key, part_key) = (primary_key_name(whole, divided), primary_key_name(part, &rest));
        if rest.primary_key == divided.primary_key && belongs(key.as_str(), part_key.as_str()) {
            rest.primary_key.clear();
            rest.primary_key_name = None;
        }
        rest.uniques.retain(|name, unique| {
            !divided.uniques.iter().any(|(of, it)| it == unique && belongs(of.as_str(), name.as_str()))
        });
        rest.indexes.retain(|name, index| {
            // Comments belong to the index of the partitioned table only.
            let same = |it: &Index| *index == Index { comment: None, ..it.clone() };
            !divided.indexes.iter().any(|(of, it)| same(it) && belongs(of.as_str(), name.as_str()))
        });
        rest.checks.retain(|name, check| divided.checks.get(name) != Some(check));
        rest.columns.clear();
        // In the model, row security of a partitioned table also applies to its partitions.
        if rest.row_security != divided.row_security {
            return Err("its row security differs from that of the partitioned table".into());
        }
        rest.row_security = RowSecurity::Off;
        if rest != Table::default() {
            return Err("it has additional keys, indexes, checks, grants or settings".into());
        }
        let name = SqlName::new(part.name())?;
        self.schema.tables.remove(part);
        self.places.remove(&format!("tables.{part}"));
        if let Some(divided) = self.schema.tables.get_mut(whole) {
            divided.partitions.insert(name, bound);
        }
        Ok(())
    }
}
