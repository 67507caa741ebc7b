//! Records what the reader refuses, and drops the findings that follow from an earlier refusal.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{object_name, path};
use crate::database::model::*;

/// Returns the name of the object that a statement creates; `None` if other statements cannot mention the object.
fn created_object(node: &SyntaxNode) -> Option<ObjectName> {
    use SyntaxKind::*;
    let name = |node: &SyntaxNode| {
        let name = node.descendants().find(|part| matches!(part.kind(), PATH | PATH_REF))?;
        object_name(&name).ok()
    };
    match node.kind() {
        CREATE_TABLE
        | CREATE_TABLE_AS
        | CREATE_FOREIGN_TABLE
        | CREATE_VIEW
        | CREATE_MATERIALIZED_VIEW
        | CREATE_TYPE
        | CREATE_DOMAIN
        | CREATE_SEQUENCE
        | CREATE_FUNCTION
        | CREATE_PROCEDURE
        | CREATE_AGGREGATE
        | CREATE_COLLATION => name(node),
        SELECT_INTO => name(&node.children().find(|part| part.kind() == INTO_CLAUSE)?),
        CREATE_INDEX => {
            let table = object_name(&node.children().find(|part| part.kind() == TABLE_RELATION_NAME)?).ok()?;
            let index = path(&node.children().find(|part| part.kind() == INDEX)?).pop()?;
            Some(ObjectName::new_in(table.schema(), &index))
        }
        _ => None,
    }
}

impl Reader {
    /// Returns whether the object of a grant was refused.
    pub(super) fn is_refused_object_of_grant(&self, object: &GrantObject) -> bool {
        match object {
            GrantObject::Column(table, column) => {
                self.refused.contains(table) || self.refused.columns.contains(&(table.clone(), column.clone()))
            }
            GrantObject::Relation(name)
            | GrantObject::Sequence(name)
            | GrantObject::Function(name)
            | GrantObject::Type(name) => self.refused.contains(name),
            GrantObject::Schema(_) => false,
        }
    }

    /// Records what a refused statement creates. Its problems begin at the index `first_problem`; they are dropped if they
    /// follow from an earlier refusal.
    pub(super) fn record_refusal(&mut self, node: &SyntaxNode, first_problem: usize) {
        let created = created_object(node);
        let missing = std::mem::take(&mut self.refused.missing);
        let missing_keys = std::mem::take(&mut self.refused.missing_keys);
        if self.problems.len() == first_problem {
            // A later statement may create the object in a different way.
            if let Some(name) = created {
                self.refused.objects.remove(&name);
            }
            return;
        }
        let is_repeated = missing_keys.iter().any(|key| self.refused.reported_keys.contains(key));
        self.refused.reported_keys.extend(missing_keys);
        if is_repeated || self.refused.is_mentioned_in(node) {
            self.problems.truncate(first_problem);
        }
        // A missing object is reported once, too.
        self.refused.objects.extend(missing);
        self.record_refused_columns(node);
        if let Some(name) = created.filter(|name| !self.has_object(name)) {
            self.refused.objects.insert(name);
        }
    }

    /// Records the columns that CREATE TABLE or ALTER TABLE declares and that the table does not have.
    fn record_refused_columns(&mut self, node: &SyntaxNode) {
        if ![SyntaxKind::CREATE_TABLE, SyntaxKind::ALTER_TABLE].contains(&node.kind()) {
            return;
        }
        let table = node.descendants().find(|part| matches!(part.kind(), SyntaxKind::PATH | SyntaxKind::PATH_REF));
        let Some(name) = table.and_then(|table| object_name(&table).ok()) else { return };
        let Some(table) = self.schema.tables.get(&name) else { return };
        let declared = node.descendants().filter(|part| part.kind() == SyntaxKind::COLUMN_NAME);
        let names = declared.filter_map(|column| super::tree::ident(&column).ok());
        let missing: Vec<SqlName> = names.filter(|column| !table.columns.contains_key(column)).collect();
        self.refused.columns.extend(missing.into_iter().map(|column| (name.clone(), column)));
    }

    /// Returns the message about a table that the file does not create. If the file does not create its schema, the table
    /// belongs to a different program.
    pub(super) fn missing_table(&self, name: &ObjectName) -> String {
        let schema = name.schema();
        if schema == PUBLIC_SCHEMA || self.schema.schemas.contains_key(schema) {
            return format!("there is no table `{name}`");
        }
        format!(
            "there is no table `{name}`; if a different program creates it, add a table with the columns that are used at the start of \
             the SQL, such as `CREATE SCHEMA {}; CREATE TABLE {} (id uuid PRIMARY KEY);`, and remove it from the definition afterwards",
            quoted_if_needed(schema),
            name.spelled()
        )
    }

    /// Returns whether the schema has a relation, an index, a type or a function with this name.
    fn has_object(&self, name: &ObjectName) -> bool {
        self.is_relation_name_taken(name)
            || self.schema.types.contains_key(name)
            || self.schema.functions_named(name).next().is_some()
    }
}
