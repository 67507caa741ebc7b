//! Default privileges that an object of the import lacks. In a definition they would be privileges on all objects, so they
//! are left out; every object keeps the privileges that it has.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::*;
use crate::values::SqlIdent;

/// The default privileges of one role on one kind of object.
struct Entry {
    /// The schema; `None` for the whole database.
    schema: Option<SqlName>,
    /// The kind of object, such as `tables`.
    kind: &'static str,
    role: SqlIdent,
    privileges: DefaultPrivileges,
}

/// Takes the default privileges that an object lacks out of a schema; returns a note about each.
pub fn leave_out(schema: &mut Schema) -> Vec<String> {
    let mut completed = schema.clone();
    completed.apply_default_privileges();
    if objects_with_other_grants(schema, &completed).is_empty() {
        return Vec::new();
    }
    let mut without_defaults = schema.clone();
    for_each_scope(&mut without_defaults, |_, defaults| *defaults = DefaultPrivileges::default());
    let mut notes = Vec::new();
    for entry in entries(schema) {
        let mut completed = without_defaults.clone();
        for_each_scope(&mut completed, |scope, defaults| {
            if scope == entry.schema.as_ref() {
                defaults.clone_from(&entry.privileges);
            }
        });
        completed.apply_default_privileges();
        let lacking = objects_with_other_grants(&without_defaults, &completed);
        let Some(first) = lacking.first() else { continue };
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

/// Calls a function with the default privileges of the database and of each schema.
fn for_each_scope(schema: &mut Schema, mut change: impl FnMut(Option<&SqlName>, &mut DefaultPrivileges)) {
    change(None, &mut schema.default_privileges);
    for (name, namespace) in &mut schema.schemas {
        change(Some(name), &mut namespace.default_privileges);
    }
}

fn entries(schema: &mut Schema) -> Vec<Entry> {
    let mut all = Vec::new();
    for_each_scope(schema, |scope, defaults| {
        let roles: BTreeSet<SqlIdent> = defaults.roles().cloned().collect();
        for (kind, role) in KINDS.iter().flat_map(|kind| roles.iter().map(move |role| (*kind, role))) {
            let mut rest = defaults.clone();
            let privileges = rest.remove(kind, role);
            if privileges != DefaultPrivileges::default() {
                all.push(Entry { schema: scope.cloned(), kind, role: role.clone(), privileges });
            }
        }
    });
    all
}

const KINDS: [&str; 5] = ["tables", "sequences", "functions", "types", "schemas"];

impl DefaultPrivileges {
    /// Removes the privileges of a role on a kind of object, and returns them.
    fn remove(&mut self, kind: &str, role: &SqlIdent) -> DefaultPrivileges {
        fn split<P>(from: &mut Grants<P>, to: &mut Grants<P>, role: &SqlIdent) {
            to.extend(from.remove_entry(role));
        }
        let mut removed = DefaultPrivileges::default();
        match kind {
            "tables" => split(&mut self.tables, &mut removed.tables, role),
            "sequences" => split(&mut self.sequences, &mut removed.sequences, role),
            "functions" => split(&mut self.functions, &mut removed.functions, role),
            "types" => split(&mut self.types, &mut removed.types, role),
            _ => split(&mut self.schemas, &mut removed.schemas, role),
        }
        removed
    }
}

/// Returns the objects whose grants differ in two schemas that are equal otherwise.
fn objects_with_other_grants(left: &Schema, right: &Schema) -> BTreeSet<String> {
    fn differing<K: Ord + ToString, V: PartialEq>(left: &BTreeMap<K, V>, right: &BTreeMap<K, V>) -> Vec<String> {
        let pairs = left.iter().filter(|(key, value)| right.get(*key) != Some(*value));
        pairs.map(|(key, _)| key.to_string()).collect()
    }
    // A function or type that became private is as it was, if its grants have all roles.
    let rights = |schema: &Schema| {
        let functions = schema.functions.iter().map(|(name, function)| (name.clone(), function.effective_grants()));
        let types = schema.types.iter().map(|(name, kind)| (name.clone(), kind.effective_grants()));
        (functions.collect::<BTreeMap<_, _>>(), types.collect::<BTreeMap<_, _>>())
    };
    let rights_on_schemas = |schema: &Schema| -> BTreeMap<SqlName, Grants<SchemaPrivilege>> {
        schema.schemas.iter().map(|(name, namespace)| (name.clone(), namespace.grants.clone())).collect()
    };
    let ((left_functions, left_types), (right_functions, right_types)) = (rights(left), rights(right));
    let names = [
        differing(&left.tables, &right.tables),
        differing(&left.views, &right.views),
        differing(&left.sequences, &right.sequences),
        differing(&rights_on_schemas(left), &rights_on_schemas(right)),
        differing(&left_functions, &right_functions),
        differing(&left_types, &right_types),
    ];
    names.into_iter().flatten().collect()
}
