//! Tests of settings in layers.

use super::*;

fn node(value: serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => Value::Integer(number.as_i64().unwrap()),
        Json::String(text) => Value::Text(text),
        Json::Array(items) => Value::Array(items.into_iter().map(node).collect()),
        Json::Object(fields) => Value::Record(
            fields.into_iter().map(|(key, value)| (key, Entry { key: None, node: node(value) })).collect(),
        ),
    };
    Node { value, mark: None }
}

#[test]
fn records_merge_and_everything_else_replaces() {
    let (environments, findings) = environments(&node(serde_json::json!({
        "nself_stack": 1, "domain": "a", "list": [1, 2], "deep": {"x": 1, "y": 2},
        "environments": {"prod": {"domain": "b", "list": [3], "deep": {"y": null, "z": 3}}, "local": {"enabled": false}, "qa": {"profile": "staging"}},
    })));
    assert_eq!(findings, []);
    assert_eq!(environments.keys().collect::<Vec<_>>(), ["prod", "qa", "staging"]);
    let expected = serde_json::json!({"domain": "b", "list": [3], "deep": {"x": 1, "z": 3}, "profile": "prod"});
    assert_eq!(environments["prod"], node(expected));
}

#[test]
fn another_kind_of_a_value_replaces_the_common_one() {
    let (environments, _) = environments(&node(serde_json::json!({
        "services": { "api": {
            "env": { "A": { "database_url": "main" }, "B": { "url": { "service": "x", "path": "/old" } } },
            "health": { "http": { "path": "/" }, "interval": "5s" },
            "files": { "/a": { "text": "x", "mode": "0400" } },
            "route": { "subdomain": "api", "path": "/v1" },
        } },
        "secrets": { "key": { "random": 43 } },
        "environments": { "prod": {
            "services": { "api": {
                "env": { "A": { "pooled_url": "main" }, "B": { "url": { "service": "y" } } },
                "health": { "tcp": {} }, "files": { "/a": { "from": "a.txt" } }, "route": { "host": "api.example.net" },
            } },
            "secrets": { "key": { "external": "of the provider" } },
        } },
    })));
    let expected = serde_json::json!({
        "services": { "api": {
            "env": { "A": { "pooled_url": "main" }, "B": { "url": { "service": "y" } } },
            "health": { "tcp": {}, "interval": "5s" },
            "files": { "/a": { "from": "a.txt", "mode": "0400" } },
            "route": { "host": "api.example.net", "path": "/v1" },
        } },
        "secrets": { "key": { "external": "of the provider" } },
        "profile": "prod",
    });
    assert_eq!(environments["prod"], node(expected));
}

#[test]
fn null_fields_of_a_layer_are_removed() {
    let (environments, _) = environments(&node(serde_json::json!({
        "flat": 1,
        "environments": {"prod": {"new": {"x": null, "y": {"z": null}}, "flat": {"x": null}, "list": [null], "gone": null}},
    })));
    let expected = serde_json::json!({"new": {"y": {}}, "flat": {}, "list": [null], "profile": "prod"});
    assert_eq!(environments["prod"], node(expected));
}

#[test]
fn null_variables_of_the_common_settings_are_removed() {
    let (environments, _) = environments(&node(serde_json::json!({
        "services": { "a": {
            "env": { "X": null, "Y": "1" }, "compose": { "tty": null },
            "processes": { "worker": { "env": { "X": null, "Y": "2" }, "command": null } },
        } },
        "frontends": { "web": { "container": { "env": { "X": null }, "extra_env": { "X": null, "Y": "3" } } } },
        "graphql_endpoints": { "admin": { "env": { "X": null, "Y": "4" } } },
        "environments": {"prod": {}},
    })));
    let expected = serde_json::json!({
        "services": { "a": {
            "env": { "Y": "1" }, "compose": { "tty": null },
            "processes": { "worker": { "env": { "Y": "2" }, "command": null } },
        } },
        "frontends": { "web": { "container": { "env": {}, "extra_env": { "Y": "3" } } } },
        "graphql_endpoints": { "admin": { "env": { "Y": "4" } } },
        "profile": "prod",
    });
    assert_eq!(environments["prod"], node(expected));
}

