//! Merges the layers of each environment. The layers of bundles (services of the library) and plugins lie below the
//! common settings, the environment's layer lies above them. Records are merged key by key; any other value replaces
//! the value below it, and so does another kind of a value ([`choices`]); `null` removes a key.

use std::collections::BTreeMap;

use super::choices::{self, LastKeys};
use super::environments::{self, BUILT_IN};
use super::node::{Entry, Node, Value};
use super::{bundles, foreign_words, nulls, plugins};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::words;

/// The field that the library's contract adds. It marks a stack.
const MARKER: &str = "nself_stack";

/// Maximum memory for the trees of all environments together, in bytes. A stack of 5,000 services with three
/// environments takes a quarter of it.
const MAX_MEMORY: usize = 256 << 20;

/// Returns the environments of a document by name, each as one merged tree, and the findings about them.
pub fn environments(root: &Node) -> (BTreeMap<String, Node>, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let Value::Record(fields) = &root.value else { return (BTreeMap::new(), findings) };
    let mut common = fields.clone();
    let declared_environments = common.remove("environments");
    common.remove(MARKER);
    let bundle_field = common.remove(bundles::FIELD);
    let common = Node { value: Value::Record(common), mark: root.mark };

    let overlays = overlays(declared_environments);
    if let Some(finding) = oversize_finding(&common, &overlays, MAX_MEMORY) {
        return (BTreeMap::new(), vec![finding]);
    }
    let mut environments = BTreeMap::new();
    for (name, overlay) in overlays.into_iter().filter(|(_, overlay)| !environments::is_disabled(overlay)) {
        let bundle_field = bundle_field.as_ref().map(|entry| &entry.node);
        let (mut merged, environment_findings) = merged_environment(&name, overlay, &common, bundle_field);
        findings.extend(environment_findings);
        match complete_profile(&mut merged, &name) {
            None => {
                environments.insert(name, merged);
            }
            Some(finding) => findings.push(finding),
        }
    }
    if environments.is_empty() && findings.is_empty() {
        findings.push(all_disabled_finding());
    }
    (environments, findings)
}

/// Returns the layer of each environment, which is merged over the common settings.
fn overlays(declared_environments: Option<Entry>) -> BTreeMap<String, Node> {
    let mut overlays: BTreeMap<String, Node> =
        BUILT_IN.iter().map(|name| ((*name).to_owned(), Node::default())).collect();
    if let Some(Value::Record(layers)) = declared_environments.map(|entry| entry.node.value) {
        overlays.extend(layers.into_iter().map(|(name, entry)| (name, entry.node)));
    }
    overlays
}

/// Returns one environment as a merged tree: the bundles and plugins that it includes, the common settings and its layer.
/// The findings are about names that several layers have, and about nulls that remove nothing.
fn merged_environment(
    name: &str,
    mut overlay: Node,
    common: &Node,
    bundle_field: Option<&Node>,
) -> (Node, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    if let Value::Record(fields) = &mut overlay.value {
        fields.remove("enabled");
    }
    let mut merged = common.clone();
    let settings = bundles::BundleSettings::read(name, [&overlay, common]);
    let bundles = bundle_field.into_iter().flat_map(bundles::by_name);
    let (included_bundles, excluded_bundles): (Vec<_>, Vec<_>) =
        bundles.partition(|(bundle_name, bundle)| settings.includes(bundle_name, bundle));
    let excluded_bundle_layers: Vec<&Node> =
        excluded_bundles.into_iter().flat_map(|(bundle_name, bundle)| settings.layers(bundle_name, bundle)).collect();
    let plugin_layers = plugins::layers(common, &overlay, merge);
    let (included_plugins, excluded_plugins): (Vec<_>, Vec<_>) =
        plugin_layers.into_iter().partition(|plugin| plugin.is_included);
    // The size layer of a bundle and its common layer have services of the same names, so all names are compared with
    // those of the stack.
    for (bundle_name, bundle) in included_bundles {
        for layer in settings.layers(bundle_name, bundle) {
            let taken_services = bundles::taken_services(layer, common);
            bundles::add_layer(&mut merged, layer, &taken_services);
            findings.extend(taken_services.iter().map(|service| bundles::name_taken(bundle_name, service)));
        }
    }
    let mut removable: Vec<&Node> = excluded_bundle_layers.clone();
    removable.extend(excluded_plugins.iter().map(|plugin| &plugin.layer));
    findings.extend(included_plugins.into_iter().flat_map(|plugin| plugin.add_to(&mut merged)));
    removable.push(&merged);
    findings.extend(nulls::without_effect(&removable, &overlay, &path!("environments", name)));
    merge(&mut merged, overlay);
    remove_null_variables(&mut merged);
    // The stack may set fields of services of excluded bundles and plugins. These services would be incomplete.
    let excluded_layers = excluded_bundle_layers.into_iter().chain(excluded_plugins.iter().map(|plugin| &plugin.layer));
    excluded_layers.for_each(|layer| bundles::remove_overrides(&mut merged, layer));
    plugins::replace_contents_by_names(&mut merged);
    (merged, findings)
}

