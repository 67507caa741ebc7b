//! `RENAME` of objects and of the parts of tables.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{AtNode, Parsed, Parts, ident, leading_keywords, object_name, unsupported};
use crate::database::ddl::{default_key_name, has_constraint, primary_key_name};
use crate::database::migrate::{
    replace_column_names, replace_object_name, replace_sequence_name, replace_type_name, with_partitions,
};
use crate::database::model::*;
use crate::values::Checked;

/// Reads the new name of `RENAME TO`.
pub(super) fn new_name(node: &SyntaxNode) -> Parsed<SqlName> {
    let mut parts = Parts::of(node);
    let name = ident(&parts.take_any()?)?;
    parts.refuse_rest_except("RENAME TO")?;
    Ok(name)
}

impl Reader {
    /// Reads RENAME COLUMN of a table.
    pub(super) fn rename_column(&mut self, table: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let from = ident(&parts.require(SyntaxKind::COLUMN_NAME_REF)?)?;
        let to = ident(&parts.require(SyntaxKind::COLUMN_NAME)?)?;
        parts.refuse_rest_except("RENAME COLUMN TO")?;
        self.resolve_keys_to_primary_key();
        self.require_no_pending_attachment(table, node)?;
        self.table(table, node)?;
        let columns = self.schema.columns_of(table);
        if !columns.contains_key(&from) || columns.contains_key(&to) {
            return unsupported(node, format!("there is no column `{from}`, or there is already a column `{to}`"));
        }
        self.require_no_query_with_column(table, &from, node)?;
        for name in with_partitions(&self.schema, table) {
            replace_column_names(&mut self.schema, &name, &[(from.clone(), to.clone())].into());
            let order = self.column_order.entry(name.clone()).or_default();
            order.iter_mut().filter(|column| **column == from).for_each(|column| column.clone_from(&to));
            let identities = self.identity_sequences.values_mut();
            identities
                .filter(|owner| owner.table == name && owner.column == from)
                .for_each(|owner| owner.column = to.clone());
            for grant in &mut self.grants {
                if let GrantObject::Column(table, column) = &mut grant.object
                    && *table == name
                    && *column == from
                {
                    *column = to.clone();
                }
            }
        }
        Ok(())
    }

    /// Reads RENAME CONSTRAINT of a table.
    pub(super) fn rename_constraint(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let from = ident(&parts.require(SyntaxKind::CONSTRAINT_NAME_REF)?)?;
        let to = ident(&parts.require(SyntaxKind::CONSTRAINT_NAME)?)?;
        parts.refuse_rest_except("RENAME CONSTRAINT TO")?;
        self.resolve_keys_to_primary_key();
        let table = self.table(name, node)?;
        if !has_constraint(name, table, &from) {
            return unsupported(node, format!("there is no constraint `{from}`"));
        }
        let has_index = !table.checks.contains_key(&from) && !table.foreign_keys.contains_key(&from);
        self.require_free_constraint_name(name, &to, node)?;
        if has_index {
            self.require_free_name(&name.in_same_schema(&to), node)?;
        }
        let table = self.table(name, node)?;
        let is_renamed = rename_key(&mut table.uniques, &from, &to)
            || rename_key(&mut table.foreign_keys, &from, &to)
            || rename_key(&mut table.checks, &from, &to)
            || rename_key(&mut table.excludes, &from, &to);
        if !is_renamed {
            // The primary key.
            table.primary_key_name = Some(to.clone()).filter(|to| *to != default_key_name(name));
        }
        table.rename_constraint_comment(&from, &to);
        table.rename_replica_identity(&from, &to);
        Ok(())
    }

