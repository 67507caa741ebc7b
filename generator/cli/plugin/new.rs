//! `nself plugin new`: creates the files of a new plugin from a template.

use std::path::Path;

use clap::Args;

use super::super::free_port::free_port;
use super::super::init::{parse_template, write_files};
use super::super::{SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::plan::PLUGIN_PORTS;
use crate::plugins::{self, FILE};
use crate::templates;
use crate::values::plugin_names;

/// The definition of a new plugin, with markers in place of its name, its prefix and its template.
const DEFINITION: &str = include_str!("../../../stdlib/init/plugin.ncl");
const MARKERS: [&str; 3] = ["my-plugin", "np_my_plugin", "my-template"];
/// The line of the definition with the port of the service, which is replaced by a free port.
const PORT_LINE: &str = "port = 3820,";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the plugin.
    name: String,
    #[command(flatten)]
    pub(super) stack: StackArguments,
    /// The template of the plugin's service.
    #[arg(long, value_name = "NAME", value_parser = parse_template, default_value = "go-http")]
    template: String,
}

pub fn run(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let Arguments { name, template, .. } = arguments;
    plugins::check_name(name).map_err(|finding| vec![finding])?;
    let values = [name.as_str(), &plugin_names::database(name), template];
    // In reverse order: the name of the plugin is inserted last, so no marker in it is replaced.
    let definition = MARKERS
        .iter()
        .zip(values)
        .rev()
        .fold(DEFINITION.to_owned(), |text, (marker, value)| text.replace(marker, value));
    let port = free_port(&arguments.stack.evaluation_request(), PLUGIN_PORTS);
    let definition = definition.replace(PORT_LINE, &format!("port = {port},"));
    let mut files = vec![(FILE, definition.into_bytes())];
    files.extend(templates::files(template).map(|(path, bytes)| (path, bytes.to_vec())));
    let folder = plugin_names::folder(name);
    write_files(&arguments.stack.project().join(Path::new(&folder)), &files)?;
    files.iter().for_each(|(path, _)| output::line(&format!("{folder}/{path}")));
    let stack = arguments.stack.path();
    output::remark(&format!("next: in {}: plugins.{name} = import \"{folder}/{FILE}\",", stack.display()));
    Ok(SUCCESS)
}
