//! Completes the definitions of databases, and checks them against the databases and roles of the stack.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::{self, Server};
use super::service_schemas;
use crate::database::complete;
use crate::database::ledger::ServiceAccess;
use crate::database::model::{PUBLIC_ROLE, Schema};
use crate::database::named_roles;
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
    let login_roles = roles.values().map(|role| &role.name);
    let role_names = login_roles.chain(stack.database_server.roles.keys()).map(SqlIdent::as_str);
    let role_names: BTreeSet<&str> = role_names.chain([PUBLIC_ROLE]).collect();
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
        findings.extend(unknown_roles(&schema, &path, &role_names));
        definitions.insert(name.clone(), schema);
    }
    Planned::without_wirings(definitions, findings)
}

/// Returns a finding for each role that a definition names and the stack does not have, at the first field with its name.
fn unknown_roles(schema: &Schema, path: &FieldPath, role_names: &BTreeSet<&str>) -> Vec<Diagnostic> {
    let mut places: BTreeMap<&SqlIdent, Vec<FieldPath>> = BTreeMap::new();
    for (role_path, role) in named_roles(schema, path) {
        if !role_names.contains(role.as_str()) {
            places.entry(role).or_default().push(role_path);
        }
    }
    let findings = places.into_iter().map(|(role, paths)| {
        let hint = crate::words::nearest(role.as_str(), role_names.iter().copied()).map_or_else(
            || {
                format!(
                    "use the role of a service that uses the database, or `public` for all roles, or declare a role \
                     without a login: `database_server.roles.{role} = {{}}`"
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        let others = match paths.len() {
            1 => String::new(),
            count => format!(", which the definition names in {count} places"),
        };
        let first = paths.into_iter().next().unwrap_or_else(|| path.clone());
        Diagnostic::error(Code::UnknownRole, first)
            .message(format!("the stack has no role `{role}`{others}"))
            .hint(hint)
    });
    findings.collect()
}
