//! Tests the metadata of Hasura, and the services that answer its calls.

use super::{additions, name, stack, stack_with_orders, waits_for, with_fields, with_roster};
use crate::diagnostic::Code;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::{databases, definitions, graphql, mail, migrations, secrets, variables};
use crate::plan::wiring::{Addition, AspectResults, Planned};
use crate::plan::{HasuraMetadata, Value as PlannedValue};
use crate::stack::Condition;
use crate::values::{Checked, SecretName, ServiceName, VariableName};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Plans the metadata of a stack whose Hasura serves the database `shop`.
fn with_metadata<T>(stack: &Value, test: impl FnOnce(Planned<BTreeMap<ServiceName, HasuraMetadata>>) -> T) -> T {
    with_roster(stack, |inputs, roster| {
        let mut outcome = AspectResults::default();
        let server = outcome.collect(databases::plan(inputs.stack, roster));
        let definitions = outcome.collect(definitions::plan(inputs.stack, &server));
        let declared_secrets = outcome.collect(secrets::plan(inputs.stack, roster, &server));
        let addresses = outcome.collect(Addresses::plan(inputs, roster));
        let mail = mail::plan(inputs, roster, &declared_secrets).value;
        outcome.collect(variables::plan(inputs, roster, &addresses, &mail, &declared_secrets));
        let (stack, addresses, secrets, mail) = (inputs.stack, &addresses, &declared_secrets, &mail);
        let stack_parts = graphql::StackParts { inputs, stack, roster, addresses, secrets, mail };
        test(graphql::plan(&stack_parts, &definitions, &outcome.wirings))
    })
}

/// Returns a stack with a Hasura that serves the database `shop` and gets its URL from a reference of this kind, such as
/// `database_url`.
fn stack_with_hasura(reference: &str) -> Value {
    let catalogue = "hasura";
    let mut stack = stack(&json!({ "hasura": {
        "catalogue": catalogue, "image": "a/hasura:1", "port": 8080, "databases": { "main": {} },
        "extra_env": { "URL": { reference: "main" } },
    } }));
    stack["databases"] = json!({ "shop": { "served_by": "hasura" } });
    stack
}

#[test]
fn a_definition_is_served_by_a_hasura_service_with_its_url() {
    let counts = |reference: &str| {
        with_metadata(&stack_with_hasura(reference), |planned| {
            (planned.value.len(), planned.findings.len(), additions(&planned, "hasura").len())
        })
    };
    // The numbers of Hasura services with metadata, of findings, and of additions to `hasura`.
    assert_eq!(counts("database_url"), (1, 0, 3));
    assert_eq!(counts("secret"), (0, 1, 0));
}

#[test]
fn a_source_has_the_url_of_the_server_before_that_of_the_replica() {
    let mut stack = stack_with_hasura("database_url");
    stack["services"]["postgres-replica"] = json!({ "image": "a/postgres:1" });
    stack["services"]["hasura"]["extra_env"]["A_READ_URL"] = json!({ "replica_url": "main" });
    let variable = |stack: &Value| {
        with_metadata(stack, |planned| planned.value[&name("hasura")].sources[0].variable.as_str().to_owned())
    };
    assert_eq!(variable(&stack), "URL");
    stack["services"]["hasura"]["extra_env"].as_object_mut().unwrap().remove("URL");
    assert_eq!(variable(&stack), "A_READ_URL");
}

#[test]
fn a_hasura_connects_to_the_service_that_answers_its_calls() {
    let mut stack = stack_with_hasura("database_url");
    stack["secrets"] = json!({ "webhook_key": { "random": 43 } });
    stack["services"]["jobs"] = json!({ "image": "a/jobs:1", "port": 8001, "hasura": { "crons": { "nightly": {
        "schedule": "0 3 * * *", "call": { "headers": { "X-Key": { "secret": "webhook_key" } } },
    } } } });
    let secret_name = |key: &str| SecretName::wrap(key.to_owned());
    with_metadata(&stack, |planned| {
        assert!(planned.findings.is_empty(), "{:?}", planned.findings);
        let additions = additions(&planned, "hasura");
        assert!(additions.contains(&Addition::Connection { to: name("jobs"), port: 8001 }));
        let variable = VariableName::wrap("NSELF_HEADER_WEBHOOK_KEY".into());
        assert!(additions.contains(&Addition::Variable(variable, PlannedValue::Secret(secret_name("webhook_key")))));
        let crons = &planned.value[&name("hasura")].crons;
        assert_eq!(crons[0].webhook, "http://jobs:8001/crons/nightly");
    });
    stack["secrets"] = json!({});
    with_metadata(&stack, |planned| {
        assert_eq!(planned.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::UnknownSecret]);
        assert!(planned.value[&name("hasura")].crons.is_empty());
    });
}

