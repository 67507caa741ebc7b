//! `nself plugin`: the plugins of a project.

mod add;
mod list;
mod new;
#[cfg(feature = "registry")]
mod publish;
mod remove;

use clap::{Args, Subcommand};

use super::{ERROR, Format, StackArguments, output};
use crate::diagnostic::Diagnostic;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy a plugin from a folder or a registry into the project, and pin it in nself.lock.
    Add(add::Arguments),
    /// List the plugins of the project, and compare their files with nself.lock.
    List(list::Arguments),
    /// Delete the folder of a plugin that the stack no longer declares.
    Remove(remove::Arguments),
    /// Create the files of a new plugin.
    New(new::Arguments),
    /// Publish a plugin of the project in a registry.
    #[cfg(feature = "registry")]
    Publish(publish::Arguments),
}

pub fn run(arguments: &Arguments) -> u8 {
    let (outcome, format, stack): (Result<u8, Vec<Diagnostic>>, Format, &StackArguments) = match &arguments.action {
        Action::Add(arguments) => (add::run(arguments), arguments.format, &arguments.stack),
        Action::List(arguments) => (list::run(arguments), arguments.format, &arguments.stack),
        Action::Remove(arguments) => (remove::run(arguments), Format::Text, &arguments.stack),
        Action::New(arguments) => (new::run(arguments), Format::Text, &arguments.stack),
        #[cfg(feature = "registry")]
        Action::Publish(arguments) => (publish::run(arguments), arguments.format, &arguments.stack),
    };
    outcome.unwrap_or_else(|findings| {
        output::failure(format, &stack.complete_hints(findings));
        ERROR
    })
}
