//! `nself plugin list`: lists the plugins of the project, and compares their files with nself.lock.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};

use super::super::{DIFFERENCES, Format, SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::plugins::{self, PluginState, Status};
use crate::source;
use crate::stack::Plugin;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) stack: StackArguments,
    /// Exit with 1 if files of a plugin differ from nself.lock.
    #[arg(long)]
    check: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// A plugin as the stack declares it, and the environments that include it.
type DeclaredPlugin = (Plugin, BTreeSet<String>);

pub fn run(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let states = plugins::status(&arguments.stack.project())?;
    let declared = declared_plugins(&arguments.stack)?;
    let names: BTreeSet<&String> = states.keys().chain(declared.keys()).collect();
    let mut entries = Vec::new();
    for name in names {
        let missing = PluginState { status: Status::Missing, source: None };
        let state = states.get(name).unwrap_or(&missing);
        let plugin = declared.get(name);
        match arguments.format {
            Format::Json => entries.push(json_entry(name, state, plugin)),
            Format::Text => output::line(&text_line(name, state, plugin)),
        }
    }
    if matches!(arguments.format, Format::Json) {
        output::json(&json!({ "version": 1, "plugins": entries }));
    }
    let differs = states.values().any(|state| matches!(state.status, Status::Changed | Status::Missing));
    Ok(if arguments.check && differs { DIFFERENCES } else { SUCCESS })
}

/// Returns the plugins that the stack declares, by name. A plugin that is disabled in an environment is not included
/// there.
fn declared_plugins(stack: &StackArguments) -> Result<BTreeMap<String, DeclaredPlugin>, Vec<Diagnostic>> {
    let mut plugins = BTreeMap::<String, DeclaredPlugin>::new();
    for environment in source::load(&stack.evaluation_request())?.environments {
        for (name, plugin) in environment.stack.plugins {
            let (declaration, environments) = plugins.entry(name.to_string()).or_default();
            if plugin.enabled.unwrap_or(true) {
                environments.insert(environment.name.to_string());
                *declaration = plugin;
            }
        }
    }
    Ok(plugins)
}

/// Returns the entry of a plugin for `--format json`.
fn json_entry(name: &str, state: &PluginState, declared: Option<&DeclaredPlugin>) -> Value {
    let plugin = declared.map(|(plugin, _)| plugin);
    json!({
        "name": name, "status": state.status, "source": state.source,
        "version": plugin.and_then(|plugin| plugin.version.as_ref()),
        "summary": plugin.and_then(|plugin| plugin.summary.as_ref()),
        "services": plugin.map(|plugin| &plugin.services),
        "database": plugin.and_then(|plugin| plugin.database.as_ref()),
        "environments": declared.map(|(_, environments)| environments),
    })
}

/// Returns the line of a plugin, such as `link  1.2.0  local, prod  pinned  folder`. Parts that are empty are left out.
fn text_line(name: &str, state: &PluginState, declared: Option<&DeclaredPlugin>) -> String {
    let status = match state.status {
        Status::Pinned => "pinned",
        Status::Changed => "differs from nself.lock",
        Status::Own => "not in nself.lock",
        Status::Missing => "its folder is missing",
    };
    let version = declared.and_then(|(plugin, _)| plugin.version.as_ref()).map_or("", |version| version.as_str());
    let environments = match declared {
        None => "not in the stack".to_owned(),
        Some((_, environments)) => environments.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    let parts = [name, version, &environments, status, state.source.as_deref().unwrap_or_default()];
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("  ")
}