    /// Reads RENAME TO of an index, which may be the index of a constraint.
    pub(super) fn rename_index(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let to = new_name(node)?;
        self.require_free_name(&from.in_same_schema(&to), node)?;
        let old = SqlName::new(from.name()).at(node)?;
        for (owner, table) in self.schema.tables.iter_mut().filter(|(owner, _)| owner.schema() == from.schema()) {
            if !table.primary_key.is_empty() && primary_key_name(owner, table) == old {
                table.primary_key_name = Some(to.clone()).filter(|to| *to != default_key_name(owner));
                table.rename_constraint_comment(&old, &to);
                table.rename_replica_identity(&old, &to);
            } else if !table.rename_index(&old, &to) {
                continue;
            }
            let owner = owner.clone();
            self.rename_recorded_index(&owner, &old, &to);
            return Ok(());
        }
        for (owner, view) in self.schema.views.iter_mut().filter(|(owner, _)| owner.schema() == from.schema()) {
            if rename_key(&mut view.indexes, &old, &to) {
                let owner = owner.clone();
                self.rename_recorded_index(&owner, &old, &to);
                return Ok(());
            }
        }
        let mut adopted_indexes = self.adopted_indexes.iter_mut();
        if let Some(adopted) = adopted_indexes.find(|adopted| adopted.partition.in_same_schema(&adopted.name) == *from)
        {
            adopted.name = to;
            return Ok(());
        }
        unsupported(node, format!("there is no index `{from}`"))
    }

    /// Reads RENAME TO of a view.
    pub(super) fn rename_view(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.rename_view_to(from, &from.in_same_schema(&new_name(node)?), node)
    }

    /// Changes the name or the schema of a view. Its indexes move with it.
    pub(super) fn rename_view_to(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.require_free_name(to, node)?;
        self.require_no_mention_of_relation(from, node)?;
        let Some(view) = self.schema.views.remove(from) else {
            return unsupported(node, format!("there is no view `{from}`"));
        };
        for index in view.indexes.keys() {
            self.rename_place("indexes", &from.in_same_schema(index), &to.in_same_schema(index));
        }
        self.schema.views.insert(to.clone(), view);
        self.rename_relation("views", from, to);
        Ok(())
    }

    /// Reads RENAME TO of a type or domain.
    pub(super) fn rename_type(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.rename_type_to(from, &from.in_same_schema(&new_name(node)?), node)
    }

    /// Changes the name or the schema of a type, also in defaults.
    pub(super) fn rename_type_to(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        // Each table and view has a type with its name.
        let Schema { tables, views, types, .. } = &self.schema;
        if types.contains_key(to) || tables.contains_key(to) || views.contains_key(to) {
            return unsupported(node, format!("the name `{to}` is taken"));
        }
        match self.schema.types.get(from) {
            None => return unsupported(node, format!("there is no type `{from}`")),
            Some(UserType::Range(_)) => {
                let what = "nself cannot represent the new name of a range, since the functions that make ranges keep the old one; \
                     create the type under its new name";
                return unsupported(node, what);
            }
            Some(_) => self.require_no_mention_of_type(from, false, node)?,
        }
        if let Some(kind) = self.schema.types.remove(from) {
            self.schema.types.insert(to.clone(), kind);
        }
        replace_type_name(&mut self.schema, from, to);
        self.replace_in_defaults(from, to);
        self.rename_place("types", from, to);
        for grant in &mut self.grants {
            if let GrantObject::Type(name) = &mut grant.object
                && name == from
            {
                name.clone_from(to);
            }
        }
        Ok(())
    }

    /// Reads RENAME TO of a sequence. Also changes the name in defaults that use the sequence.
    pub(super) fn rename_sequence(&mut self, from: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.rename_sequence_to(from, &from.in_same_schema(&new_name(node)?), node)
    }

