//! Default privileges that an object of the import lacks. In a definition they would be privileges on all objects, so they
//! are left out; every object keeps the privileges that it has.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::default_names::identity_sequence_name;
use crate::database::model::*;
use crate::values::SqlIdent;

/// The default privileges of one role on one kind of object.
struct RoleDefaults {
    /// The schema; `None` for the whole database.
    schema: Option<SqlName>,
    /// The kind of object, such as `tables`.
    kind: &'static str,
    role: SqlIdent,
    privileges: DefaultPrivileges,
}

/// Removes the default privileges that an object lacks from a schema; returns a note about each.
pub fn leave_out(schema: &mut Schema) -> Vec<String> {
    let mut schema_with_grants = schema.clone();
    schema_with_grants.apply_default_privileges();
    if objects_with_other_grants(schema, &schema_with_grants).is_empty() {
        return Vec::new();
    }
    let mut without_defaults = schema.clone();
    for_each_scope(&mut without_defaults, |_, defaults| *defaults = DefaultPrivileges::default());
    let mut notes = Vec::new();
    for entry in all_role_defaults(schema) {
        // Apply only this entry, to see whether all objects have its privileges already.
        let mut schema_with_grants = without_defaults.clone();
        for_each_scope(&mut schema_with_grants, |scope, defaults| {
            if scope == entry.schema.as_ref() {
                defaults.clone_from(&entry.privileges);
            }
        });
        schema_with_grants.apply_default_privileges();
        let objects_without_defaults = objects_with_other_grants(&without_defaults, &schema_with_grants);
        let Some(first) = objects_without_defaults.first() else { continue };
        for_each_scope(schema, |scope, defaults| {
            if scope == entry.schema.as_ref() {
                defaults.remove(entry.kind, &entry.role);
            }
        });
        let place = entry.schema.as_ref().map_or_else(String::new, |schema| format!(" of the schema {schema}"));
        notes.push(format!(
            "the default privileges of {} on {}{place} are left out, since {first} lacks them; grant each new object what it needs",
            entry.role, entry.kind
        ));
    }
    notes
}

/// Calls a function with the default privileges of the database, whose scope is `None`, and of each schema.
fn for_each_scope(schema: &mut Schema, mut change: impl FnMut(Option<&SqlName>, &mut DefaultPrivileges)) {
    change(None, &mut schema.default_privileges);
    for (name, namespace) in &mut schema.schemas {
        change(Some(name), &mut namespace.default_privileges);
    }
}

/// Returns the default privileges of a schema by scope, kind of object and role.
fn all_role_defaults(schema: &mut Schema) -> Vec<RoleDefaults> {
    let mut all_defaults = Vec::new();
    for_each_scope(schema, |scope, defaults| {
        let roles: BTreeSet<SqlIdent> = defaults.roles().cloned().collect();
        for (kind, role) in KINDS.iter().flat_map(|kind| roles.iter().map(move |role| (*kind, role))) {
            let privileges = defaults.clone().remove(kind, role);
            if privileges != DefaultPrivileges::default() {
                all_defaults.push(RoleDefaults { schema: scope.cloned(), kind, role: role.clone(), privileges });
            }
        }
    });
    all_defaults
}

/// The kinds of objects with default privileges.
const KINDS: [&str; 5] = ["tables", "sequences", "functions", "types", "schemas"];

impl DefaultPrivileges {
    /// Removes the privileges of a role on a kind of object, and returns them.
    fn remove(&mut self, kind: &str, role: &SqlIdent) -> DefaultPrivileges {
        fn move_role<P>(from: &mut Grants<P>, to: &mut Grants<P>, role: &SqlIdent) {
            to.extend(from.remove_entry(role));
        }
        let mut role_privileges = DefaultPrivileges::default();
        match kind {
            "tables" => move_role(&mut self.tables, &mut role_privileges.tables, role),
            "sequences" => move_role(&mut self.sequences, &mut role_privileges.sequences, role),
            "functions" => move_role(&mut self.functions, &mut role_privileges.functions, role),
            "types" => move_role(&mut self.types, &mut role_privileges.types, role),
            _ => move_role(&mut self.schemas, &mut role_privileges.schemas, role),
        }
        role_privileges
    }
}

/// Returns the sequences of identity columns whose grants differ in two schemas, as in `the sequence teams_id_seq`.
fn identity_names(left: &Schema, right: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    for (table, definition) in &left.tables {
        for (column, content) in &definition.columns {
            let other = right.tables.get(table).and_then(|table| table.columns.get(column));
            if other.is_some_and(|other| other.identity_rights() != content.identity_rights()) {
                names.push(format!("the sequence {}", identity_sequence_name(table, column)));
            }
        }
    }
    names
}

/// Returns the objects whose grants differ in two schemas that are equal otherwise.
fn objects_with_other_grants(left: &Schema, right: &Schema) -> BTreeSet<String> {
    fn differing_keys<K: Ord + ToString, V: PartialEq>(left: &BTreeMap<K, V>, right: &BTreeMap<K, V>) -> Vec<String> {
        let pairs = left.iter().filter(|(key, value)| right.get(*key) != Some(*value));
        pairs.map(|(key, _)| key.to_string()).collect()
    }
    // Effective grants are compared, since a private function with a grant to PUBLIC equals one that is not private.
    let rights = |schema: &Schema| {
        let functions = schema.functions.iter().map(|(name, function)| (name.clone(), function.effective_grants()));
        let types = schema.types.iter().map(|(name, kind)| (name.clone(), kind.effective_grants()));
        (functions.collect::<BTreeMap<_, _>>(), types.collect::<BTreeMap<_, _>>())
    };
    let rights_on_schemas = |schema: &Schema| -> BTreeMap<SqlName, Grants<SchemaPrivilege>> {
        schema.schemas.iter().map(|(name, namespace)| (name.clone(), namespace.grants.clone())).collect()
    };
    // The grants of the sequences of identity columns are parts of the table.
    let without_identities = |schema: &Schema| {
        let mut tables = schema.tables.clone();
        for column in tables.values_mut().flat_map(|table| table.columns.values_mut()) {
            (column.identity_grants, column.identity_grant_options) = (Grants::new(), Grants::new());
        }
        tables
    };
    let ((left_functions, left_types), (right_functions, right_types)) = (rights(left), rights(right));
    let names = [
        differing_keys(&without_identities(left), &without_identities(right)),
        identity_names(left, right),
        differing_keys(&left.views, &right.views),
        differing_keys(&left.sequences, &right.sequences),
        differing_keys(&rights_on_schemas(left), &rights_on_schemas(right)),
        differing_keys(&left_functions, &right_functions),
        differing_keys(&left_types, &right_types),
    ];
    names.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use crate::database::import::sql;

    #[test]
    fn a_note_names_the_sequence_of_an_identity_column() {
        let text = "CREATE TABLE teams (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
            ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO reader; CREATE SEQUENCE later;";
        let notes: Vec<String> = sql::read(text).unwrap().notes.into_iter().map(|note| note.what).collect();
        assert!(notes.iter().any(|note| note.contains("since the sequence teams_id_seq lacks them")), "{notes:#?}");
    }
}
