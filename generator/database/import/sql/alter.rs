//! What is said about a table after it was made, as pg_dump does for everything that needs another table.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parts, Take, Unsupported, clause, ident, loss, object, path, start};
use super::{Reader, table};
use crate::database::ddl::primary_key_name;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// A table that is a part of another.
pub struct Attached {
    pub at: usize,
    pub whole: ObjectName,
    pub part: ObjectName,
    pub bound: Bound,
}

impl Reader {
    pub(super) fn alter_table(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        parts.node(IF_EXISTS);
        let on = parts.must(TABLE_RELATION_NAME)?;
        let name = object(&on)?;
        self.subject = format!("the table {name}");
        // A view's owner is written like a table's.
        self.owner(&mut parts)?;
        for action in parts.rest() {
            let taken = self.action(&name, &action);
            self.or_lose(taken);
        }
        parts.end("ALTER TABLE , ;")
    }

    fn action(&mut self, name: &ObjectName, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        match node.kind() {
            ADD_CONSTRAINT => {
                let found = parts.any()?;
                parts.end("ADD")?;
                self.constraint(name, &found, None)
            }
            ADD_COLUMN => {
                let mut column = Parts::of(node);
                column.node(IF_NOT_EXISTS);
                self.column(name, column)?.end("ADD COLUMN")
            }
            ALTER_COLUMN => self.alter_column(name, node),
            ENABLE_RLS => {
                if let Some((.., security)) = self.parts.get_mut(name) {
                    *security = RowSecurity::On;
                    return Ok(());
                }
                self.table(name, node)?.row_security = RowSecurity::On;
                Ok(())
            }
            FORCE_RLS => {
                self.forced.push((start(node), name.clone()));
                Ok(())
            }
            ATTACH_PARTITION => {
                let part = object(&parts.must(TABLE_NAME_REF)?)?;
                let bound = table::bound(&mut parts)?;
                parts.end("ATTACH PARTITION")?;
                self.attached.push(Attached { at: start(node), whole: name.clone(), part, bound });
                Ok(())
            }
            _ => loss(node, format!("`{}` has no place in the model", clause(node))),
        }
    }

    fn alter_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = ident(&parts.must(COLUMN_NAME_REF)?)?;
        let Some(column) = self.table(table, node)?.columns.get_mut(&name) else {
            return loss(node, format!("there is no column `{name}`"));
        };
        let action = parts.any()?;
        let mut inner = Parts::of(&action);
        match action.kind() {
            SET_DEFAULT => column.default = Some(table::default(&action)?),
            SET_NOT_NULL => column.nullable = false,
            ADD_GENERATED => {
                let (identity, sequence) = table::identity(&mut inner)?;
                column.identity = Some(identity);
                column.nullable = false;
                inner.end("ADD GENERATED AS IDENTITY")?;
                self.sequence_name(table, &name, sequence);
            }
            _ => return loss(&action, format!("`{}` of {table}.{name} has no place in the model", clause(&action))),
        }
        parts.end("ALTER COLUMN")
    }

    pub(super) fn alter_index(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let whole = path(&parts.must(INDEX_REF)?);
        self.subject = format!("the index {}", whole.join("."));
        let Some(attach) = parts.node(ATTACH_INDEX_PARTITION) else {
            return loss(node, "only `ATTACH PARTITION` changes an index here");
        };
        let mut attach = Parts::of(&attach);
        let part = path(&attach.must(INDEX_REF)?);
        attach.end("ATTACH PARTITION")?;
        let last = |names: Vec<String>| names.last().cloned().unwrap_or_default();
        self.parts_of.push((start(node), last(whole), last(part)));
        parts.end("ALTER INDEX ;")
    }

    /// Tables that are parts of others: nothing of their own may be lost.
    pub(super) fn attach(&mut self) {
        for Attached { at, whole, part, bound } in std::mem::take(&mut self.attached) {
            if let Err(what) = self.attach_one(&whole, &part, bound) {
                self.losses.push(Unsupported { at, what: format!("the partition {part} of {whole}: {what}") });
            }
        }
        for (at, whole, part) in std::mem::take(&mut self.parts_of) {
            let what = format!("the index {part}: a part of {whole} that is nowhere");
            self.losses.push(Unsupported { at, what });
        }
    }

    fn attach_one(&mut self, whole: &ObjectName, part: &ObjectName, bound: Bound) -> Result<(), String> {
        if whole.schema() != part.schema() {
            return Err("it is in another schema".into());
        }
        let own = self.schema.tables.get(part).ok_or("there is no such table")?.clone();
        let divided = self.schema.tables.get(whole).ok_or("there is no such table to be a part of")?;
        let mut rest = own;
        // A comment on the whole is not one on its parts, and numbers come from the whole.
        let mut columns = divided.columns.clone();
        for column in columns.values_mut() {
            (column.comment, column.identity) = (None, None);
        }
        if rest.columns != columns {
            return Err("its columns, or their defaults, are not those of the whole".into());
        }
        // Its own forms of what the whole table has.
        let parts_of = &mut self.parts_of;
        let mut belongs = |whole_name: &str, name: &str| {
            let found = parts_of.iter().position(|(_, one, other)| one == whole_name && other == name);
            found.map(|at| parts_of.remove(at)).is_some()
        };
        let (key, own_key) = (primary_key_name(whole, divided), primary_key_name(part, &rest));
        if rest.primary_key == divided.primary_key && belongs(key.as_str(), own_key.as_str()) {
            rest.primary_key.clear();
            rest.primary_key_name = None;
        }
        rest.uniques.retain(|name, unique| {
            !divided.uniques.iter().any(|(of, it)| it == unique && belongs(of.as_str(), name.as_str()))
        });
        rest.indexes.retain(|name, index| {
            // A comment on the whole is not one on its parts.
            let same = |it: &Index| *index == Index { comment: None, ..it.clone() };
            !divided.indexes.iter().any(|(of, it)| same(it) && belongs(of.as_str(), name.as_str()))
        });
        rest.checks.retain(|name, check| divided.checks.get(name) != Some(check));
        rest.columns.clear();
        // The model has row security of the whole, which is that of its parts.
        if rest.row_security != divided.row_security {
            return Err("its row security is not that of the whole".into());
        }
        rest.row_security = RowSecurity::Off;
        if rest != Table::default() {
            return Err("it has keys, indexes, conditions, grants or settings of its own".into());
        }
        let name = SqlIdent::new(part.name())?;
        self.schema.tables.remove(part);
        self.places.remove(&format!("tables.{part}"));
        if let Some(divided) = self.schema.tables.get_mut(whole) {
            divided.partitions.insert(name, bound);
        }
        Ok(())
    }
}
