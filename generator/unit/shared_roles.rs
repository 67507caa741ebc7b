//! Tests roles that cannot log in, which `database_server.roles` declares.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{errors, files, generate, stack, text};
use crate::codes::Code;
use crate::database::history::{History, Migration};
use crate::database::model::MigrationName;
use crate::plan::{ProjectFiles, resolve};
use crate::source::decode_json;
use crate::values::{Checked, EnvironmentName, SqlIdent};

/// Returns a stack with a service `orders` that uses a database, and with these roles.
fn with_roles(roles: &Value) -> Value {
    let mut stack = stack(&json!({
        "orders": {
            "image": "a/orders:1", "port": 8001, "user": "1000:1000", "databases": { "main": {} },
            "health": { "http": { "path": "/" } },
        },
        "pages": { "image": "a/pages:1", "port": 8002, "user": "1000:1000", "health": { "http": { "path": "/" } } },
    }));
    stack["database_server"] = json!({ "roles": roles });
    stack
}

#[test]
fn the_setup_job_creates_roles_without_a_login() {
    let files = files(&with_roles(&json!({ "anon": { "members": ["orders"] }, "readers": {} })));
    let setup = text(&files, "postgres/setup/setup.sql");
    for wanted in [
        "SELECT format('CREATE ROLE %I NOLOGIN', 'anon')",
        "SELECT format('CREATE ROLE %I NOLOGIN', 'readers')",
        "GRANT \"anon\" TO \"orders\";",
        "<> ALL (ARRAY['orders', '']) \\gexec",
        "<> ALL (ARRAY['']) \\gexec",
    ] {
        assert!(setup.contains(wanted), "{wanted}: {setup}");
    }
    assert!(setup.find("CREATE ROLE %I LOGIN', 'orders'") < setup.find("GRANT \"anon\""), "{setup}");
}

#[test]
fn names_of_other_roles_and_services_without_a_role_are_refused() {
    let error = |code: Code, path: &str| vec![(code, format!("database_server.roles.{path}"))];
    assert_eq!(errors(&with_roles(&json!({ "orders": {} }))), error(Code::DatabaseTaken, "orders"));
    assert_eq!(errors(&with_roles(&json!({ "postgres": {} }))), error(Code::DatabaseTaken, "postgres"));
    let members = json!({ "anon": { "members": ["pages"] } });
    assert_eq!(errors(&with_roles(&members)), error(Code::UnknownRole, "anon.members"));
}

/// A definition names roles of services and roles without a login; each unknown role has one finding.
#[test]
fn a_definition_may_grant_rights_to_roles_without_a_login() {
    let unknown_roles = |roles: &Value| -> Vec<String> {
        let mut stack = with_roles(roles);
        let table = json!({
            "columns": { "id": { "type": "integer" } },
            "grants": { "anon": ["select"], "editor": ["insert"] },
        });
        stack["databases"] = json!({ "shop": { "tables": { "a": table, "b": table } } });
        let found = errors(&stack).into_iter().filter(|(code, _)| *code == Code::UnknownRole);
        found.map(|(_, path)| path).collect()
    };
    assert_eq!(
        unknown_roles(&json!({})),
        ["databases.shop.tables.a.grants.anon", "databases.shop.tables.a.grants.editor"]
    );
    assert_eq!(unknown_roles(&json!({ "anon": {}, "editor": {} })), [""; 0]);
}

/// An old migration grants rights to the role of a service that was removed later. A new server applies it, too.
#[test]
fn a_new_server_has_the_roles_that_only_migrations_name() {
    let mut migration = Migration::handwritten(MigrationName::numbered(1, "rights").unwrap(), &BTreeMap::new());
    migration.up += "GRANT USAGE ON SCHEMA public TO reports, orders, anon, shop_migrations;\n";
    let history = History { migrations: vec![migration], ..History::default() };
    let mut stack = with_roles(&json!({ "anon": {} }));
    stack["databases"] = json!({ "shop": {} });
    let files = ProjectFiles {
        databases: BTreeMap::from([(SqlIdent::new("shop").unwrap(), history.files())]),
        ..ProjectFiles::default()
    };
    let (plan, findings) = resolve(&EnvironmentName::new("prod").unwrap(), &decode_json(&stack).unwrap(), &files);
    assert_eq!(findings.iter().filter(|finding| finding.is_error()).count(), 0, "{findings:?}");
    let former_roles = &plan.setup.as_ref().unwrap().former_roles;
    assert_eq!(former_roles.iter().map(SqlIdent::as_str).collect::<Vec<_>>(), ["reports"]);
    let files = generate(&plan).unwrap();
    let setup = text(&files, "postgres/setup/setup.sql");
    assert!(setup.contains("SELECT format('CREATE ROLE %I NOLOGIN', 'reports')"), "{setup}");
    assert_eq!(setup.matches("'CREATE ROLE %I NOLOGIN', 'orders'").count(), 0, "{setup}");
}
