//! Tests an external database server, and changes of the server from run to run.

use serde_json::{Value, json};

use super::{errors, files, generate, plan, stack, text};
use crate::backend::postgres::upgrade_warnings;
use crate::codes::Code;
use crate::plan::secret_list::Recipe;

/// Returns a stack for Compose and for a cluster, with a service `orders` that uses these databases.
fn with_databases(databases: &Value) -> Value {
    let mut stack = stack(&json!({
        "orders": {
            "image": "a/orders:1", "port": 8001, "user": "1000:1000", "databases": databases,
            "depends_on": { "postgres": "healthy" }, "health": { "http": { "path": "/" } },
            "env": { "DATABASE_URL": { "database_url": "main" } },
        },
    }));
    for name in ["nginx", "postgres"] {
        stack["services"][name]["user"] = json!("101:101");
    }
    stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
    stack
}

/// Returns the stack with an external server.
fn with_external_server(server: &Value) -> Value {
    let mut stack = with_databases(&json!({ "main": { "extensions": ["citext"] } }));
    stack["database_server"] = json!({ "external": server });
    stack
}

/// Returns the settings of an external server.
fn external_server() -> Value {
    json!({ "host": "db.example.com", "port": 6432, "admin": "owner_of_all", "addresses": ["10.20.0.0/24", "192.0.2.7"] })
}

#[test]
fn an_external_server_replaces_the_service() {
    let stack = with_external_server(&external_server());
    let (plan, _) = plan(&stack);
    assert!(!plan.services.contains_key("postgres") && plan.access.is_none(), "{:?}", plan.services.keys());
    let files = files(&stack);
    let compose = text(&files, "compose.yaml");
    assert!(!compose.contains("\n  postgres:\n") && !compose.contains("postgres-data"), "{compose}");
    for wanted in [
        "PGHOST: db.example.com",
        "PGPORT: \"6432\"",
        "PGUSER: owner_of_all",
        "PGSSLMODE: verify-full",
        "- egress-orders",
    ] {
        assert!(compose.contains(wanted), "{wanted}: {compose}");
    }
    let Recipe::Template { parts } = &plan.secrets["orders_main_url"].recipe else { panic!("a URL is a template") };
    let address = parts.last().unwrap().text.as_ref().unwrap();
    assert_eq!(
        address.as_str(),
        "@db.example.com:6432/shop?sslmode=verify-full&sslrootcert=/run/secrets/database_authority"
    );
    for secret in ["database_authority", "postgres_password"] {
        assert!(matches!(plan.secrets[secret].recipe, Recipe::External { .. }), "{secret}");
    }
    let statements = text(&files, "postgres/setup/setup.sql");
    assert!(!statements.contains("template1") && statements.contains("\\connect shop\n"), "{statements}");
}

#[test]
fn a_policy_opens_the_addresses_of_an_external_server_to_its_clients() {
    let files = files(&with_external_server(&external_server()));
    for service in ["orders", "postgres-setup"] {
        let policy = files
            .iter()
            .find(|(path, _)| path.as_str().ends_with(&format!("networkpolicy-{service}-to-outside-1.yaml")));
        let (_, policy) = policy.unwrap_or_else(|| panic!("{service}"));
        let policy = String::from_utf8(policy.bytes().unwrap().to_vec()).unwrap();
        for wanted in ["10.20.0.0/24", "192.0.2.7/32", "port: 6432"] {
            assert!(policy.contains(wanted), "{wanted}: {policy}");
        }
    }
    assert!(!files.iter().any(|(path, _)| path.as_str().contains("nginx-to-outside")));
}

#[test]
fn settings_that_do_not_apply_to_an_external_server_are_refused() {
    let errors_after = |change: &dyn Fn(&mut Value)| {
        let mut stack = with_external_server(&external_server());
        change(&mut stack);
        errors(&stack)
    };
    let error_at = |path: &str| vec![(Code::ExternalServer, path.to_owned())];
    assert_eq!(errors_after(&|_| ()), []);
    assert_eq!(errors_after(&|stack| stack["database_server"]["tls"] = json!(true)), error_at("database_server.tls"));
    assert_eq!(
        errors_after(&|stack| stack["database_server"]["settings"] = json!({ "work_mem": "9MB" })),
        error_at("database_server.settings.work_mem")
    );
    assert_eq!(
        errors_after(&|stack| stack["database_server"]["external"]["addresses"] = json!([])),
        error_at("database_server.external.addresses")
    );
    assert_eq!(
        errors_after(&|stack| stack["database_server"]["external"]["addresses"] = json!(["0.0.0.0/0"])),
        error_at("database_server.external.addresses[0]")
    );
    assert_eq!(errors_after(&|stack| stack["kubernetes"]["enabled"] = json!(false)), []);
    let replica = json!({ "image": "docker.io/library/postgres:16-alpine", "user": "70:70", "ports": { "pg": 5432 } });
    let replica = errors_after(&|stack| stack["services"]["postgres-replica"] = replica.clone());
    assert!(replica.contains(&(Code::DatabaseEndpoint, "services.postgres-replica".to_owned())), "{replica:?}");
    let admin = errors_after(&|stack| stack["database_server"]["external"]["admin"] = json!("orders"));
    assert_eq!(admin, [(Code::DatabaseTaken, "services.orders".to_owned())]);
}

