//! Reads `ALTER TABLE` and `ALTER INDEX`. pg_dump writes the parts of a table that refer to other objects, such as
//! foreign keys, in this form.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{AttachedTable, Reader};
use super::tree::{Parsed, Parts, ident, leading_keywords, object_name, path, start_offset, unsupported};
use super::{column, constraint, partition, retype, storage, table};
use crate::database::model::*;

impl Reader {
    /// Reads ALTER TABLE. If an action cannot be read, the others are read nevertheless, so that all problems are reported.
    pub(super) fn alter_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_exists = parts.take_node(IF_EXISTS).is_some();
        let name = object_name(&parts.require(TABLE_RELATION_NAME)?)?;
        if if_exists && !self.is_relation_name_taken(&name) {
            return Ok(());
        }
        self.object_in_messages = format!("the table {name}");
        // pg_dump writes the owner of a view as `ALTER TABLE`, too.
        self.take_owner(&mut parts)?;
        let mut actions = parts.take_rest();
        actions.sort_by_key(pass);
        for action in actions {
            let result = self.alter_table_action(&name, &action);
            self.record_error(result);
        }
        parts.refuse_rest_except("ALTER TABLE , ;")
    }

    /// Reads one action of ALTER TABLE, such as ADD CONSTRAINT.
    fn alter_table_action(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        match node.kind() {
            ADD_CONSTRAINT => {
                let constraint = parts.take_any()?;
                parts.refuse_rest_except("ADD")?;
                self.add_constraint(name, &constraint, None)
            }
            ADD_COLUMN => {
                let mut column = Parts::of(node);
                if column.take_node(IF_NOT_EXISTS).is_some() && self.has_column(name, node)? {
                    return Ok(());
                }
                self.add_column(name, column)?.refuse_rest_except("ADD COLUMN")
            }
            ALTER_COLUMN => self.alter_column(name, node),
            DROP_COLUMN | DROP_CONSTRAINT => {
                let result = match node.kind() {
                    DROP_COLUMN => self.drop_column(name, node),
                    _ => self.drop_constraint(name, node),
                };
                self.forget_comments_of_dropped_constraints();
                result
            }
            TABLE_RENAME_TO if self.schema.views.contains_key(name) => self.rename_view(name, node),
            TABLE_RENAME_TO if self.schema.sequences.contains_key(name) => self.rename_sequence(name, node),
            TABLE_RENAME_TO if self.is_relation_name_taken(name) && !self.schema.tables.contains_key(name) => {
                self.rename_index(name, node)
            }
            TABLE_RENAME_TO => self.rename_table(name, node),
            RENAME_COLUMN => self.rename_column(name, node),
            RENAME_CONSTRAINT => self.rename_constraint(name, node),
            ALTER_CONSTRAINT => self.alter_constraint(name, node),
            SET_SCHEMA if self.schema.views.contains_key(name) => self.move_view(name, node),
            SET_SCHEMA if self.schema.sequences.contains_key(name) => self.move_sequence(name, node),
            SET_SCHEMA => self.move_table(name, node),
            DETACH_PARTITION => self.detach_partition(name, node),
            ENABLE_TRIGGER | DISABLE_TRIGGER | ENABLE_ALWAYS_TRIGGER | ENABLE_REPLICA_TRIGGER => {
                self.change_trigger_state(name, node)
            }
            ATTACH_PARTITION => {
                let partition = object_name(&parts.require(TABLE_NAME_REF)?)?;
                let bound = partition::take_bound(&mut parts)?;
                parts.refuse_rest_except("ATTACH PARTITION")?;
                self.attach_equal_indexes(name, &partition, node);
                self.attached_tables.push(AttachedTable {
                    at: start_offset(node),
                    partitioned: name.clone(),
                    partition,
                    bound,
                });
                Ok(())
            }
            _ => self.alter_table_property(name, node),
        }
    }

    /// Reads ALTER CONSTRAINT, which changes when a foreign key is checked.
    fn alter_constraint(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let constraint = ident(&parts.require(SyntaxKind::CONSTRAINT_NAME_REF)?)?;
        let deferrable = constraint::take_deferrable(&mut parts);
        parts.refuse_rest_except("ALTER CONSTRAINT")?;
        match self.table(name, node)?.foreign_keys.get_mut(&constraint) {
            Some(key) => key.deferrable = deferrable,
            None => return unsupported(node, format!("there is no foreign key `{constraint}`")),
        }
        Ok(())
    }

    /// Reads an action of ALTER TABLE that changes a property of the table or validates a constraint.
    fn alter_table_property(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        match node.kind() {
            SET_LOGGED | SET_UNLOGGED => {
                self.table(name, node)?.unlogged = node.kind() == SET_UNLOGGED;
                Ok(())
            }
            VALIDATE_CONSTRAINT => {
                let constraint = ident(&parts.require(CONSTRAINT_NAME_REF)?)?;
                parts.refuse_rest_except("VALIDATE CONSTRAINT")?;
                let table = self.table(name, node)?;
                let not_valid_of_check = table.checks.get_mut(&constraint).map(|check| &mut check.not_valid);
                let not_valid_of_key = table.foreign_keys.get_mut(&constraint).map(|key| &mut key.not_valid);
                match not_valid_of_check.or(not_valid_of_key) {
                    Some(not_valid) => *not_valid = false,
                    None => return unsupported(node, format!("there is no check or foreign key `{constraint}`")),
                }
                Ok(())
            }
            SET_OPTIONS | RESET_OPTIONS => storage::change_parameters(&mut self.table(name, node)?.storage, node),
            SET_TABLESPACE => {
                self.note_tablespace(node);
                Ok(())
            }
            CLUSTER_ON | SET_WITHOUT_CLUSTER => {
                self.note_once(node, "the index by which a table was sorted with CLUSTER is left out".into());
                Ok(())
            }
            // No version that nself supports has such columns.
            SET_WITHOUT_OIDS => Ok(()),
            ENABLE_RLS | DISABLE_RLS | FORCE_RLS | NO_FORCE_RLS => {
                let row_security = &mut self.table(name, node)?.row_security;
                *row_security = match node.kind() {
                    ENABLE_RLS | DISABLE_RLS => RowSecurity::new(node.kind() == ENABLE_RLS, row_security.is_forced()),
                    _ => RowSecurity::new(row_security.is_on(), node.kind() == FORCE_RLS),
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
            INHERIT_TABLE | NO_INHERIT_TABLE => unsupported(node, table::INHERITS_REFUSAL),
            _ => unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
        }
    }

    /// Reads ALTER COLUMN of ALTER TABLE.
    fn alter_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = ident(&parts.require(COLUMN_NAME_REF)?)?;
        let action = parts.take_any()?;
        if action.kind() == SET_TYPE {
            self.retype_column(table, &name, &action)?;
            return parts.refuse_rest_except("ALTER COLUMN");
        }
        if let Some(view) = self.schema.views.get_mut(table) {
            // pg_dump writes the defaults of a view's columns as `ALTER TABLE`, too.
            super::alter_view::change_default(view, name, &action)?;
            return parts.refuse_rest_except("ALTER COLUMN");
        }
        for restart in action.descendants().filter(|part| part.kind() == RESTART) {
            self.note_restart(&restart, &format!("{table}.{name}"));
        }
        let column = self.column_mut(table, &name, node)?;
        let mut action_parts = Parts::of(&action);
        match action.kind() {
            SET_DEFAULT => column.default = Some(constraint::default_expression(&action)?),
            SET_NOT_NULL => column.nullable = false,
            DROP_DEFAULT => column.default = None,
            DROP_NOT_NULL => column.nullable = true,
            SET_STORAGE => column.storage = storage::read_column_storage(&action)?,
            SET_COMPRESSION => column.compression = storage::read_compression(&action)?,
            SET_STATISTICS => column.statistics = storage::read_statistics(&action)?,
            SET_OPTIONS | RESET_OPTIONS => storage::change_parameters(&mut column.options, &action)?,
            ADD_GENERATED => {
                let name_option = column::read_identity(column, &mut action_parts)?;
                column.nullable = false;
                action_parts.refuse_rest_except("ADD GENERATED AS IDENTITY")?;
                self.record_identity(table, &name, node, name_option);
            }
            _ if retype::change_identity(column, &action)? => {
                if action.kind() == DROP_IDENTITY {
                    self.remove_identity_sequences(|owner| owner.table == *table && owner.column == name);
                }
            }
            _ => {
                return unsupported(
                    &action,
                    format!("nself cannot represent `{}` of {table}.{name}", leading_keywords(&action)),
                );
            }
        }
        parts.refuse_rest_except("ALTER COLUMN")
    }

    /// Reads ALTER INDEX.
    pub(super) fn alter_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_exists = parts.take_node(IF_EXISTS).is_some();
        let reference = parts.require(INDEX_REF)?;
        let names = path(&reference);
        self.object_in_messages = format!("the index {}", names.join("."));
        if if_exists && self.is_certainly_missing(&object_name(&reference)?) {
            return Ok(());
        }
        let action = parts.take_any()?;
        match action.kind() {
            ATTACH_INDEX_PARTITION => self.attach_index(node, &names, &action)?,
            INDEX_RENAME_TO => self.rename_index(&object_name(&reference)?, &action)?,
            SET_OPTIONS | RESET_OPTIONS => {
                storage::change_parameters(&mut self.index(&object_name(&reference)?, &reference)?.storage, &action)?;
            }
            ALTER_SET_STATISTICS => {
                storage::read_index_statistics(self.index(&object_name(&reference)?, &reference)?, &action)?;
            }
            _ => {
                return unsupported(
                    &action,
                    format!("nself cannot represent `{}` of an index", leading_keywords(&action)),
                );
            }
        }
        parts.refuse_rest_except("ALTER INDEX ;")
    }

    /// Returns whether it is certain that no index has a name. The server creates indexes of partitions and chooses their
    /// names; the definition does not have these indexes.
    fn is_certainly_missing(&self, name: &ObjectName) -> bool {
        let may_be_of_partition = || {
            let attached_partitions = self.attached_tables.iter().map(|table| &table.partition);
            let tables = self.schema.tables.iter().filter(|(_, table)| table.partition_of.is_some());
            let mut partitions = tables.map(|(name, _)| name).chain(attached_partitions);
            partitions.any(|partition| {
                // The name of such an index begins with that of the partition, which the server may shorten.
                let name_start: String = partition.name().chars().take(20).collect();
                partition.schema() == name.schema() && name.name().starts_with(&name_start)
            })
        };
        !self.is_relation_name_taken(name) && !may_be_of_partition()
    }

    /// Records that ALTER INDEX attaches an index of a partition to that of the partitioned table. `names` is the name of the
    /// latter, perhaps after its schema.
    fn attach_index(&mut self, node: &SyntaxNode, names: &[String], action: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(action);
        let attached_names = path(&parts.require(SyntaxKind::INDEX_REF)?);
        parts.refuse_rest_except("ATTACH PARTITION")?;
        let name_without_schema = |names: &[String]| names.last().cloned().unwrap_or_default();
        let (parent, child) = (name_without_schema(names), name_without_schema(&attached_names));
        // ATTACH PARTITION may have attached the index.
        let is_attached =
            |(_, other_parent, other): &(usize, String, String)| *other_parent == parent && *other == child;
        if !self.attached_indexes.iter().any(is_attached) {
            self.attached_indexes.push((start_offset(node), parent, child));
        }
        Ok(())
    }

    /// Returns whether a table has the column that `ADD COLUMN IF NOT EXISTS` names.
    fn has_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<bool> {
        let name = ident(&Parts::of(node).require(SyntaxKind::COLUMN_NAME)?)?;
        Ok(self.schema.columns_of(table).contains_key(&name))
    }
}

/// Returns the number of the pass in which the server runs an action of ALTER TABLE: it drops parts first, then changes
/// types, then adds columns. Actions of a pass run in their order.
fn pass(action: &SyntaxNode) -> u8 {
    use SyntaxKind::*;
    let changed = action.children().last().filter(|_| action.kind() == ALTER_COLUMN);
    match changed.map_or(action.kind(), |changed| changed.kind()) {
        DROP_COLUMN | DROP_CONSTRAINT | DROP_DEFAULT | DROP_NOT_NULL | DROP_IDENTITY | DROP_EXPRESSION => 0,
        SET_TYPE => 1,
        ADD_COLUMN => 2,
        _ => 3,
    }
}
