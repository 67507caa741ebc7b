//! The content of an SQL file as far as it has been read, and the references that are resolved after its last statement.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::SyntaxNode;

use super::service_rights::ServiceRights;
use super::tree::{Parsed, Unsupported, start, unsupported};
use crate::database::ddl;
use crate::database::model::*;
use crate::values::SqlIdent;

/// The content of a file as far as it has been read.
#[derive(Default)]
pub struct Reader {
    pub schema: Schema,
    pub problems: Vec<Unsupported>,
    pub notes: Vec<Unsupported>,
    pub places: BTreeMap<String, usize>,
    /// Object of the current statement, for messages.
    pub object_in_messages: String,
    /// Foreign keys that do not name columns of the other table: they refer to its primary key.
    pub keys_to_primary_key: Vec<(usize, ObjectName, SqlName)>,
    /// Maps a role to the place of the first object that it owns.
    pub owners: BTreeMap<String, usize>,
    /// Functions that PUBLIC may not execute.
    pub revoked_functions: BTreeSet<ObjectName>,
    /// Place where PUBLIC loses the right to use the schema `public`.
    pub public_revoked_at: Option<usize>,
    /// Grants in the order of the file; they are resolved at the end.
    pub grants: Vec<Grant>,
    pub default_privileges: Vec<DefaultPrivilege>,
    pub service_rights: ServiceRights,
    /// Tables that are attached as partitions.
    pub attached_tables: Vec<AttachedTable>,
    /// Indexes that are attached to the index of a partitioned table: place, name of that index, own name.
    pub attached_indexes: Vec<(usize, String, String)>,
}

/// GRANT or REVOKE on one object.
#[derive(Clone)]
pub struct Grant {
    pub at: usize,
    pub gives: bool,
    /// Whether the role may grant the privileges to others, or loses only the right to do so.
    pub with_option: bool,
    pub object: GrantObject,
    /// Names of privileges in SQL; `None` for ALL.
    pub privileges: Option<BTreeSet<String>>,
    pub roles: Vec<SqlIdent>,
}

/// The object of a grant.
#[derive(Clone)]
pub enum GrantObject {
    /// A table, a view or a sequence.
    Relation(ObjectName),
    Column(ObjectName, SqlName),
    Sequence(ObjectName),
    Function(ObjectName),
    Schema(SqlName),
}

/// A default privilege of a role, with the tables and views that were created before it.
pub struct DefaultPrivilege {
    pub at: usize,
    pub schema: SqlName,
    pub role: SqlIdent,
    pub before: Vec<ObjectName>,
}

/// A table that is attached as a partition of another.
pub struct AttachedTable {
    pub at: usize,
    pub whole: ObjectName,
    pub part: ObjectName,
    pub bound: Bound,
}

impl Reader {
    fn record_problem(&mut self, problem: Unsupported) {
        let what = if self.object_in_messages.is_empty() {
            problem.what
        } else {
            format!("{}: {}", self.object_in_messages, problem.what)
        };
        self.problems.push(Unsupported { at: problem.at, what });
    }

    /// Records a problem, so that reading can continue.
    pub fn record_error<T>(&mut self, result: Parsed<T>) -> Option<T> {
        result.map_err(|problem| self.record_problem(problem)).ok()
    }

    /// Records the place of an object; refuses a second object with the same name.
    pub fn place(&mut self, kind: &str, name: &str, node: &SyntaxNode) -> Parsed<()> {
        if self.places.insert(format!("{kind}.{name}"), start(node)).is_some() {
            return unsupported(node, format!("there are two {kind} with the name `{name}`"));
        }
        Ok(())
    }

    /// Returns whether a name is taken. Tables, views, sequences, indexes and keys share one namespace.
    pub fn relation_taken(&self, name: &ObjectName) -> bool {
        let inside = |owner: &ObjectName, inner: &SqlName| owner.beside(inner) == *name;
        self.schema.views.iter().any(|(owner, view)| owner == name || view.indexes.keys().any(|it| inside(owner, it)))
            || self.schema.sequences.contains_key(name)
            || self.schema.tables.iter().any(|(owner, table)| {
                let inner = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
                let key = || owner.beside(&ddl::primary_key_name(owner, table));
                owner == name
                    || (!table.primary_key.is_empty() && key() == *name)
                    || inner.into_iter().any(|it| inside(owner, it))
            })
    }

    /// Returns a table that must exist.
    pub fn table(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<&mut Table> {
        match self.schema.tables.get_mut(name) {
            Some(table) => Ok(table),
            None => unsupported(node, format!("there is no table `{name}`")),
        }
    }
}
