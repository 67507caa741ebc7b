//! Bundles: parts of a stack that the library provides, such as the services of monitoring. In environments that
//! include it, a bundle is one more layer, below all layers of the user. Plugins are bundles of the project
//! (`plugins.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::node::{Entry, Node, Value};
use super::program::NickelProgram;

/// The setting that includes a bundle.
const ENABLED: &str = "enabled";
/// The field of a stack that maps the names of the library's bundles to import paths. [`insert`] replaces a path with
/// the evaluated bundle.
pub const FIELD: &str = "nself_bundles";
/// The field of a bundle with its layer.
const LAYER: &str = "layer";
/// The field of a bundle with further layers by size.
const SIZES: &str = "sizes";
/// Fields that say where a service's image is from. Every service that runs has one of them.
const SOURCES: [&str; 3] = ["image", "build", "layout"];

/// Returns the bundles that must be evaluated, each with its file: those that an environment may include, or all
/// bundles if a declared service sets no image, build or layout: it then overrides fields of a service from some
/// bundle.
pub fn to_evaluate(program: &NickelProgram, stack: &Node) -> Vec<(String, PathBuf)> {
    let environments = stack.get("environments").into_iter().flat_map(|entry| fields(&entry.node));
    let layers: Vec<&Node> = std::iter::once(stack).chain(environments.map(|(_, entry)| &entry.node)).collect();
    let services = || layers.iter().filter_map(|layer| layer.get("services")).flat_map(|entry| fields(&entry.node));
    let services_with_source = services().filter(|(_, service)| has_source(&service.node));
    let with_source: BTreeSet<&String> = services_with_source.map(|(name, _)| name).collect();
    let has_override = services().any(|(name, _)| !with_source.contains(name));
    let is_enabled =
        |bundle: &str| layers.iter().filter_map(|layer| layer.get(bundle)).any(|entry| enables(&entry.node));
    let bundles = stack.get(FIELD).into_iter().flat_map(|entry| fields(&entry.node));
    let needed = bundles.filter(|(name, _)| has_override || is_enabled(name));
    needed.filter_map(|(name, path)| Some((name.clone(), program.library.join(text(&path.node)?)))).collect()
}

fn text(node: &Node) -> Option<&str> {
    if let Value::Text(text) = &node.value { Some(text) } else { None }
}

/// Replaces the import path of a bundle with the bundle.
pub fn insert(stack: &mut Node, name: String, bundle: Node) {
    let Value::Record(stack) = &mut stack.value else { return };
    let Some(Value::Record(bundles)) = stack.get_mut(FIELD).map(|entry| &mut entry.node.value) else { return };
    bundles.insert(name, Entry { key: None, node: bundle });
}

fn enables(settings: &Node) -> bool {
    settings.get(ENABLED).is_some_and(|entry| matches!(entry.node.value, Value::Bool(true)))
}

/// Returns whether a record declares a complete service. A record without a source only overrides fields of a bundle's
/// service.
pub fn has_source(service: &Node) -> bool {
    SOURCES.iter().any(|source| service.get(source).is_some())
}

/// Returns the bundles by name.
pub fn by_name(bundles: &Node) -> impl Iterator<Item = (&str, &Node)> {
    fields(bundles).map(|(name, entry)| (name.as_str(), &entry.node))
}

fn fields(node: &Node) -> impl Iterator<Item = (&String, &Entry)> {
    let fields = if let Value::Record(fields) = &node.value { Some(fields) } else { None };
    fields.into_iter().flatten()
}

/// The settings of one environment that select bundles and their sizes. They are read before the layers are merged.
pub struct BundleSettings<'a> {
    /// The common settings, then the environment's layer.
    layers: [&'a Node; 2],
}

impl<'a> BundleSettings<'a> {
    pub fn read(layers: [&'a Node; 2]) -> Self {
        BundleSettings { layers }
    }

    /// Returns a field of a bundle's settings: the one in the environment's layer, or else the common one.
    fn setting(&self, bundle: &str, field: &str) -> Option<&'a Value> {
        let values = self.layers.iter().rev().filter_map(|layer| layer.get(bundle)?.node.get(field));
        values.map(|entry| &entry.node.value).next()
    }

    /// Returns whether the environment includes a bundle, which is so if `enabled` is true.
    pub fn includes(&self, bundle: &str) -> bool {
        matches!(self.setting(bundle, ENABLED), Some(Value::Bool(true)))
    }

    /// Returns the layers of a bundle with this name: the layer for its size, then the layer for all sizes.
    pub fn layers<'b>(&self, name: &str, bundle: &'b Node) -> impl Iterator<Item = &'b Node> + use<'b> {
        let size = match self.setting(name, "size") {
            Some(Value::Text(size)) => size,
            _ => "small",
        };
        let layer_of_size = bundle.get(SIZES).and_then(|sizes| sizes.node.get(size));
        layer_of_size.into_iter().chain(bundle.get(LAYER)).map(|entry| &entry.node)
    }
}

/// Adds the fields of a bundle's layer that the stack does not set. A field that the stack sets to `null` is removed.
pub fn add_missing_fields(stack: &mut Node, layer: &Node) {
    let (Value::Record(stack), Value::Record(layer)) = (&mut stack.value, &layer.value) else { return };
    for (key, entry) in layer {
        match stack.get_mut(key) {
            Some(declared) if declared.node.value == Value::Null => {
                stack.remove(key);
            }
            Some(declared) => add_missing_fields(&mut declared.node, &entry.node),
            None => {
                stack.insert(key.clone(), entry.clone());
            }
        }
    }
}

/// Removes the fields that the stack sets for services of a bundle which the environment does not include. Services
/// with a source stay, even if the bundle has a service of the same name.
pub fn remove_overrides(stack: &mut Node, layer: &Node) {
    let Some(bundled) = layer.get("services") else { return };
    let names: BTreeMap<&String, &Entry> = fields(&bundled.node).collect();
    let Value::Record(stack) = &mut stack.value else { return };
    let Some(Value::Record(services)) = stack.get_mut("services").map(|entry| &mut entry.node.value) else { return };
    services.retain(|name, service| !names.contains_key(name) || has_source(&service.node));
}
