//! Bundles: parts of a stack that the library has, such as the services of monitoring. A bundle is one more layer, below
//! all layers of the user, in environments that include it. Plugins are bundles of the project (`plugins.rs`).

use std::collections::BTreeMap;

use super::node::{Entry, Node, Value};

/// The field of a stack with the library's bundles.
pub const FIELD: &str = "nself_bundles";
/// The field of a bundle with its layer.
const LAYER: &str = "layer";
/// The field of a bundle with further layers by size.
const SIZES: &str = "sizes";
/// Fields of which every service that runs has one.
const SOURCES: [&str; 3] = ["image", "build", "layout"];

/// Returns the bundles by name.
pub fn of(bundles: &Node) -> impl Iterator<Item = (&str, &Node)> {
    fields(bundles).map(|(name, entry)| (name.as_str(), &entry.node))
}

fn fields(node: &Node) -> impl Iterator<Item = (&String, &Entry)> {
    let fields = if let Value::Record(fields) = &node.value { Some(fields) } else { None };
    fields.into_iter().flatten()
}

/// An environment's settings about bundles, read before the layers are merged.
pub struct Settings<'a> {
    /// The common settings and the environment's, in the order in which they are merged.
    layers: [&'a Node; 2],
}

impl<'a> Settings<'a> {
    pub fn read(layers: [&'a Node; 2]) -> Self {
        Settings { layers }
    }

    /// Returns a field of a bundle's settings: the environment's own, or the common one.
    fn setting(&self, bundle: &str, field: &str) -> Option<&'a Value> {
        let own = self.layers.iter().rev().filter_map(|layer| layer.get(bundle)?.node.get(field));
        own.map(|entry| &entry.node.value).next()
    }

    /// Tells whether the environment includes a bundle: as it sets `enabled`.
    pub fn include(&self, bundle: &str) -> bool {
        matches!(self.setting(bundle, "enabled"), Some(Value::Bool(true)))
    }

    /// Returns the layers of a bundle with this name, the most specific first.
    pub fn layers<'b>(&self, name: &str, bundle: &'b Node) -> impl Iterator<Item = &'b Node> + use<'b> {
        let size = match self.setting(name, "size") {
            Some(Value::Text(size)) => size,
            _ => "small",
        };
        let sized = bundle.get(SIZES).and_then(|sizes| sizes.node.get(size));
        sized.into_iter().chain(bundle.get(LAYER)).map(|entry| &entry.node)
    }
}

/// Returns whether a record is a service that could run, and not only replaces fields of a bundle's service.
pub fn is_service(service: &Node) -> bool {
    SOURCES.iter().any(|source| service.get(source).is_some())
}

/// Adds the fields of a bundle's layer that the stack does not set; the stack removes one with `null`.
pub fn complete(stack: &mut Node, layer: &Node) {
    let (Value::Record(stack), Value::Record(layer)) = (&mut stack.value, &layer.value) else { return };
    for (key, entry) in layer {
        match stack.get_mut(key) {
            Some(set) if set.node.value == Value::Null => {
                stack.remove(key);
            }
            Some(set) => complete(&mut set.node, &entry.node),
            None => {
                stack.insert(key.clone(), entry.clone());
            }
        }
    }
}

/// Removes fields that the stack sets for services of a bundle which the environment does not include. A service of the
/// user with the same name sets an image and stays.
pub fn remove_overrides(stack: &mut Node, layer: &Node) {
    let Some(bundled) = layer.get("services") else { return };
    let names: BTreeMap<&String, &Entry> = fields(&bundled.node).collect();
    let Value::Record(stack) = &mut stack.value else { return };
    let Some(Value::Record(services)) = stack.get_mut("services").map(|entry| &mut entry.node.value) else { return };
    services.retain(|name, service| !names.contains_key(name) || is_service(&service.node));
}