/// Returns the stack with a service that reads the parts of its connection instead of a URL.
fn with_parts(server: Option<&Value>) -> Value {
    let mut stack = with_databases(&json!({ "main": { "name": "wiki", "extensions": ["citext"] } }));
    let part = |part: &str| json!({ "database_part": { "entry": "main", "part": part } });
    let address = json!({ "join": [part("host"), ":", part("port"), "/", part("name")] });
    stack["services"]["orders"]["env"] = json!({
        "PGHOST": part("host"), "PGPORT": part("port"), "PGUSER": part("user"), "PGPASSWORD": part("password"),
        "PGDATABASE": part("name"), "PGSSLMODE": part("ssl_mode"), "PGSSLROOTCERT": part("authority"), "ADDRESS": address,
    });
    if let Some(server) = server {
        stack["database_server"] = json!({ "external": server });
    }
    stack
}

#[test]
fn a_service_can_read_the_parts_of_its_connection() {
    let parts = |stack: &Value| -> Vec<String> {
        let (plan, findings) = plan(stack);
        assert!(!findings.iter().any(crate::diagnostic::Diagnostic::is_error), "{findings:?}");
        let orders = &plan.services["orders"];
        let values =
            ["ADDRESS", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT"];
        let values = values.map(|name| match &orders.env[name] {
            crate::plan::Value::Text(text) => text.clone(),
            crate::plan::Value::Secret(secret) => format!("secret {secret}"),
        });
        values.into_iter().chain(orders.secret_files.iter().map(ToString::to_string)).collect()
    };
    let authority = "/run/secrets/database_authority";
    assert_eq!(
        parts(&with_parts(Some(&external_server()))),
        [
            "db.example.com:6432/wiki",
            "db.example.com",
            "6432",
            "orders",
            "secret orders_db_password",
            "wiki",
            "verify-full",
            authority,
            "database_authority"
        ]
    );
    let mut local = with_parts(None);
    local["kubernetes"] = json!({ "enabled": false });
    let expected =
        ["postgres:5432/wiki", "postgres", "5432", "orders", "secret orders_db_password", "wiki", "disable", authority];
    assert_eq!(parts(&local), expected);
    // The URL is needed only by pods, which wait for the database with it.
    assert!(!plan(&local).0.secrets.contains_key("orders_main_url"));
    let orders = &plan(&local).0.services["orders"];
    assert!(orders.depends_on.contains_key("postgres") && orders.depends_on.contains_key("postgres-setup"));
}

#[test]
fn a_pod_that_reads_parts_waits_for_its_database_like_others() {
    let files = files(&with_parts(Some(&external_server())));
    let deployment = text(&files, "kubernetes/apps/orders/deployment-orders.yaml");
    for wanted in ["URL_1:citext", "name: orders-main-url", "name: orders-db-password"] {
        assert!(deployment.contains(wanted), "{wanted}: {deployment}");
    }
    let policies = files.iter().filter(|(path, _)| path.as_str().contains("networkpolicy-orders-to-outside"));
    assert_eq!(policies.count(), 1);
}

#[test]
fn a_database_without_a_server_is_a_finding_at_the_server() {
    let mut stack = with_databases(&json!({ "main": {} }));
    stack["services"]["orders"]["env"] = json!({});
    stack["services"]["orders"]["depends_on"] = json!({});
    stack["databases"] = json!({ "shop": { "tables": {} } });
    stack["services"]["postgres"]["enabled"] = json!(false);
    let findings = plan(&stack).1;
    let finding = findings.iter().find(|finding| finding.path.to_string() == "services.postgres.enabled");
    let finding = finding.unwrap_or_else(|| panic!("{findings:?}"));
    let related: Vec<String> = finding.related.iter().map(|related| related.path.to_string()).collect();
    assert_eq!(finding.code, Code::DisabledDependency);
    assert_eq!(related, ["services.orders.databases", "databases.shop"]);
}

#[test]
fn a_database_that_is_no_longer_used_is_a_warning() {
    let two_databases = with_databases(&json!({ "main": {}, "archive": { "name": "archive" } }));
    let one_database = with_databases(&json!({ "main": {} }));
    let mut no_databases = with_databases(&json!({}));
    no_databases["services"]["orders"]["env"] = json!({});
    let statements = |stack: &Value| text(&files(stack), "postgres/setup/setup.sql").into_bytes();
    let warnings = |old: &Value, new: &Value| {
        let (plan, _) = plan(new);
        let warnings = upgrade_warnings(&plan, &statements(old), &statements(new));
        warnings.into_iter().map(|warning| (warning.is_error(), warning.message)).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&one_database, &two_databases), []);
    let removal_warnings = warnings(&two_databases, &one_database);
    assert!(
        matches!(removal_warnings.as_slice(), [(false, message)] if message.contains("`archive`")),
        "{removal_warnings:?}"
    );
    let removal_warnings = warnings(&one_database, &no_databases);
    assert!(
        matches!(removal_warnings.as_slice(), [(false, message)] if message.contains("role `orders`")),
        "{removal_warnings:?}"
    );
}

