//! Checks the YAML writer with two independent readers, of YAML 1.1 and of YAML 1.2.

use std::collections::BTreeMap;
use std::process::Command;

use nself::artifact::yaml::to_yaml;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::{run, tool};

/// Generates values like those of configuration files, with all kinds of keys and texts.
fn values() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[yYnN]|yes|No|on|OFF|true|Null|~|<<|=|0[0-7]{1,3}|[0-9]e[0-9]|1:30:00|0x1F|1_000|[.]inf|2026-01-01",
        "[\u{80}-\u{a0}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}\u{202a}-\u{202e}]{1,3}",
    ];
    let text = word.clone().prop_map(Value::String);
    let leaf = prop_oneof![4 => text, 1 => any::<bool>().prop_map(Value::Bool), 1 => any::<i64>().prop_map(Value::from), 1 => floats().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(word.clone(), inner, 0..4)
                .prop_map(|fields: BTreeMap<String, Value>| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Generates floats of every size, with and without a fraction.
fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
        (-1000..1000_i32).prop_map(f64::from),
        Just(1e300),
    ]
}

/// Generates keys and texts around the length at which a key needs an explicit `?`, with all kinds of nested values.
fn long() -> Vec<Value> {
    let mut values = Vec::new();
    for length in (1018..1030).chain([70_000]) {
        for key in ["k".repeat(length), "\u{e9}".repeat(length), "\u{1}".repeat(length / 4)] {
            let inner = serde_json::json!({ &key: [{ &key: { "a": [] } }, &key], "b": { &key: key } });
            values.push(serde_json::json!([inner, { &key: inner }, { &key: {} }]));
        }
    }
    values
}

/// Returns cases that are the same in every run.
fn cases(count: usize) -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| values().new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn a_reader_of_yaml_1_2_gets_every_value_back() {
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let read = |text: &str| {
        serde_yaml_ng::from_str::<Value>(text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))
    };
    runner
        .run(&values(), |value| {
            let text = to_yaml(&value).unwrap();
            prop_assert_eq!(read(&text)?, value, "{}", text);
            Ok(())
        })
        .unwrap();
    for value in long() {
        let text = to_yaml(&value).unwrap();
        assert!(read(&text).unwrap() == value, "{}", &text[..200]);
    }
    // Known-bad control: without quotes, the readers return different values.
    let naive = |value: &Value| read(&to_yaml(value).unwrap().replace('"', "")).is_ok_and(|again| again == *value);
    assert!(cases(500).iter().filter(|value| !naive(value)).count() > 50);
}

#[test]
fn a_reader_of_yaml_1_1_gets_every_value_back() {
    let Some(python) = tool("venv/bin/python") else { return };
    let folder = tempfile::tempdir().unwrap();
    let compare = |written: &[(Value, String)]| {
        let cases: Vec<Value> = written.iter().map(|(value, text)| serde_json::json!([value, text])).collect();
        let path = folder.path().join("cases.json");
        std::fs::write(&path, Value::Array(cases).to_string()).unwrap();
        let script = "import json, sys, yaml\nbad = 0\nfor value, text in json.load(open(sys.argv[1])):\n    try:\n        bad += yaml.safe_load(text) != value\n    except yaml.YAMLError:\n        bad += 1\nprint(bad)";
        let output = run(Command::new(&python).args(["-c", script]).arg(&path));
        output.stdout.trim().parse::<usize>().unwrap_or_else(|_| panic!("{}", output.stderr))
    };
    let written: Vec<(Value, String)> =
        cases(2000).into_iter().chain(long()).map(|value| (value.clone(), to_yaml(&value).unwrap())).collect();
    assert_eq!(compare(&written), 0);
    // Known-bad control: without quotes, the readers return different values.
    let naive: Vec<(Value, String)> = written.into_iter().map(|(value, text)| (value, text.replace('"', ""))).collect();
    assert!(compare(&naive) > 100);
}
