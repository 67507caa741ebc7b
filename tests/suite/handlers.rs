//! Requests of Hasura that services answer. Hasura's engine cannot be installed for tests, so its published types check
//! the metadata, and GraphQL's reference implementation reads the signatures.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::graphql::{assert_type, metadata, read};
use crate::support::{ProcessOutput, golden, name, nself_in, project, run, stack, tool};

/// Returns the signatures and types of `actions.graphql`; `None` without the tool.
fn signatures(folder: &Path) -> Option<Value> {
    let tools = tool("metadata")?;
    let mut reader = Command::new("node");
    reader.arg("tests/metadata/signatures.cjs").arg(tools.join("node_modules")).arg(folder.join("actions.graphql"));
    let output = run(reader.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(output.code, 0, "{}", output.stderr);
    Some(serde_json::from_str(&output.stdout).unwrap())
}

/// Returns the metadata of a folder with its calls, joined as Hasura's command line does.
fn with_calls(folder: &Path) -> Option<Value> {
    let Value::Object(read_signatures) = signatures(folder)? else { panic!("not an object") };
    let mut value = metadata(folder);
    let mut actions = read(&folder.join("actions.yaml"))["actions"].clone();
    let action_list = actions.as_array_mut().unwrap();
    assert_eq!(
        action_list.len(),
        read_signatures["signatures"].as_object().unwrap().len(),
        "each action has a signature"
    );
    for action in action_list {
        let signature = &read_signatures["signatures"][action["name"].as_str().unwrap()];
        for (key, part) in signature.as_object().expect("a signature") {
            action["definition"][key] = part.clone();
        }
    }
    let mut remote_schemas = read(&folder.join("remote_schemas.yaml"));
    for remote in remote_schemas.as_array_mut().unwrap() {
        let of = remote["name"].clone();
        for permission in remote["permissions"].as_array_mut().into_iter().flatten() {
            permission["remote_schema_name"] = of.clone();
        }
    }
    let all = &mut value["metadata"];
    all["actions"] = actions;
    all["custom_types"] = read_signatures["custom_types"].clone();
    all["cron_triggers"] = read(&folder.join("cron_triggers.yaml"));
    all["remote_schemas"] = remote_schemas;
    Some(value)
}

/// Removes and returns the parts that this version of the published types does not contain: event triggers of tables
/// and timeouts of actions.
fn remove_unpublished(metadata: &mut Value) -> Vec<Value> {
    let all = &mut metadata["metadata"];
    for action in all["actions"].as_array_mut().unwrap() {
        let timeout = action["definition"].as_object_mut().unwrap().remove("timeout").unwrap();
        assert!(timeout.as_u64().is_some_and(|seconds| seconds > 0), "{timeout}");
    }
    let sources = all["sources"].as_array_mut().unwrap().iter_mut();
    let tables = sources.flat_map(|source| source["tables"].as_array_mut().unwrap());
    let triggers = tables.filter_map(|table| table.as_object_mut().unwrap().remove("event_triggers"));
    triggers.flat_map(|list| list.as_array().unwrap().clone()).collect()
}

/// Returns the result of the published converter for the event triggers.
fn reads_triggers(triggers: &Value) -> Option<ProcessOutput> {
    let modules = tool("metadata")?.join("node_modules");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), triggers.to_string()).unwrap();
    let mut reader = Command::new("node");
    reader.arg("tests/metadata/event_triggers.cjs").arg(modules).arg(file.path());
    Some(run(reader.current_dir(env!("CARGO_MANIFEST_DIR"))))
}

fn handlers_case() -> std::path::PathBuf {
    golden(false).into_iter().find(|case| name(case) == "hasura-handlers").unwrap().join("out/local/hasura")
}

