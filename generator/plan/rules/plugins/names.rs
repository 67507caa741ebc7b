//! Checks that the names of a plugin's services, secrets, tables and views begin with the name of the plugin.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{Plugin, Stack};
use crate::values::{ServiceName, plugin_names};

/// Checks the names of all parts of plugins.
pub fn check(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = check_reserved(stack);
    let mut owners: BTreeMap<FieldPath, &ServiceName> = BTreeMap::new();
    for (name, plugin) in &stack.plugins {
        findings.extend(check_services(stack, name, plugin));
        findings.extend(check_sql_names(stack, name, plugin));
        let services = plugin.all_services().map(|service| path!("services", service));
        let secrets = plugin.secrets.iter().map(|secret| path!("secrets", secret));
        for part in services.chain(secrets) {
            if let Some(first) = owners.insert(part.clone(), name) {
                findings.push(two_owners(part, first, name));
            }
        }
    }
    findings
}

/// Returns the finding for a service or secret that two plugins, or one plugin twice, declare.
fn two_owners(part: FieldPath, first: &ServiceName, second: &ServiceName) -> Diagnostic {
    let plugins = if first == second { format!("in the plugin `{first}`") } else { describe_plugins(first, second) };
    Diagnostic::error(Code::NameTaken, part.clone())
        .message(format!("`{part}` is declared twice: {plugins}"))
        .hint("rename one of the two")
}

/// Describes two plugins that declare the same part.
fn describe_plugins(first: &ServiceName, second: &ServiceName) -> String {
    format!("in the plugins `{first}` and `{second}`")
}

/// Checks the names and aliases of a plugin's services.
fn check_services(stack: &Stack, name: &ServiceName, plugin: &Plugin) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for service in plugin.all_services() {
        let path = path!("services", service);
        let aliases = stack.services.get(service).map_or(&[][..], |declared| &declared.aliases).iter().enumerate();
        let aliases = aliases.map(|(i, alias)| (alias, path.key("aliases").index(i)));
        let names = std::iter::once((service, path.clone())).chain(aliases);
        let misnamed_services =
            names.filter(|(service, _)| !plugin_names::fits_service(name.as_str(), service.as_str()));
        findings.extend(misnamed_services.map(|(service, path)| {
            without_prefix(name, path, service.as_str())
                .expected(format!("`{name}`, or a name that begins with `{name}-`"))
                .hint(format!("rename it to `{name}-{service}`"))
        }));
    }
    findings
}

/// Checks the names of a plugin's secrets, tables and views.
fn check_sql_names(stack: &Stack, name: &ServiceName, plugin: &Plugin) -> Vec<Diagnostic> {
    let services = plugin.all_services().filter_map(|service| Some((service, stack.services.get(service)?)));
    let service_secrets = services.flat_map(|(service, declared)| {
        declared.secrets.keys().map(move |secret| (secret.to_string(), path!("services", service, "secrets", secret)))
    });
    let secrets = plugin.secrets.iter().map(|secret| (secret.to_string(), path!("secrets", secret)));
    let database = plugin.database.iter().filter_map(|name| Some((name, stack.databases.get(name)?)));
    // Each object (a table or a view) with its path.
    let objects = database.flat_map(|(database, schema)| {
        let tables = schema.tables.keys().map(|table| ("tables", table));
        let objects = tables.chain(schema.views.keys().map(|view| ("views", view)));
        objects.map(move |(kind, object)| (object.to_string(), path!("databases", database, kind, object)))
    });
    let misnamed_parts =
        secrets.chain(service_secrets).chain(objects).filter(|(part, _)| !plugin_names::fits_part(name.as_str(), part));
    let prefix = plugin_names::database(name.as_str());
    let findings = misnamed_parts.map(|(part, path)| {
        without_prefix(name, path, &part)
            .expected(format!("a name that begins with `{prefix}_`"))
            .hint(format!("rename it to `{prefix}_{part}`"))
    });
    findings.collect()
}

/// Returns the finding for a name without the prefix of its plugin.
fn without_prefix(plugin: &ServiceName, path: FieldPath, name: &str) -> Diagnostic {
    Diagnostic::error(Code::PluginName, path)
        .message(format!("`{name}` of the plugin `{plugin}` does not have the plugin's prefix"))
}

/// Refuses databases with a name that only a plugin may have.
pub fn check_reserved(stack: &Stack) -> Vec<Diagnostic> {
    let defined = stack.databases.keys().map(|database| (database, path!("databases", database)));
    let used_databases = stack.services.iter().flat_map(|(service, declared)| {
        let entries = declared.databases.iter();
        entries.filter_map(move |(entry, database_use)| {
            Some((database_use.name.as_ref()?, path!("services", service, "databases", entry, "name")))
        })
    });
    let plugin_databases = defined
        .chain(used_databases)
        .filter_map(|(name, path)| Some((plugin_names::plugin_of_database(name)?, name, path)));
    let databases_without_plugin = plugin_databases.filter(|(plugin, ..)| !stack.plugins.contains_key(plugin));
    let findings = databases_without_plugin.map(|(plugin, name, path)| {
        Diagnostic::error(Code::PluginName, path)
            .message(format!("`{name}` is the database of the plugin `{plugin}`, which the stack does not have"))
            .hint("declare the plugin, or choose a name that does not begin with `np_`")
    });
    findings.collect()
}