#[test]
fn a_plugin_is_a_layer_below_the_stack() {
    let stack = serde_json::json!({
        "services": { "postgres": { "image": "p" }, "notify": { "limits": { "memory": "1" }, "env": null } },
        "plugins": { "notify": {
            "services": {
                "notify": { "image": "n", "limits": { "memory": "2", "pids": 3 }, "env": { "A": "1" } },
                "postgres": { "image": "other" },
            },
            "database": { "tables": {} },
            "hooks": { "before_start": { "image": "n" } },
        } },
        "environments": {
            "local": { "enabled": false },
            "prod": { "services": { "notify": { "image": "mirror/n" } } },
            "staging": { "plugins": { "notify": { "enabled": false } } },
        },
    });
    let (environments, findings) = environments(&node(stack));
    let codes: Vec<_> = findings.iter().map(|finding| (finding.code, finding.path.to_string())).collect();
    assert_eq!(codes, [(Code::NameTaken, "plugins.notify.services.postgres".to_owned())]);
    let expected = serde_json::json!({
        "services": {
            "postgres": { "image": "p" },
            "notify": { "image": "mirror/n", "limits": { "memory": "1", "pids": 3 } },
            "notify-before-start": { "image": "n", "run": "once" },
        },
        "databases": { "np_notify": { "tables": {} } },
        "secrets": {},
        "plugins": { "notify": {
            "services": ["notify", "postgres"], "database": "np_notify",
            "hooks": { "before_start": "notify-before-start" },
        } },
        "profile": "prod",
    });
    assert_eq!(environments["prod"], node(expected));
    let without = serde_json::json!({
        "services": { "postgres": { "image": "p" } },
        "plugins": { "notify": { "enabled": false } },
        "profile": "staging",
    });
    assert_eq!(environments["staging"], node(without));
}

#[test]
fn a_value_that_failed_has_no_effect() {
    let mut base = node(serde_json::json!({"services": {"orders": {"port": 1}}}));
    let mut layer = node(serde_json::json!({"services": {"orders": 0}}));
    if let Value::Record(fields) = &mut layer.value
        && let Some(Entry { node: Node { value: Value::Record(services), .. }, .. }) = fields.get_mut("services")
    {
        services.insert("orders".into(), Entry { key: None, node: Node { value: Value::Broken, mark: None } });
    }
    merge(&mut base, layer);
    assert_eq!(base, node(serde_json::json!({"services": {"orders": {"port": 1}}})));
}

#[test]
fn the_memory_of_all_environments_together_is_limited() {
    let text = |bytes: usize| node(serde_json::json!({ "text": "x".repeat(bytes) }));
    let refusal = |number: usize, common: usize, layer: usize| {
        let layers = (0..number).map(|i| (format!("e{i}"), text(layer))).collect();
        oversize_finding(&text(common), &layers, 1 << 20)
    };
    assert_eq!(refusal(100, 10_000, 0), None);
    assert_eq!(refusal(100, 0, 10_000), None);
    for (number, common, layer) in [(110, 10_000, 0), (110, 0, 10_000), (5_000, 0, 0), (1, 0, 1 << 20)] {
        let finding = refusal(number, common, layer).unwrap();
        assert_eq!((finding.code, finding.path), (Code::EvaluationLimit, path!("environments")));
    }
}

#[test]
fn an_additional_environment_needs_a_profile() {
    let (environments, findings) = environments(&node(serde_json::json!({"environments": {"qa": {}}})));
    assert!(!environments.contains_key("qa"));
    assert_eq!(findings[0].code, Code::EnvironmentProfile);
}
