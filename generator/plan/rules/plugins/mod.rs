//! Rules of plugins: their names, what they may do, and what may depend on them.

mod hosts;
mod names;
mod rights;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::inputs::Inputs;
use crate::plan::roster::{Category, PlannedService, Roster, plugin_of};
use crate::values::{ServiceName, plugin_names};

/// Checks all plugins of the environment.
pub fn check(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    if inputs.stack.plugins.is_empty() {
        return names::check_reserved(inputs.stack);
    }
    let mut findings = names::check(inputs.stack);
    let has_plugin = |plugin: &ServiceName| inputs.stack.plugins.contains_key(plugin);
    for (name, member) in roster {
        if let Some(plugin) = plugin_of(roster, name) {
            findings.extend(rights::check(plugin, name, member));
        }
        // `names::check` reports the databases of plugins that the stack does not have.
        let needed_plugins = dependencies(roster, name, member).filter(|(plugin, _)| has_plugin(plugin));
        findings.extend(needed_plugins.map(|(plugin, path)| plugin_needed(&plugin, name, path)));
    }
    findings.extend(hosts::check(inputs, roster));
    findings.extend(rights::check_declarations(inputs.stack));
    findings
}

/// Returns the plugins on which a service depends, without its own plugin. Each has the field that causes the dependency.
fn dependencies<'a>(
    roster: &'a Roster,
    name: &'a ServiceName,
    member: &'a PlannedService,
) -> impl Iterator<Item = (ServiceName, FieldPath)> + use<'a> {
    let own_plugin = plugin_of(roster, name);
    let service = &member.service;
    let field = |field: &str| member.path.key(field);
    let awaited_services = service.depends_on.keys().map(move |to| (to, field("depends_on").key(to.as_str())));
    let companions = service.only_with.iter().enumerate().map(move |(i, to)| (to, field("only_with").index(i)));
    let original = match &member.category {
        Category::Copy(original) => Some((original, field("copy_of"))),
        _ => None,
    };
    let services = awaited_services.chain(companions).chain(original);
    let services = services.filter_map(|(to, path)| Some((plugin_of(roster, to)?.clone(), path)));
    let databases = service.databases.iter().filter_map(move |(entry, database_use)| {
        let plugin = plugin_names::plugin_of_database(database_use.name.as_ref()?)?;
        Some((plugin, field("databases").key(entry.as_str())))
    });
    services.chain(databases).filter(move |(plugin, _)| own_plugin != Some(plugin))
}

/// Returns the finding for a service that depends on a plugin.
fn plugin_needed(plugin: &ServiceName, name: &ServiceName, path: FieldPath) -> Diagnostic {
    Diagnostic::error(Code::PluginNeeded, path)
        .message(format!("`{name}` depends on the plugin `{plugin}`, but nothing outside of a plugin can depend on it: a plugin may fail or be removed"))
        .hint("remove this dependency; `connects_to` and `nself.url` connect to a plugin without depending on it")
}
