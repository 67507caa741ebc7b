//! `nself plugin publish`: publishes a plugin of the project in a registry.

use clap::Args;
use serde_json::json;

use super::super::lock::RegistryArguments;
use super::super::{Format, SUCCESS, StackArguments, output};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::Root;
use crate::lock::ImageName;
use crate::plugins;
use crate::release::{address, publish};
use crate::values::plugin_names;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the plugin.
    name: String,
    /// Address of the artifact: `oci://HOST/REPOSITORY:TAG`; the default tag is `latest`.
    #[arg(value_parser = address::parse)]
    to: ImageName,
    #[command(flatten)]
    pub(super) stack: StackArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let folder = plugin_names::folder(&arguments.name);
    let missing_folder = || {
        let message = format!("{folder} does not exist in the folder of the stack");
        vec![
            plugins::error(Code::PluginFolder, message)
                .hint("list the plugins of the project with `nself plugin list`"),
        ]
    };
    let root = Root::project(&arguments.stack.project()).below(&folder);
    let files = plugins::read(&root)?.ok_or_else(missing_folder)?;
    let publish::PublishedRelease { digest, tag, .. } =
        publish::publish(&arguments.registry.registry(), &arguments.to, &files)?;
    let artifact_address = format!("oci://{}@{digest}", arguments.to.name());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "published", "artifact": artifact_address, "tag": tag, "digest": digest, "files": files.len(),
        })),
        Format::Text => {
            output::line(&artifact_address);
            output::remark(&format!("{} published as {tag}", words::count(files.len(), "file")));
        }
    }
    Ok(SUCCESS)
}