#[test]
fn metadata_with_calls_has_the_published_type() {
    let Some(mut good) = with_calls(&handlers_case().join("hasura")) else { return };
    let triggers = json!(remove_unpublished(&mut good));
    assert_eq!(triggers.as_array().unwrap().len(), 1);
    let Some(output) = reads_triggers(&triggers) else { return };
    assert_eq!(output.code, 0, "{}", output.stderr);
    let bad: Value = serde_json::from_str(&triggers.to_string().replace("retry_conf", "retries")).unwrap();
    assert!(reads_triggers(&bad).unwrap().code != 0, "a known-bad control was accepted");
    // Known-bad controls: keys and values that Hasura does not know.
    assert_type(
        &good,
        &[
            ("\"webhook\"", "\"url\""),
            ("\"asynchronous\"", "\"async\""),
            ("\"include_in_metadata\"", "\"in_metadata\""),
            ("\"handler\"", "\"handlers\""),
            ("\"root_fields_namespace\"", "\"namespace\""),
            ("\"output_type\"", "\"output\""),
        ],
    );
}

#[test]
fn a_call_reaches_the_service_with_its_secret_in_a_variable() {
    let folder = handlers_case().join("hasura");
    let actions = read(&folder.join("actions.yaml"));
    let definition = &actions["actions"][0]["definition"];
    assert_eq!(definition["handler"], "http://orders:8001/actions/checkout");
    assert_eq!(
        definition["headers"],
        json!([{ "name": "X-Webhook-Key", "value_from_env": "NSELF_HEADER_WEBHOOK_KEY" }])
    );
    let compose: Value =
        serde_yaml_ng::from_str(&fs::read_to_string(handlers_case().parent().unwrap().join("compose.yaml")).unwrap())
            .unwrap();
    let hasura = &compose["services"]["hasura"];
    assert!(
        hasura["environment"]["NSELF_HEADER_WEBHOOK_KEY"].as_str().unwrap().starts_with("${WEBHOOK_KEY"),
        "{hasura}"
    );
    let copy = &compose["services"]["hasura-partners"];
    assert!(copy["environment"]["NSELF_HEADER_WEBHOOK_KEY"].is_null(), "a copy has no secrets of other calls");
}

#[test]
fn an_endpoint_serves_its_own_part_of_the_api() {
    let part = handlers_case().join("hasura-partners");
    let tables = read(&part.join("databases/databases.yaml"))[0]["tables"].clone();
    let names: Vec<&str> = tables.as_array().unwrap().iter().map(|it| it["table"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["order_lines", "orders"]);
    let text = tables.to_string();
    assert!(!text.contains("customer") && !text.contains("total"), "other roles, tables and columns: {text}");
    assert!(!text.contains("event_triggers"), "a copy would send each event again");
    assert_eq!(read(&part.join("cron_triggers.yaml")), json!([]), "a copy would call each cron trigger again");
    assert_eq!(read(&part.join("remote_schemas.yaml")), json!([]));
    let Some(mut value) = with_calls(&part) else { return };
    assert_eq!(remove_unpublished(&mut value), [] as [Value; 0]);
    assert_eq!(value["metadata"]["actions"].as_array().unwrap().len(), 1);
    assert_type(&value, &[]);
    // The original serves everything.
    let all = read(&handlers_case().join("hasura/databases/databases.yaml"))[0]["tables"].to_string();
    assert!(all.contains("customers") && all.contains("total") && all.contains("event_triggers"));
}

#[test]
fn the_network_policies_of_a_cluster_allow_the_calls() {
    let case = project(&golden(false).into_iter().find(|case| name(case) == "hasura-handlers").unwrap());
    let text = fs::read_to_string(case.path().join("stack.ncl")).unwrap();
    let text = text
        .replace("  project = ", "  kubernetes = nself.clusters.gateway \"envoy\" & { enabled = true },\n  project = ");
    fs::write(case.path().join("stack.ncl"), text).unwrap();
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let admitted = |name: &str| case.path().join(format!("deploy/local/kubernetes/apps/{name}")).exists();
    for hasura in ["hasura", "hasura-partners"] {
        assert!(admitted(&format!("orders/networkpolicy-orders-from-{hasura}-8001.yaml")), "{hasura}");
        assert!(admitted(&format!("{hasura}/networkpolicy-{hasura}-to-orders-8001.yaml")), "{hasura}");
    }
}

#[test]
fn a_stack_without_calls_has_no_metadata_folder() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    assert_eq!(nself_in(case.path(), ["gen", "--env", "local"]).code, 0);
    assert!(!case.path().join("deploy/local/hasura").exists());
}