/// Sets the profile of a built-in environment that has none. Returns the finding about any other environment without one.
fn complete_profile(merged: &mut Node, name: &str) -> Option<Diagnostic> {
    if merged.get("profile").is_some() {
        return None;
    }
    if !BUILT_IN.contains(&name) {
        return Some(missing_profile_finding(name));
    }
    if let Value::Record(fields) = &mut merged.value {
        let node = Node { value: Value::Text(name.to_owned()), mark: None };
        fields.insert("profile".into(), Entry { key: None, node });
    }
    None
}

fn all_disabled_finding() -> Diagnostic {
    Diagnostic::error(Code::UnknownEnvironment, path!("environments"))
        .message("all environments have `enabled = false`")
        .expected("at least one enabled environment")
        .hint("remove `enabled = false` from one of them")
}

/// Returns the finding for an environment without a profile. The hint names the built-in environment that may be meant,
/// such as `prod` for `production`.
fn missing_profile_finding(name: &str) -> Diagnostic {
    let finding = Diagnostic::error(Code::EnvironmentProfile, path!("environments", name))
        .message(format!("the environment `{name}` has no profile"))
        .expected("`profile` with the value 'local, 'staging or 'prod");
    let built_in = BUILT_IN.into_iter().find(|built_in| name.starts_with(built_in));
    match built_in.or_else(|| foreign_words::meant_field(name, &BUILT_IN)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

/// Returns a finding if the environments, each of which copies the common part, need more memory than `limit`.
fn oversize_finding(common: &Node, overlays: &BTreeMap<String, Node>, limit: usize) -> Option<Diagnostic> {
    let common = common.memory();
    let total =
        overlays.values().fold(0_usize, |total, overlay| total.saturating_add(common).saturating_add(overlay.memory()));
    (total > limit).then(|| {
        let mebibytes = |bytes: usize| (bytes >> 20).max(1);
        Diagnostic::error(Code::EvaluationLimit, path!("environments"))
            .message(format!(
                "{} environments would take {} MiB of memory, since each copies the common part of {} MiB",
                overlays.len(),
                mebibytes(total),
                mebibytes(common)
            ))
            .expected(format!("at most {} MiB for all of them", mebibytes(limit)))
            .hint("use fewer environments, or divide the project into several stack files")
    })
}

/// Adds `environments` to the expected fields of a finding about an unknown field. A stack has this field, but it is
/// removed before the environments are decoded.
pub fn with_environments(finding: Diagnostic, key: &str) -> Diagnostic {
    if key == "environments" {
        return finding
            .hint("an environment has no environments inside: declare it next to this one, as `environments.<name>`");
    }
    let hint = match words::nearest(key, ["environments"]) {
        Some(near) => format!("did you mean `{near}`?"),
        None => finding.hint.clone(),
    };
    let expected = format!("{}, environments", finding.expected);
    finding.expected(expected).hint(hint)
}

/// Merges an environment's layer (`overlay`) into the common settings (`base`).
fn merge(base: &mut Node, overlay: Node) {
    merge_field(base, overlay, LastKeys::default());
}

/// Merges a part of a layer into the same part of the common settings, which is at a path with these last keys. Returns
/// whether both are records that were merged, instead of a value that was replaced.
fn merge_field(base: &mut Node, overlay: Node, keys: LastKeys) -> bool {
    let overlay_mark = overlay.mark;
    match (&mut base.value, overlay.value) {
        (Value::Record(base), Value::Record(overlay)) if !choices::replaces_reference(base, &overlay, keys) => {
            choices::remove_excluded(base, &overlay, keys);
            for (key, entry) in overlay {
                merge_entry(base, key, entry, keys);
            }
            return true;
        }
        // A value whose evaluation failed changes nothing, so that it causes no other finding. Neither does `null`, which
        // is the value of an empty layer.
        (_, Value::Null | Value::Broken) => {}
        (value, new_value) => {
            *value = without_nulls(Node { value: new_value, mark: None }).value;
            base.mark = overlay_mark;
        }
    }
    false
}

/// Merges a field of a layer's record into the record of the common settings, which is at a path with these last keys.
fn merge_entry(base: &mut BTreeMap<String, Entry>, key: String, entry: Entry, keys: LastKeys) {
    if entry.node.value == Value::Null {
        base.remove(&key);
        return;
    }
    let Some(base_entry) = base.get_mut(&key) else {
        let node = without_nulls(entry.node);
        base.insert(key, Entry { node, ..entry });
        return;
    };
    // A merged record keeps its position in the common settings. A replaced value gets its position in the layer.
    if !merge_field(&mut base_entry.node, entry.node, keys.then(&key)) {
        base_entry.key = entry.key.or(base_entry.key);
    }
}

/// Removes the variables that are `null` from services, their processes, containers of frontends, and GraphQL
/// endpoints. A stack sets `null` to remove a variable that a value of the library has.
fn remove_null_variables(stack: &mut Node) {
    for group in ["services", "frontends", "graphql_endpoints"] {
        for entry in entries_mut(stack, group) {
            remove_null_variables_of_service(entry);
            if let Some(container) = field_mut(entry, "container") {
                remove_null_variables_of_service(container);
            }
        }
    }
}

/// Removes the variables of a service and its processes that are `null`.
fn remove_null_variables_of_service(service: &mut Node) {
    for map in ["env", "extra_env"] {
        if let Some(Node { value: Value::Record(variables), .. }) = field_mut(service, map) {
            variables.retain(|_, variable| variable.node.value != Value::Null);
        }
    }
    entries_mut(service, "processes").for_each(remove_null_variables_of_service);
}

/// Returns the values of the record in a field; none if there is no record.
fn entries_mut<'a>(record: &'a mut Node, field: &str) -> impl Iterator<Item = &'a mut Node> {
    let fields = match field_mut(record, field).map(|node| &mut node.value) {
        Some(Value::Record(fields)) => Some(fields),
        _ => None,
    };
    fields.into_iter().flatten().map(|(_, entry)| &mut entry.node)
}

/// Returns the value of a field; `None` if the node is not a record or does not have the field.
fn field_mut<'a>(record: &'a mut Node, field: &str) -> Option<&'a mut Node> {
    let Value::Record(fields) = &mut record.value else { return None };
    fields.get_mut(field).map(|entry| &mut entry.node)
}

/// Returns a node without its `null` fields. They have nothing to remove, because no value is below the node.
fn without_nulls(mut node: Node) -> Node {
    if let Value::Record(fields) = node.value {
        let remaining_fields = fields.into_iter().filter(|(_, entry)| entry.node.value != Value::Null);
        node.value = Value::Record(
            remaining_fields.map(|(key, entry)| (key, Entry { node: without_nulls(entry.node), ..entry })).collect(),
        );
    }
    node
}

#[cfg(test)]
mod tests;
