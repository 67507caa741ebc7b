//! Plugins: bundles that the stack itself declares. In environments that include a plugin, its services, database,
//! secrets and hooks are one more layer, below all layers of the user. In the merged stack the plugin has only their
//! names, so that every field of a service has exactly one path.

use std::collections::BTreeMap;

use super::bundles;
use super::node::{Entry, Node, Value};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::path;
use crate::stack::Hooks;
use crate::values::{Checked, SecretName, ServiceName, plugin_names};

/// The field of a stack with its plugins.
const FIELD: &str = "plugins";

/// The layer of a plugin in one environment.
pub struct PluginLayer {
    name: String,
    /// The fields that the plugin adds to the stack.
    pub layer: Node,
    pub is_included: bool,
}

/// Returns the layers of all plugins. `merge` merges the environment's layer (`overlay`) into the common settings.
pub fn layers(common: &Node, overlay: &Node, merge: fn(&mut Node, Node)) -> Vec<PluginLayer> {
    let mut plugins = Node::default();
    for layer in [common, overlay] {
        let Some(entry) = layer.get(FIELD) else { continue };
        match plugins.value {
            // No earlier layer has plugins.
            Value::Null => plugins = entry.node.clone(),
            _ => merge(&mut plugins, entry.node.clone()),
        }
    }
    let Value::Record(plugins) = plugins.value else { return Vec::new() };
    let layers = plugins.into_iter().map(|(name, Entry { node, .. })| PluginLayer {
        is_included: is_included(&node),
        layer: layer_of_plugin(&name, &node),
        name,
    });
    layers.collect()
}

/// Returns whether an environment includes a plugin, which is the case unless `enabled` is false. `plugin` is merged
/// from the common settings and the environment's layer.
fn is_included(plugin: &Node) -> bool {
    plugin.get("enabled").is_none_or(|enabled| enabled.node.value != Value::Bool(false))
}

/// Returns the fields that a plugin adds to a stack.
fn layer_of_plugin(name: &str, plugin: &Node) -> Node {
    let mut fields = BTreeMap::new();
    let mut add = |field: &str, key, value: Value| {
        let node = Node { value, mark: plugin.mark };
        fields.insert(field.to_owned(), Entry { key, node });
    };
    let mut services = fields_of_record(plugin.get("services"));
    for (field, hook) in hooks(plugin) {
        services.insert(Hooks::service_name(name, field), job_of_hook(hook));
    }
    add("services", None, Value::Record(services));
    add("secrets", None, Value::Record(fields_of_record(plugin.get("secrets"))));
    if let Some(database) = plugin.get("database").filter(|entry| !entry.node.value.is_nothing()) {
        let databases = BTreeMap::from([(plugin_names::database(name), database.clone())]);
        add("databases", database.key, Value::Record(databases));
    }
    Node { value: Value::Record(fields), mark: plugin.mark }
}

/// Returns the fields of a record; none if the entry is missing or not a record.
fn fields_of_record(entry: Option<&Entry>) -> BTreeMap<String, Entry> {
    match entry.map(|entry| &entry.node.value) {
        Some(Value::Record(fields)) => fields.clone(),
        _ => BTreeMap::new(),
    }
}

/// Returns the hooks of a plugin, each with the name of its field, such as `before_start`.
fn hooks(plugin: &Node) -> impl Iterator<Item = (&'static str, &Entry)> {
    let hooks = plugin.get("hooks").map(|entry| &entry.node);
    Hooks::FIELDS.into_iter().filter_map(move |field| Some((field, hooks?.get(field)?)))
}

/// Returns a hook as a service that runs once.
fn job_of_hook(hook: &Entry) -> Entry {
    let mut job = hook.clone();
    if let Value::Record(fields) = &mut job.node.value {
        let node = Node { value: Value::Text("once".to_owned()), mark: hook.node.mark };
        fields.entry("run".to_owned()).or_insert(Entry { key: hook.key, node });
    }
    job
}

