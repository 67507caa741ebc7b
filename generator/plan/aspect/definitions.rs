//! Completes the definitions of databases, and checks them against the databases and roles of the stack.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{self, Server};
use super::service_schemas;
use crate::database::complete;
use crate::database::ledger::ServiceAccess;
use crate::database::model::{PUBLIC_ROLE, Schema};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::profile;
use crate::plan::model::Grant;
use crate::plan::roster::roster;
use crate::plan::wiring::Planned;
use crate::stack::{Access, Stack};
use crate::values::SqlIdent;

/// A definition, and the access of the services to the rows of its database.
pub type SharedDefinition = (Schema, BTreeSet<ServiceAccess>);

/// Returns the definitions of a stack by database, and findings, for commands that need no other part of the plan.
pub fn definitions(stack: &Stack) -> (BTreeMap<SqlIdent, SharedDefinition>, Vec<Diagnostic>) {
    let roster = roster(stack, profile(stack)).value;
    let server = databases::plan(stack, &roster).value;
    let planned = plan(stack, &server);
    let services = |name: &SqlIdent| {
        let grants = server.databases.get(name).into_iter().flat_map(|database| &database.grants);
        grants.filter_map(service_access).collect()
    };
    let definitions = planned.value.into_iter().map(|(name, schema)| {
        let services = services(&name);
        (name, (schema, services))
    });
    (definitions.collect(), planned.findings)
}

/// Returns the access to rows that a grant means, if any.
fn service_access(grant: &Grant) -> Option<ServiceAccess> {
    let access = |schema: Option<&SqlIdent>, writes| {
        Some(ServiceAccess { role: grant.role.clone(), schema: schema.cloned(), writes })
    };
    match grant.access {
        Access::Owner => access(None, true),
        Access::Write => access(Some(&grant.schema), true),
        Access::Read => access(Some(&grant.schema), false),
        Access::Schema | Access::Monitor => None,
    }
}

/// Completes the definitions, and checks that their databases and roles exist.
pub fn plan(stack: &Stack, server: &Server) -> Planned<BTreeMap<SqlIdent, Schema>> {
    let Server { databases, roles } = server;
    let role_names: BTreeSet<&str> = roles.values().map(|role| role.name.as_str()).chain([PUBLIC_ROLE]).collect();
    let mut findings = Vec::new();
    let mut definitions = BTreeMap::new();
    for (name, schema) in &stack.databases {
        let path = path!("databases", name);
        let (schema, completion_findings) = complete(schema.clone(), &path);
        findings.extend(service_schemas::check(name, &schema, server, completion_findings));
        if !databases.contains_key(name) {
            let names = databases.keys().map(SqlIdent::as_str).collect::<Vec<_>>().join(", ");
            findings.push(
                Diagnostic::error(Code::UnknownDatabase, path.clone())
                    .message(format!("no service uses the database `{name}`"))
                    .expected(format!("the name of a database that a service uses: {names}"))
                    .hint(format!(
                        "correct the name, or use the database in a service: `services.<name>.databases.main.name = \"{name}\"`"
                    )),
            );
        }
        for (role_path, role) in named_roles(&schema, &path) {
            if !role_names.contains(role.as_str()) {
                let near = crate::words::nearest(role.as_str(), role_names.iter().copied());
                let hint = near.map_or_else(
                    || "use the role of a service that uses the database, or `public` for all roles".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                findings.push(
                    Diagnostic::error(Code::UnknownRole, role_path)
                        .message(format!("the stack has no role `{role}`"))
                        .hint(hint),
                );
            }
        }
        definitions.insert(name.clone(), schema);
    }
    Planned::without_wirings(definitions, findings)
}

/// Returns every role that a definition names, each with the field that contains the name.
fn named_roles<'a>(schema: &'a Schema, path: &FieldPath) -> Vec<(FieldPath, &'a SqlIdent)> {
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