#[test]
fn a_hasura_waits_for_remote_schemas_and_limits_roles_to_their_permissions() {
    let wait_and_findings = |fields: &Value, variable: Option<&str>| {
        let mut stack = stack_with_hasura("database_url");
        let service =
            json!({ "image": "a/cms:1", "port": 8001, "hasura": { "remote_schema": { "namespace": "cms" } } });
        stack["services"]["cms"] = with_fields(service, fields);
        if let Some(value) = variable {
            let name = "HASURA_GRAPHQL_ENABLE_REMOTE_SCHEMA_PERMISSIONS";
            stack["services"]["hasura"]["extra_env"][name] = json!(value);
        }
        with_metadata(&stack, |planned| {
            let wait = additions(&planned, "hasura").into_iter().find_map(|addition| match addition {
                Addition::Dependency(to, condition) if to.as_str() == "cms" => Some(condition),
                _ => None,
            });
            let limits_roles = additions(&planned, "hasura").iter().any(|addition| {
                matches!(addition, Addition::DefaultVariable(name, PlannedValue::Text(value))
                    if name.as_str() == "HASURA_GRAPHQL_ENABLE_REMOTE_SCHEMA_PERMISSIONS" && value.as_str() == "true")
            });
            (wait, limits_roles, planned.findings.iter().map(|finding| finding.code).collect::<Vec<_>>())
        })
    };
    let healthy = json!({ "health": { "http": { "path": "/h" } } });
    assert_eq!(wait_and_findings(&healthy, None), (Some(Condition::Healthy), true, vec![]));
    // A default variable does not replace the value of the stack.
    assert_eq!(wait_and_findings(&healthy, Some("false")), (Some(Condition::Healthy), true, vec![]));
    let without_check = wait_and_findings(&json!({}), None);
    assert_eq!(without_check, (Some(Condition::Started), true, vec![Code::NoHealth]));
    let with_reason = wait_and_findings(&json!({ "health": { "none": "no endpoint" } }), None);
    assert_eq!(with_reason, (Some(Condition::Started), true, vec![]));
    // A service without a remote schema does not delay Hasura.
    with_metadata(&stack_with_hasura("database_url"), |planned| {
        assert!(!additions(&planned, "hasura").iter().any(|addition| matches!(addition, Addition::Dependency(..))));
    });
}

#[test]
fn migrations_let_hasura_create_triggers_on_the_tables_of_its_events() {
    let tables = |events: &Value| {
        let mut stack = stack_with_hasura("database_url");
        stack["databases"]["shop"]["tables"] = json!({
            "orders": { "columns": { "id": { "type": "bigint" } }, "primary_key": ["id"] },
            "members": { "columns": { "id": { "type": "bigint" } }, "primary_key": ["id"] },
        });
        stack["services"]["jobs"] = json!({ "image": "a/jobs:1", "port": 8001, "hasura": { "events": events } });
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).value;
            let definitions = definitions::plan(inputs.stack, &server);
            let planned =
                migrations::plan(inputs, roster, &server.databases, &definitions.value, &definitions.findings);
            let events = planned.value.migrations.values().next().unwrap().events.clone().unwrap();
            assert_eq!(events.role.as_str(), "hasura");
            events.tables.iter().map(|table| table.as_str().to_owned()).collect::<Vec<_>>()
        })
    };
    assert_eq!(tables(&json!({ "paid": { "table": "orders", "on": ["update"] } })), ["orders"]);
    // Hasura loses the right on a table without events, so the role is planned, too.
    assert_eq!(tables(&json!({})), [""; 0]);
}

#[test]
fn an_event_needs_a_database_in_which_hasura_has_a_schema() {
    let codes = |access: &str| {
        let mut stack = stack_with_hasura("database_url");
        stack["services"]["hasura"]["databases"]["main"]["access"] = json!(access);
        stack["services"]["jobs"] = json!({ "image": "a/jobs:1", "port": 8001, "hasura": { "events": {
            "paid": { "table": "orders", "on": ["update"] },
        } } });
        stack["databases"]["shop"]["tables"] = json!({
            "orders": { "columns": { "id": { "type": "bigint" } }, "primary_key": ["id"] },
        });
        with_metadata(&stack, |planned| planned.findings.iter().map(|finding| finding.code).collect::<Vec<_>>())
    };
    assert_eq!(codes("owner"), []);
    assert_eq!(codes("write"), [Code::ApiMismatch]);
}

#[test]
fn a_definition_without_tables_needs_a_service_that_uses_its_database() {
    let findings_jobs_and_wait = |fields: &Value| {
        let mut stack = stack_with_orders(fields);
        stack["databases"] = json!({ "shop_orders": {} });
        with_roster(&stack, |inputs, roster| {
            let server = databases::plan(inputs.stack, roster).value;
            let definitions = definitions::plan(inputs.stack, &server);
            let planned_migrations =
                migrations::plan(inputs, roster, &server.databases, &definitions.value, &definitions.findings);
            let waits = waits_for(&additions(&planned_migrations, "orders"), "migrate-shop-orders");
            (definitions.findings.len(), planned_migrations.value.jobs.len(), waits)
        })
    };
    // The number of findings, the number of jobs that migrate, and whether `orders` waits for the job.
    assert_eq!(findings_jobs_and_wait(&json!({ "databases": { "main": { "name": "shop_orders" } } })), (0, 1, true));
    assert_eq!(findings_jobs_and_wait(&json!({})), (1, 0, false));
}
