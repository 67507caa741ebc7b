//! The content of an SQL file that has been read so far, and the references that are resolved after its last statement.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::SyntaxNode;

use super::refused::Refused;
use super::search_path::CreationSchema;
use super::service_rights::ServiceRights;
use super::tree::{Parsed, Unsupported, start_offset, unsupported};
use crate::database::ddl;
use crate::database::model::*;
use crate::values::SqlIdent;

/// Reads an SQL file statement by statement and holds the content so far. A place (`at`) is the offset of a byte in the
/// file.
#[derive(Default)]
pub struct Reader {
    pub schema: Schema,
    /// Errors of the import.
    pub problems: Vec<Unsupported>,
    /// Parts of the file that are left out on purpose.
    pub notes: Vec<Unsupported>,
    /// Maps each object, such as `tables.orders`, to the place of its statement.
    pub declared_at: BTreeMap<String, usize>,
    /// The object of the current statement, with which messages begin, such as `the table orders`.
    pub object_in_messages: String,
    /// Place, table and name of foreign keys that name no referenced columns, so they refer to the primary key.
    pub foreign_keys_to_primary_key: Vec<(usize, ObjectName, SqlName)>,
    /// Maps a role to the place of the first object that it owns.
    pub owners: BTreeMap<String, usize>,
    /// The columns of each table and view in the order in which the server has them. A dropped column may be included.
    pub column_order: BTreeMap<ObjectName, Vec<SqlName>>,
    pub creation_schema: CreationSchema,
    /// Functions that PUBLIC may not execute.
    pub revoked_functions: BTreeSet<ObjectName>,
    /// Place of the REVOKE that takes the right to use the schema `public` from PUBLIC.
    pub public_revoked_at: Option<usize>,
    /// Grants in the order of the file; they are resolved at the end.
    pub grants: Vec<Grant>,
    /// Place of the last statement about default privileges.
    pub default_privileges_at: Option<usize>,
    /// Maps the sequence of an identity column to the column.
    pub identity_sequences: BTreeMap<ObjectName, ColumnOf>,
    /// Place and name of the sequences that are created UNLOGGED.
    pub unlogged_sequences: Vec<(usize, ObjectName)>,
    /// Default privileges that follow from the access of services.
    pub service_rights: ServiceRights,
    /// Tables that are attached as partitions.
    pub attached_tables: Vec<AttachedTable>,
    /// Statements that attach an index to the index of a partitioned table: place, name of the partitioned table's
    /// index, name of the attached index.
    pub attached_indexes: Vec<(usize, String, String)>,
    /// Tables of which ALL triggers are disabled, each with the place of the statement.
    pub disabled_tables: BTreeMap<ObjectName, usize>,
    /// Names of temporary tables, views and sequences, which are left out.
    pub temporary_relations: BTreeSet<String>,
    /// Indexes of partitions that the server attached to a later index of the partitioned table.
    pub adopted_indexes: Vec<AdoptedIndex>,
    /// Maps each role of a grant or policy to the place of the first statement that names it.
    pub role_places: BTreeMap<SqlIdent, usize>,
    /// Objects and columns that were refused.
    pub refused: Refused,
}

/// GRANT or REVOKE on one object.
#[derive(Clone)]
pub struct Grant {
    pub at: usize,
    /// Whether the statement is GRANT, not REVOKE.
    pub is_grant: bool,
    /// Whether the statement is about the right to grant the privileges to others: `WITH GRANT OPTION` or
    /// `GRANT OPTION FOR`.
    pub with_grant_option: bool,
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
    Type(ObjectName),
    Schema(SqlName),
}

/// A table that `ALTER TABLE … ATTACH PARTITION` attaches to a partitioned table.
pub struct AttachedTable {
    pub at: usize,
    pub partitioned: ObjectName,
    pub partition: ObjectName,
    pub bound: Bound,
}

/// An index that a partition had before its partitioned table got an equal one. The definition has only the latter, but
/// on the server the former keeps its name.
pub struct AdoptedIndex {
    pub partition: ObjectName,
    pub name: SqlName,
    pub partitioned: ObjectName,
    /// Name of the partitioned table's index.
    pub parent_index: SqlName,
}

impl Reader {
    /// Records a problem of the current statement. Its message begins with the object of the statement.
    fn record_problem(&mut self, problem: Unsupported) {
        let what = if self.object_in_messages.is_empty() {
            problem.what
        } else {
            format!("{}: {}", self.object_in_messages, problem.what)
        };
        self.problems.push(Unsupported { at: problem.at, what });
    }

    /// Records the error of a result, so that reading can continue; returns the value if there is one.
    pub fn record_error<T>(&mut self, result: Parsed<T>) -> Option<T> {
        result.map_err(|problem| self.record_problem(problem)).ok()
    }

    /// Records the place at which an object is declared; refuses a second object with the same name. `kind` is a word
    /// such as `tables`.
    pub fn record_declaration(&mut self, kind: &str, name: &str, node: &SyntaxNode) -> Parsed<()> {
        if self.declared_at.insert(format!("{kind}.{name}"), start_offset(node)).is_some() {
            return unsupported(node, format!("there are two {kind} with the name `{name}`"));
        }
        Ok(())
    }

    /// Returns whether a name is taken. Tables, views, sequences, indexes and constraints with an index share one
    /// namespace in a schema.
    pub fn is_relation_name_taken(&self, name: &ObjectName) -> bool {
        let Schema { tables, views, sequences, .. } = &self.schema;
        if tables.contains_key(name) || views.contains_key(name) || sequences.contains_key(name) {
            return true;
        }
        // A dump asks for the names of all its tables and indexes, so no name is built for the comparison.
        let (schema, own_name) = (name.schema(), name.name());
        let is_named = |index: &SqlName| index.as_str() == own_name;
        let is_index_of_view =
            || views.iter().any(|(owner, view)| view.indexes.keys().any(is_named) && owner.schema() == schema);
        let is_index_of_table = || {
            tables.iter().any(|(owner, table)| {
                let mut indexes = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
                (indexes.any(is_named) || ddl::has_primary_key_named(owner, table, own_name))
                    && owner.schema() == schema
            })
        };
        let is_adopted =
            || self.adopted_indexes.iter().any(|index| is_named(&index.name) && index.partition.schema() == schema);
        self.identity_sequences.contains_key(name) || is_index_of_view() || is_index_of_table() || is_adopted()
    }

    /// Refuses a second constraint of a table with the same name.
    pub fn require_free_constraint_name(&self, table: &ObjectName, name: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let definition = self.schema.tables.get(table);
        let is_taken = definition.is_some_and(|definition| ddl::has_constraint(table, definition, name));
        if is_taken { unsupported(node, format!("there are two constraints `{name}`")) } else { Ok(()) }
    }

    /// Returns a table, or an error at the node if there is no such table.
    pub fn table(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<&mut Table> {
        if !self.schema.tables.contains_key(name) {
            self.refused.record_missing(name);
            return unsupported(node, self.missing_table(name));
        }
        let table = self.schema.tables.get_mut(name);
        table.map_or_else(|| unsupported(node, format!("there is no table `{name}`")), Ok)
    }
}
