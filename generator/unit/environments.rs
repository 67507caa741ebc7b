//! Tests the rules that compare the environments of a stack.

use serde_json::{Value, json};

use super::stack;
use crate::codes::Code;
use crate::plan::unused_settings::check_environments;
use crate::source::decode_json;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};

/// Returns the code and path of each finding about stacks that have one more field.
fn findings(field: &str, environments: &[(&str, Value)]) -> Vec<(Code, String)> {
    let decoded = environments.iter().map(|(name, value)| {
        let mut stack = stack(&json!({}));
        stack[field] = value.clone();
        (EnvironmentName::new(name).unwrap(), decode_json::<Stack>(&stack).unwrap())
    });
    let decoded: Vec<(EnvironmentName, Stack)> = decoded.collect();
    let findings = check_environments(decoded.iter().map(|(name, stack)| (name, stack)));
    findings.iter().map(|finding| (finding.code, finding.path.to_string())).collect()
}

#[test]
fn settings_of_a_cluster_need_an_environment_that_enables_it() {
    let (none, set) = (json!({}), json!({ "storage_class": "fast" }));
    let enabled = json!({ "storage_class": "fast", "enabled": true });
    assert_eq!(findings("kubernetes", &[("prod", none)]), []);
    assert_eq!(
        findings("kubernetes", &[("prod", set.clone())]),
        [(Code::ClusterOff, "kubernetes.storage_class".to_owned())]
    );
    assert_eq!(findings("kubernetes", &[("staging", set), ("prod", enabled)]), []);
}

#[test]
fn seeds_need_an_environment() {
    let seeds = |environment: &str| json!({ "main": { "seeds": { environment: ["SELECT 1;"] } } });
    assert_eq!(
        findings("databases", &[("demo", seeds("prodd"))]),
        [(Code::UnknownEnvironment, "databases.main.seeds.prodd".to_owned())]
    );
    // A built-in environment may be disabled.
    for known in ["demo", "staging"] {
        assert_eq!(findings("databases", &[("demo", seeds(known))]), [], "{known}");
    }
}
