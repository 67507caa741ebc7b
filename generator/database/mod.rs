//! Databases: the model of tables, the migrations from one version to the next, and the ledger of applied migrations.
//! The modules access neither files nor servers; the command line and the backends do that.

pub mod allow;
mod check;
pub mod completeness;
mod convention;
pub mod ddl;
mod declared_privileges;
pub mod default_names;
pub mod extension_catalogue;
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
mod named_roles;
pub mod parse;
mod plpgsql_body;
pub mod snapshot;
pub mod superuser;
mod tenant_keys;

use crate::diagnostic::{Diagnostic, FieldPath};
use model::Schema;

pub use declared_privileges::{DeclaredPrivilege, declared_privileges};
pub use model::{ACCESS_POLICY, APP_COLUMN, TENANT_COLUMN, TENANT_POLICY, TENANT_SETTING};
pub use named_roles::{named_roles, roles_in_sql};

/// Completes a definition with the columns and policies of its convention and with the default privileges of its
/// schemas. Also returns the findings about the definition. `root` is its path in the stack.
pub fn complete(mut definition: Schema, root: &FieldPath) -> (Schema, Vec<Diagnostic>) {
    let mut findings = convention::apply(&mut definition, root);
    definition.apply_default_privileges();
    // The default name of a primary key is left out, so that equal definitions are equal values.
    for (name, table) in &mut definition.tables {
        let has_default_name =
            table.primary_key.is_empty() || table.primary_key_name == Some(ddl::default_key_name(name));
        if has_default_name {
            table.primary_key_name = None;
        }
    }
    findings.extend(check::check(&definition, root));
    findings.extend(graphql::check(&definition, root));
    (definition, findings)
}
