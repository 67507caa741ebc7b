//! `ALTER TABLE` and `ALTER INDEX`. pg_dump writes everything that needs another table in this form.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{AttachedTable, Reader};
use super::tree::{Parsed, Parts, Unsupported, clause, ident, object, path, start, unsupported};
use super::{column, constraint, partition, storage};
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
        self.subject = format!("the table {name}");
        // pg_dump writes the owner of a view as `ALTER TABLE`, too.
        self.owner(&mut parts)?;
        for action in parts.take_rest() {
            let result = self.action(&name, &action);
            self.record_error(result);
        }
        parts.expect_end("ALTER TABLE , ;")
    }

    fn action(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        match node.kind() {
            ADD_CONSTRAINT => {
                let constraint = parts.take_any()?;
                parts.expect_end("ADD")?;
                self.constraint(name, &constraint, None)
            }
            ADD_COLUMN => {
                let mut column = Parts::of(node);
                column.take_node(IF_NOT_EXISTS);
                self.column(name, column)?.expect_end("ADD COLUMN")
            }
            ALTER_COLUMN => self.alter_column(name, node),
            VALIDATE_CONSTRAINT => {
                let constraint = ident(&parts.require(CONSTRAINT_NAME_REF)?)?;
                parts.expect_end("VALIDATE CONSTRAINT")?;
                let table = self.table(name, node)?;
                let check = table.checks.get_mut(&constraint).map(|check| &mut check.not_valid);
                match check.or(table.foreign_keys.get_mut(&constraint).map(|key| &mut key.not_valid)) {
                    Some(not_valid) => *not_valid = false,
                    None => return unsupported(node, format!("there is no check or foreign key `{constraint}`")),
                }
                Ok(())
            }
            SET_OPTIONS | RESET_OPTIONS => Self::change_parameters(&mut self.table(name, node)?.storage, node),
            ENABLE_RLS | DISABLE_RLS | FORCE_RLS | NO_FORCE_RLS => {
                let security = match self.partitions.get_mut(name) {
                    Some((.., security)) => security,
                    None => &mut self.table(name, node)?.row_security,
                };
                *security = match node.kind() {
                    ENABLE_RLS | DISABLE_RLS => RowSecurity::new(node.kind() == ENABLE_RLS, security.is_forced()),
                    _ => RowSecurity::new(security.is_on(), node.kind() == FORCE_RLS),
                };
                Ok(())
            }
            REPLICA_IDENTITY => {
                let option = parts.take_any()?;
                self.table(name, node)?.replica_identity = match option.kind() {
                    REPLICA_IDENTITY_FULL => ReplicaIdentity::Full,
                    REPLICA_IDENTITY_NOTHING => ReplicaIdentity::Nothing,
                    USING_INDEX_NAME => ReplicaIdentity::Index(ident(&Parts::of(&option).require(INDEX_REF)?)?),
                    _ => ReplicaIdentity::Default,
                };
                Ok(())
            }
            ATTACH_PARTITION => {
                let part = object(&parts.require(TABLE_NAME_REF)?)?;
                let bound = partition::bound(&mut parts)?;
                parts.expect_end("ATTACH PARTITION")?;
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
            SET_STATISTICS => column.statistics = storage::statistics(&action)?,
            ADD_GENERATED => {
                let sequence = column::identity(column, &mut inner)?;
                column.nullable = false;
                inner.expect_end("ADD GENERATED AS IDENTITY")?;
                self.sequence_name(table, &name, sequence);
            }
            _ => {
                return unsupported(&action, format!("nself cannot represent `{}` of {table}.{name}", clause(&action)));
            }
        }
        parts.expect_end("ALTER COLUMN")
    }

    pub(super) fn alter_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        parts.take_node(IF_EXISTS);
        let reference = parts.require(INDEX_REF)?;
        let whole = path(&reference);
        self.subject = format!("the index {}", whole.join("."));
        let action = parts.take_any()?;
        match action.kind() {
            ATTACH_INDEX_PARTITION => {}
            SET_OPTIONS | RESET_OPTIONS => {
                Self::change_parameters(&mut self.index(&object(&reference)?, &reference)?.storage, &action)?;
                return parts.expect_end("ALTER INDEX ;");
            }
            ALTER_SET_STATISTICS => {
                Self::index_statistics(self.index(&object(&reference)?, &reference)?, &action)?;
                return parts.expect_end("ALTER INDEX ;");
            }
            _ => return unsupported(&action, format!("nself cannot represent `{}` of an index", clause(&action))),
        }
        let mut attach = Parts::of(&action);
        let part = path(&attach.require(INDEX_REF)?);
        attach.expect_end("ATTACH PARTITION")?;
        let last = |names: Vec<String>| names.last().cloned().unwrap_or_default();
        self.attached_indexes.push((start(node), last(whole), last(part)));
        parts.expect_end("ALTER INDEX ;")
    }

    /// Turns attached tables into partitions. A table with properties that a partition cannot have in the model is
    /// refused.
    pub(super) fn attach(&mut self) {
        for AttachedTable { at, whole, part, bound } in std::mem::take(&mut self.attached_tables) {
            if let Err(what) = self.attach_one(&whole, &part, bound) {
                self.problems.push(Unsupported { at, what: format!("the partition {part} of {whole}: {what}") });
            }
        }
        for (at, whole, part) in std::mem::take(&mut self.attached_indexes) {
            let what = format!("the index {part}: the index {whole}, to which it is attached, is missing or different");
            self.problems.push(Unsupported { at, what });
        }
    }

    fn attach_one(&mut self, whole: &ObjectName, part: &ObjectName, bound: Bound) -> Result<(), String> {
        if whole.schema() != part.schema() {
            return Err("it is in a different schema".into());
        }
        let mut rest = self.schema.tables.get(part).ok_or("there is no such table")?.clone();
        let divided = self.schema.tables.get(whole).ok_or("the partitioned table is missing")?;
        let inherited = divided.columns.iter().map(|(name, column)| (name.clone(), column.inherited()));
        if rest.columns != inherited.collect() {
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
            let same = |it: &Index| index.comment.is_none() && index.structure(true) == it.structure(true);
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