    /// Changes the name or the schema of a sequence, also in defaults that are only `nextval` of the sequence.
    pub(super) fn rename_sequence_to(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        self.require_free_name(to, node)?;
        if self.rename_identity_sequence(from, to, node) {
            return Ok(());
        }
        if !self.schema.sequences.contains_key(from) {
            return unsupported(node, format!("there is no sequence `{from}`"));
        }
        self.require_no_mention_of_sequence(from, node)?;
        replace_sequence_name(&mut self.schema, from, to);
        if let Some(sequence) = self.schema.sequences.remove(from) {
            self.schema.sequences.insert(to.clone(), sequence);
        }
        self.rename_relation("sequences", from, to);
        Ok(())
    }

    /// Changes the recorded name of the sequence of an identity column; returns false for a different sequence. The
    /// definition does not have the name.
    fn rename_identity_sequence(&mut self, from: &ObjectName, to: &ObjectName, node: &SyntaxNode) -> bool {
        let Some(owner) = self.identity_of_sequence(from).filter(|_| !self.schema.sequences.contains_key(from)) else {
            return false;
        };
        let what = format!(
            "the name `{to}` of the sequence of {}.{} is left out: the server chooses one",
            owner.table, owner.column
        );
        self.note_once(node, what);
        self.identity_sequences.remove(from);
        self.identity_sequences.insert(to.clone(), owner);
        self.rename_relation("sequences", from, to);
        true
    }

    /// Reads `ALTER TRIGGER … RENAME TO` and `ALTER POLICY … RENAME TO`.
    pub(super) fn rename_part_of_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let is_trigger = node.kind() == ALTER_TRIGGER;
        let mut parts = Parts::of(node);
        let from = ident(&parts.require(if is_trigger { TRIGGER_REF } else { POLICY_REF })?)?;
        let on = parts.require(if is_trigger { ON_RELATION } else { ON_TABLE })?;
        let table = object_name(&Parts::of(&on).take_any()?)?;
        self.object_in_messages = format!("`{from}` of {table}");
        let action = parts.take_any()?;
        if action.kind() == ALTER_POLICY_TO {
            self.change_policy(&table, &from, &action)?;
            return parts.refuse_rest_except("ALTER POLICY ;");
        }
        if ![TRIGGER_RENAME_TO, POLICY_RENAME_TO].contains(&action.kind()) {
            return unsupported(&action, format!("nself cannot represent `{}`", leading_keywords(node)));
        }
        let to = new_name(&action)?;
        parts.refuse_rest_except("ALTER TRIGGER POLICY ;")?;
        if is_trigger {
            rename_part(self.triggers_of(&table, &on)?, &from, &to, node)
        } else {
            rename_part(&mut self.table(&table, &on)?.policies, &from, &to, node)
        }
    }

    /// Refuses a new name that is taken by a table, view, sequence or index.
    pub(super) fn require_free_name(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        if self.is_relation_name_taken(name) {
            unsupported(node, format!("the name `{name}` is taken"))
        } else {
            Ok(())
        }
    }

    /// Replaces the name of an object in the defaults of columns and domains.
    pub(super) fn replace_in_defaults(&mut self, from: &ObjectName, to: &ObjectName) {
        let columns = self.schema.tables.values_mut().flat_map(|table| table.columns.values_mut());
        let domains = self.schema.types.values_mut().filter_map(|kind| match kind {
            UserType::Domain(domain) => domain.default.as_mut(),
            UserType::Enum(_) | UserType::Composite(_) | UserType::Range(_) => None,
        });
        for default in columns.filter_map(|column| column.default.as_mut()).chain(domains) {
            *default = Expression::wrap(replace_object_name(default.as_str(), from, to));
        }
    }
}

/// Renames a trigger or policy in the map of its table.
fn rename_part<T>(
    parts: &mut std::collections::BTreeMap<SqlName, T>,
    from: &SqlName,
    to: &SqlName,
    node: &SyntaxNode,
) -> Parsed<()> {
    if parts.contains_key(to) {
        return unsupported(node, format!("the name `{to}` is taken"));
    }
    if rename_key(parts, from, to) { Ok(()) } else { unsupported(node, "there is no object with this name") }
}
