//! The environments of a stack before their layers are merged: which there are, and the profile of each.

use std::collections::BTreeMap;

use super::node::{Node, Value};

/// Environments that every stack has. The profile of each has the same name.
pub const BUILT_IN: [&str; 3] = ["local", "staging", "prod"];

/// Returns the layer of each environment that is not disabled; `None` for a built-in one that the stack does not mention.
pub fn layers(stack: &Node) -> BTreeMap<&str, Option<&Node>> {
    let mut layers: BTreeMap<&str, Option<&Node>> = BUILT_IN.iter().map(|name| (*name, None)).collect();
    if let Some(Value::Record(declared_layers)) = stack.get("environments").map(|entry| &entry.node.value) {
        layers.extend(declared_layers.iter().map(|(name, entry)| (name.as_str(), Some(&entry.node))));
    }
    layers.retain(|_, layer| !layer.is_some_and(is_disabled));
    layers
}

/// Returns whether the layer of an environment disables it.
pub fn is_disabled(layer: &Node) -> bool {
    layer.get("enabled").is_some_and(|entry| entry.node.value == Value::Bool(false))
}

/// Returns the profile of the environment with this name: the one in the first layer that sets it, or the name of a
/// built-in environment. `None` if neither is there.
pub fn profile<'a>(environment: &'a str, layers: &[&'a Node]) -> Option<&'a str> {
    match layers.iter().find_map(|layer| layer.get("profile")).map(|entry| &entry.node.value) {
        Some(Value::Text(profile)) => Some(profile),
        _ => BUILT_IN.contains(&environment).then_some(environment),
    }
}
