//! Databases: the model of tables, the migrations from one version to the next, and the ledger of applied migrations.
//! Pure: the command line and the backends access files and servers.

pub mod allow;
mod check;
pub mod closed;
mod convention;
pub mod ddl;
mod grammar;
pub mod graphql;
pub mod hazard;
pub mod history;
mod identifiers;
pub mod import;
pub mod ledger;
pub mod lexer;
pub mod migrate;
pub mod model;
pub mod parse;
pub mod snapshot;
pub mod superuser;
mod tenant_keys;

use crate::diagnostic::{Diagnostic, FieldPath};
use model::{Grants, ObjectName, Schema, TablePrivilege};

pub use model::{ACCESS_POLICY, APP_COLUMN, TENANT_COLUMN, TENANT_POLICY, TENANT_SETTING};

/// Query that lists every object of a database in a canonical form.
pub const CATALOG: &str = include_str!("catalog.sql");

/// Completes a definition with everything that follows from it, and returns what is wrong with it. `root` is its path
/// in the stack.
pub fn complete(mut schema: Schema, root: &FieldPath) -> (Schema, Vec<Diagnostic>) {
    let mut findings = convention::apply(&mut schema, root);
    grant_defaults(&mut schema);
    // The default name is left out, so that equal definitions are equal values.
    for (name, table) in &mut schema.tables {
        let usual = table.primary_key.is_empty() || table.primary_key_name == Some(ddl::usual_key_name(name));
        table.primary_key_name = table.primary_key_name.take().filter(|_| !usual);
    }
    findings.extend(check::check(&schema, root));
    findings.extend(graphql::check(&schema, root));
    (schema, findings)
}

/// Adds default privileges to the grants of all tables, since the server applies them only to tables that are created
/// later.
fn grant_defaults(schema: &mut Schema) {
    for (namespace, definition) in &schema.schemas {
        for (role, privileges) in &definition.default_privileges {
            let give = |grants: &mut Grants<TablePrivilege>| {
                grants.entry(role.clone()).or_default().extend(privileges.iter().copied());
            };
            let inside = |name: &ObjectName| name.schema() == namespace.as_str();
            schema.tables.iter_mut().filter(|(name, _)| inside(name)).for_each(|(_, table)| give(&mut table.grants));
            schema.views.iter_mut().filter(|(name, _)| inside(name)).for_each(|(_, view)| give(&mut view.grants));
        }
    }
}