/// Both services stay in the stack, so no role is removed.
#[test]
fn a_database_that_passes_to_a_different_service_is_named_with_the_commands_for_its_tables() {
    let (plan, _) = plan(&with_databases(&json!({ "main": {} })));
    let statements = |owner: &str| {
        format!("-- Databases: archive\n-- Roles: orders reports\nALTER DATABASE \"archive\" OWNER TO \"{owner}\";\n")
            .into_bytes()
    };
    assert_eq!(upgrade_warnings(&plan, &statements("orders"), &statements("orders")).len(), 0);
    let warnings = upgrade_warnings(&plan, &statements("orders"), &statements("reports"));
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.message.contains("`orders` still owns its tables"), "{warning:?}");
    for part in [
        "after the job `postgres-setup` has run, give its tables to the new owner: ",
        "-d archive -c 'REASSIGN OWNED BY \"orders\" TO \"reports\"'`; then run the job `postgres-setup` again",
    ] {
        assert!(warning.hint.contains(part), "{warning:?}");
    }
}

#[test]
fn commands_about_removed_databases_open_an_existing_database_of_the_server() {
    let hint = |stack: &Value| {
        let (plan, _) = plan(stack);
        let (old, new) = (b"-- Databases: shop archive\n-- Roles: a\n", b"-- Databases: shop\n-- Roles: a\n");
        let warnings = upgrade_warnings(&plan, old, new);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings[0].hint.clone()
    };
    let start = "to remove it after a backup: ";
    let end = " -c 'DROP DATABASE \"archive\"'`";
    let mut stack = with_databases(&json!({ "main": {} }));
    assert_eq!(
        hint(&stack),
        format!("{start}`kubectl exec --namespace shop-prod statefulset/postgres -- psql -U postgres{end}")
    );
    stack["kubernetes"] = json!({});
    assert_eq!(
        hint(&stack),
        format!("{start}`docker compose -f deploy/prod/compose.yaml exec -T postgres psql -U postgres{end}")
    );
    let tls = "PGSSLMODE=verify-full PGSSLROOTCERT=deploy/prod/secrets/database_authority";
    assert_eq!(
        hint(&with_external_server(&external_server())),
        format!("{start}`{tls} psql -h db.example.com -p 6432 -U owner_of_all -d postgres{end}")
    );
    let mut server = external_server();
    server["port"] = json!(5432);
    server["database"] = json!("admin_db");
    assert_eq!(
        hint(&with_external_server(&server)),
        format!("{start}`{tls} psql -h db.example.com -U owner_of_all -d admin_db{end}")
    );
}

#[test]
fn a_definition_cannot_have_the_schema_of_a_service() {
    let errors_of = |schema: &str, table: &str| {
        let mut stack = with_databases(&json!({ "main": { "access": "schema", "schema": "orders" } }));
        stack["databases"]["shop"] = json!({
            "schemas": { schema: {} },
            "tables": { "members": {
                "columns": { "id": { "type": "uuid" } }, "primary_key": ["id"],
                "foreign_keys": { "f": { "columns": ["id"], "references": { "table": table, "columns": ["id"] } } },
            } },
        });
        let errors =
            errors(&stack).into_iter().filter(|(code, _)| [Code::ServiceSchema, Code::SchemaInvalid].contains(code));
        errors.map(|(code, path)| format!("{code} {path}")).collect::<Vec<_>>()
    };
    let table = "databases.shop.tables.members.foreign_keys.f.references.table";
    assert_eq!(errors_of("orders", "members"), ["NS767 databases.shop.schemas.orders"]);
    assert_eq!(errors_of("nself", "members"), ["NS767 databases.shop.schemas.nself"]);
    assert_eq!(errors_of("sales", "orders.items"), [format!("NS767 {table}")], "the hint to declare the table is gone");
    assert_eq!(errors_of("sales", "itms"), [format!("NS710 {table}")]);
    assert_eq!(errors_of("sales", "members"), [""; 0]);
}

