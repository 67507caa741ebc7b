//! Bundles: parts of a stack that the library provides, such as the services of monitoring. A bundle is one more layer,
//! below all layers of the user, in the environments that include it. Plugins are bundles of the project (`plugins.rs`).

use std::collections::{BTreeMap, BTreeSet};

use super::environments;
use super::node::{Entry, Node, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;

/// The setting that includes a bundle.
const ENABLED: &str = "enabled";
/// The setting with the reason not to include a bundle that is included by default.
const WAIVE: &str = "waive";
/// The field of a stack with the library's bundles by name. Each has its import path ([`FILE`]) and the profiles that
/// include it by default ([`PROFILES`]). [`insert`] adds the fields of the evaluated bundle.
pub const FIELD: &str = "nself_bundles";
/// The field of a bundle with its import path.
const FILE: &str = "file";
/// The field of a bundle with the profiles of environments that include it unless the stack says otherwise.
const PROFILES: &str = "profiles";
/// The field of a bundle with its layer.
const LAYER: &str = "layer";
/// The field of a bundle with additional layers by size.
const SIZES: &str = "sizes";
/// Fields for the source of a service's image. Every service that runs has one of them.
const SOURCES: [&str; 3] = ["image", "build", "layout"];

/// Returns the names of the bundles that a stack needs, each with the import path of its file. These are the bundles that an
/// environment includes, or all bundles if a declared service sets no image, build or layout. Such a service overrides a
/// service of a bundle, and only the contents of the bundles show which.
pub fn needed(stack: &Node) -> Vec<(String, String)> {
    let environments = environments::layers(stack);
    let layers: Vec<&Node> = std::iter::once(stack).chain(environments.values().flatten().copied()).collect();
    let services = || layers.iter().filter_map(|layer| layer.get("services")).flat_map(|entry| fields(&entry.node));
    let services_with_source = services().filter(|(_, service)| has_source(&service.node));
    let names_with_source: BTreeSet<&String> = services_with_source.map(|(name, _)| name).collect();
    let has_override = services().any(|(name, _)| !names_with_source.contains(name));
    let is_included = |name: &str, bundle: &Node| {
        environments.iter().any(|(environment, layer)| {
            BundleSettings::read(environment, layer.iter().copied().chain([stack])).includes(name, bundle)
        })
    };
    let bundles = stack.get(FIELD).into_iter().flat_map(|entry| fields(&entry.node));
    let needed_bundles = bundles.filter(|(name, bundle)| has_override || is_included(name, &bundle.node));
    let file = |bundle: &Entry| text_of(&bundle.node.get(FILE)?.node).map(str::to_owned);
    needed_bundles.filter_map(|(name, bundle)| Some((name.clone(), file(bundle)?))).collect()
}

/// Returns the text of a node; `None` if its value is not text.
fn text_of(node: &Node) -> Option<&str> {
    if let Value::Text(text) = &node.value { Some(text) } else { None }
}

/// Adds the fields of an evaluated bundle to the bundle of this name in [`FIELD`] of the stack.
pub fn insert(stack: &mut Node, name: &str, bundle: Node) {
    let Value::Record(stack) = &mut stack.value else { return };
    let Some(Value::Record(bundles)) = stack.get_mut(FIELD).map(|entry| &mut entry.node.value) else { return };
    if let (Some(Value::Record(declared_fields)), Value::Record(evaluated_fields)) =
        (bundles.get_mut(name).map(|entry| &mut entry.node.value), bundle.value)
    {
        declared_fields.extend(evaluated_fields);
    }
}

/// Returns whether a record declares a complete service. A record without a source only overrides fields of a bundle's
/// service.
pub fn has_source(service: &Node) -> bool {
    SOURCES.iter().any(|source| service.get(source).is_some())
}

/// Returns name and content of each bundle. `bundles` is the value of [`FIELD`].
pub fn by_name(bundles: &Node) -> impl Iterator<Item = (&str, &Node)> {
    fields(bundles).map(|(name, entry)| (name.as_str(), &entry.node))
}

/// Returns the fields of a record; none for any other value.
fn fields(node: &Node) -> impl Iterator<Item = (&String, &Entry)> {
    let fields = if let Value::Record(fields) = &node.value { Some(fields) } else { None };
    fields.into_iter().flatten()
}

/// The settings of one environment that select bundles and their sizes. They are read before the layers are merged.
pub struct BundleSettings<'a> {
    /// The environment's layer, if it has one, then the common settings.
    layers: Vec<&'a Node>,
    /// The profile of the environment; `None` if no layer sets it and the environment is not built-in.
    profile: Option<&'a str>,
}

