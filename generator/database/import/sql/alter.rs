//! `ALTER TABLE` and `ALTER INDEX`. pg_dump writes everything that needs another table in this form.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{AttachedTable, Reader};
use super::tree::{Parsed, Parts, clause, ident, object, path, start, unsupported};
use super::{column, constraint, partition, storage};
use crate::database::model::*;

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
            SET_OPTIONS | RESET_OPTIONS => storage::change_parameters(&mut self.table(name, node)?.storage, node),
            ENABLE_RLS | DISABLE_RLS | FORCE_RLS | NO_FORCE_RLS => {
                let security = &mut self.table(name, node)?.row_security;
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
        let column = self.column_of(table, &name, node)?;
        let action = parts.take_any()?;
        let mut inner = Parts::of(&action);
        match action.kind() {
            SET_DEFAULT => column.default = Some(constraint::default(&action)?),
            SET_NOT_NULL => column.nullable = false,
            DROP_DEFAULT => column.default = None,
            DROP_NOT_NULL => column.nullable = true,
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
                storage::change_parameters(&mut self.index(&object(&reference)?, &reference)?.storage, &action)?;
                return parts.expect_end("ALTER INDEX ;");
            }
            ALTER_SET_STATISTICS => {
                storage::index_statistics(self.index(&object(&reference)?, &reference)?, &action)?;
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
}