impl PluginLayer {
    /// Adds the plugin to the common part of a stack. If the plugin and the stack declare a service of the same name,
    /// the service of the plugin is reported and left out, since the fields of both would be mixed. An environment's
    /// layer, which is merged later, may replace the image of a plugin's service.
    pub fn add_to(self, stack: &mut Node) -> Vec<Diagnostic> {
        let taken_services = bundles::taken_services(&self.layer, stack);
        bundles::add_layer(stack, &self.layer, &taken_services);
        taken_services.iter().map(|service| name_taken(&self.name, service)).collect()
    }
}

fn name_taken(plugin: &str, service: &str) -> Diagnostic {
    Diagnostic::error(Code::NameTaken, path!(FIELD, plugin, "services", service))
        .message(format!("the plugin `{plugin}` and the stack both have a service `{service}`"))
        .hint("rename one of the two; to change fields of the plugin's service, set them in `environments.<name>.services`")
        .related(path!("services", service), "the service of the stack")
}

/// Replaces the contents of each plugin in a merged stack (services, secrets, database and hooks) by their names.
pub fn replace_contents_by_names(stack: &mut Node) {
    let Value::Record(fields) = &mut stack.value else { return };
    let Some(Value::Record(plugins)) = fields.get_mut(FIELD).map(|entry| &mut entry.node.value) else { return };
    for (name, plugin) in plugins {
        let is_included = is_included(&plugin.node);
        let Value::Record(fields) = &mut plugin.node.value else { continue };
        if !is_included {
            fields.retain(|field, _| field == "enabled");
        }
        for (field, entry) in fields {
            let node = &mut entry.node;
            match field.as_str() {
                "services" => replace_by_keys::<ServiceName>(node),
                "secrets" => replace_by_keys::<SecretName>(node),
                "database" if !node.value.is_nothing() => node.value = Value::Text(plugin_names::database(name)),
                "hooks" => replace_hooks_by_names(name, node),
                _ => {}
            }
        }
    }
}

/// Replaces a record with the list of its keys. Leaves out invalid names, which are reported at the merged services and
/// secrets.
fn replace_by_keys<T: Checked>(node: &mut Node) {
    let Value::Record(fields) = &node.value else { return };
    let names = fields.iter().filter(|(name, _)| T::refusal(name).is_none());
    let names = names.map(|(name, entry)| Node { value: Value::Text(name.clone()), mark: entry.key });
    node.value = Value::Array(names.collect());
}

fn replace_hooks_by_names(plugin: &str, hooks: &mut Node) {
    let Value::Record(hooks) = &mut hooks.value else { return };
    for field in Hooks::FIELDS {
        if let Some(hook) = hooks.get_mut(field).filter(|hook| matches!(hook.node.value, Value::Record(_))) {
            hook.node.value = Value::Text(Hooks::service_name(plugin, field));
        }
    }
}

/// Returns the path in the merged stack of a field that a plugin declares: `plugins.notify.services.notify.port` becomes
/// `services.notify.port`. Any other path is returned unchanged.
pub fn merged_path(path: FieldPath) -> FieldPath {
    let [Segment::Key(first), Segment::Key(name), Segment::Key(field), steps @ ..] = path.0.as_slice() else {
        return path;
    };
    if first != FIELD {
        return path;
    }
    let (merged_field, steps_below) = match (field.as_str(), steps) {
        ("services" | "secrets", steps) => (path!(field), steps),
        ("database", steps) => (path!("databases", plugin_names::database(name)), steps),
        ("hooks", [Segment::Key(hook), steps @ ..]) => (path!("services", Hooks::service_name(name, hook)), steps),
        _ => return path,
    };
    FieldPath(merged_field.0.into_iter().chain(steps_below.iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_plugin_are_fields_of_the_stack() {
        for (declared, merged) in [
            (path!("plugins", "notify", "services", "notify", "port"), path!("services", "notify", "port")),
            (path!("plugins", "notify", "secrets", "np_notify_key"), path!("secrets", "np_notify_key")),
            (path!("plugins", "my-links", "database", "tables"), path!("databases", "np_my_links", "tables")),
            (
                path!("plugins", "notify", "hooks", "before_start", "image"),
                path!("services", "notify-before-start", "image"),
            ),
            (path!("plugins", "notify", "version"), path!("plugins", "notify", "version")),
            (path!("services", "notify", "services", "x"), path!("services", "notify", "services", "x")),
        ] {
            assert_eq!(merged_path(declared), merged);
        }
    }
}