impl<'a> BundleSettings<'a> {
    /// Reads the settings of the environment with this name. The first layer that sets a field decides.
    pub fn read(environment: &'a str, layers: impl IntoIterator<Item = &'a Node>) -> Self {
        let layers: Vec<&Node> = layers.into_iter().collect();
        let profile = environments::profile(environment, &layers);
        BundleSettings { layers, profile }
    }

    /// Returns a field of a bundle's settings from the first layer that sets it; `None` if that value is `null`, or if no
    /// layer sets the field.
    fn setting(&self, bundle: &str, field: &str) -> Option<&'a Value> {
        let values = self.layers.iter().filter_map(|layer| layer.get(bundle)?.node.get(field));
        values.map(|entry| &entry.node.value).next().filter(|value| **value != Value::Null)
    }

    /// Returns whether the environment includes a bundle: if `enabled` is true, or if the profile includes it by default and
    /// the stack gives no reason to leave it out.
    pub fn includes(&self, name: &str, bundle: &Node) -> bool {
        match self.setting(name, ENABLED) {
            Some(Value::Bool(is_enabled)) => *is_enabled,
            _ => self.setting(name, WAIVE).is_none() && self.is_default(bundle),
        }
    }

    /// Returns whether the bundle is included by default in environments with this profile.
    fn is_default(&self, bundle: &Node) -> bool {
        let Some(Value::Array(profiles)) = bundle.get(PROFILES).map(|entry| &entry.node.value) else { return false };
        profiles.iter().any(|profile| self.profile.is_some() && text_of(profile) == self.profile)
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

/// Returns the names of the services in a bundle's layer that the stack also declares as complete services.
pub fn taken_services(layer: &Node, stack: &Node) -> BTreeSet<String> {
    let Some(services) = layer.get("services") else { return BTreeSet::new() };
    let stack_services = stack.get("services").map(|entry| &entry.node);
    let is_taken = |name: &&String| {
        let stack_service = stack_services.and_then(|services| services.get(name));
        stack_service.is_some_and(|service| has_source(&service.node))
    };
    fields(&services.node).map(|(name, _)| name).filter(is_taken).cloned().collect()
}

/// Adds a bundle's layer to a stack, except for the services in `taken`, which the stack declares: otherwise, fields of two
/// different services would be mixed. An environment's layer is merged later, since it may set the image of a
/// bundle's service without declaring a service.
pub fn add_layer(stack: &mut Node, layer: &Node, taken: &BTreeSet<String>) {
    if taken.is_empty() {
        return add_missing_fields(stack, layer);
    }
    let mut layer = layer.clone();
    if let Value::Record(fields) = &mut layer.value
        && let Some(Value::Record(services)) = fields.get_mut("services").map(|entry| &mut entry.node.value)
    {
        services.retain(|name, _| !taken.contains(name));
    }
    add_missing_fields(stack, &layer);
}

/// Returns the finding for a service of the stack with the name of a bundle's service.
pub fn name_taken(bundle: &str, service: &str) -> Diagnostic {
    Diagnostic::error(Code::NameTaken, path!("services", service))
        .message(format!("`{bundle}` of the stack includes a service `{service}`, and this one has the same name"))
        .hint(format!(
            "rename the service; to replace only the image of `{bundle}`'s service, set `environments.<name>.services.{service}.image`"
        ))
}

/// Adds the fields of a bundle's layer that the stack does not set. A field that the stack sets to `null` is removed.
fn add_missing_fields(stack: &mut Node, layer: &Node) {
    let (Value::Record(stack), Value::Record(layer)) = (&mut stack.value, &layer.value) else { return };
    for (key, entry) in layer {
        match stack.get_mut(key) {
            Some(stack_entry) if stack_entry.node.value == Value::Null => {
                stack.remove(key);
            }
            Some(stack_entry) => add_missing_fields(&mut stack_entry.node, &entry.node),
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
    let bundled_services: BTreeMap<&String, &Entry> = fields(&bundled.node).collect();
    let Value::Record(stack) = &mut stack.value else { return };
    let Some(Value::Record(services)) = stack.get_mut("services").map(|entry| &mut entry.node.value) else { return };
    services.retain(|name, service| !bundled_services.contains_key(name) || has_source(&service.node));
}
