//! The roles that a definition names, in grants, default privileges and policies.

use super::model::Schema;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

/// Returns every role that a definition names, each with the field that contains the name.
pub fn named_roles<'a>(schema: &'a Schema, path: &FieldPath) -> Vec<(FieldPath, &'a SqlIdent)> {
    let mut names: Vec<(FieldPath, &SqlIdent)> = Vec::new();
    let mut add = |path: FieldPath, role: &'a SqlIdent| names.push((path, role));
    for (name, namespace) in &schema.schemas {
        let path = path.key("schemas").key(name.as_str());
        namespace.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        let path = path.key("default_privileges");
        namespace.default_privileges.roles().for_each(|role| add(path.key(role.as_str()), role));
    }
    let database_privileges = path.key("default_privileges");
    schema.default_privileges.roles().for_each(|role| add(database_privileges.key(role.as_str()), role));
    for (name, table) in &schema.tables {
        let path = path.key("tables").key(name.as_str());
        table.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        for (column, definition) in &table.columns {
            let path = path.key("columns").key(column.as_str());
            definition.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
            let path = path.key("identity_grants");
            definition.identity_grants.keys().for_each(|role| add(path.key(role.as_str()), role));
        }
        for (policy, definition) in &table.policies {
            let path = path.key("policies").key(policy.as_str()).key("roles");
            definition.roles.iter().for_each(|role| add(path.clone(), role));
        }
    }
    for (name, view) in &schema.views {
        let path = path.key("views").key(name.as_str());
        view.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        for (column, grants) in &view.column_grants {
            let path = path.key("column_grants").key(column.as_str());
            grants.keys().for_each(|role| add(path.key(role.as_str()), role));
        }
    }
    for (name, sequence) in &schema.sequences {
        let path = path.key("sequences").key(name.as_str()).key("grants");
        sequence.grants.keys().for_each(|role| add(path.key(role.as_str()), role));
    }
    for (name, kind) in &schema.types {
        // The field of the grants depends on the kind of the type, so the place is the type.
        let path = path.key("types").key(name.as_str());
        kind.rights().grants.keys().for_each(|role| add(path.clone(), role));
    }
    for (name, function) in &schema.functions {
        let path = path.key("functions").key(name.as_str()).key("grants");
        function.grants.keys().for_each(|role| add(path.key(role.as_str()), role));
    }
    names
}