#[test]
fn access_to_a_schema_needs_the_schema() {
    let errors_of = |schema: &str| {
        let mut stack = with_databases(&json!({
            "main": { "access": "read", "schema": schema }, "own": { "access": "schema", "schema": "orders" },
        }));
        stack["databases"]["shop"] = json!({ "schemas": { "audit": {} }, "tables": {} });
        let errors = errors(&stack).into_iter().filter(|(code, _)| *code == Code::UnknownSchema);
        errors.map(|(_, path)| path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(errors_of("audits"), ["services.orders.databases.main.schema"]);
    for schema in ["audit", "orders", "public"] {
        assert_eq!(errors_of(schema), [""; 0], "{schema}");
    }
}

#[test]
fn rights_in_schemas_are_granted_after_their_creation() {
    let mut stack = with_databases(&json!({
        "main": { "access": "read", "schema": "audit" }, "own": { "access": "schema", "schema": "orders" },
    }));
    stack["databases"]["shop"] = json!({ "schemas": { "audit": {} }, "tables": {} });
    let (plan, _) = plan(&stack);
    let files = generate(&plan).unwrap();
    let grant = "GRANT USAGE ON SCHEMA \"audit\" TO \"orders\";";
    let setup = text(&files, "postgres/setup/setup.sql");
    let guarded = setup.split_once("WHERE nspname = 'audit') AS nself_exists").map(|(_, rest)| rest);
    assert!(guarded.is_some_and(|rest| rest.contains(grant)), "{setup}");
    assert!(setup.contains(r#"["connect - -","read audit shop_migrations","use public -"]"#), "{setup}");
    let run = text(&files, "migrations/shop/run.sql");
    assert!(run.find(grant).is_some_and(|grant| grant < run.find("INSERT INTO nself.catalog").unwrap()), "{run}");
}

#[test]
fn the_setup_job_knows_what_the_stack_grants() {
    let mut stack = with_databases(&json!({ "main": { "access": "read" } }));
    stack["databases"]["shop"] = json!({ "tables": { "members": {
        "columns": { "id": { "type": "uuid" } }, "primary_key": ["id"], "grants": { "orders": ["insert"] },
    } } });
    let (plan, _) = plan(&stack);
    let setup = text(&generate(&plan).unwrap(), "postgres/setup/setup.sql");
    assert!(setup.contains(r#""orders":["connect - -","read public shop_migrations"]"#), "{setup}");
    assert!(setup.contains(r#"[["orders","TABLE","INSERT",false,"\"public\".\"members\""]]"#), "{setup}");
    let in_order = ["BEGIN;", "TO \"orders\";", "\\ir revoke.sql", "COMMIT;"];
    let database = &setup[setup.find("\\connect shop").unwrap()..];
    let offsets = in_order.map(|part| database.find(part).unwrap_or_else(|| panic!("{part}: {setup}")));
    assert!(offsets.is_sorted(), "{offsets:?}: {setup}");
}

#[test]
fn the_volume_is_where_the_image_of_the_version_has_it() {
    let volume_and_data = |image: &str| {
        let mut stack = stack(&json!({}));
        stack["services"]["postgres"]["image"] = json!(image);
        stack["services"]["postgres"]["env"] = json!({ "PGDATA": "/var/lib/postgresql/data/pgdata" });
        let (plan, _) = plan(&stack);
        let server = &plan.services["postgres"];
        let crate::plan::Value::Text(data) = &server.env["PGDATA"] else { panic!("PGDATA is text") };
        (server.volumes[0].path.to_string(), data.clone())
    };
    let paths = |volume: &str, data: &str| (volume.to_owned(), data.to_owned());
    let below_data = paths("/var/lib/postgresql/data", "/var/lib/postgresql/data/pgdata");
    assert_eq!(volume_and_data("postgres:17-alpine"), below_data);
    assert_eq!(volume_and_data("postgres:18.1-alpine"), paths("/var/lib/postgresql", "/var/lib/postgresql/pgdata"));
    assert_eq!(volume_and_data("a/postgres:main"), below_data);
}

#[test]
fn a_pod_waits_until_its_urls_work() {
    let files = files(&with_databases(&json!({ "main": { "extensions": ["citext", "hstore"] } })));
    let deployment = text(&files, "kubernetes/apps/orders/deployment-orders.yaml");
    for wanted in ["name: postgres-setup", "URL_1:citext,hstore", "name: orders-main-url"] {
        assert!(deployment.contains(wanted), "{wanted}: {deployment}");
    }
    let nginx = text(&files, "kubernetes/apps/nginx/deployment-nginx.yaml");
    assert!(!nginx.contains("postgres-setup"), "{nginx}");
}
