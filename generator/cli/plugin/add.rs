//! `nself plugin add`: adds a plugin from a folder or a registry to the project.

use std::path::Path;

use clap::Args;
use serde_json::json;

#[cfg(feature = "registry")]
use super::super::lock::RegistryArguments;
use super::super::{Format, SUCCESS, StackArguments, output};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::Root;
use crate::plugins::{self, FILE, PluginFiles, error};
use crate::values::plugin_names;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A folder with a plugin.ncl, or `oci://HOST/REPOSITORY@sha256:…`.
    from: String,
    #[command(flatten)]
    pub(super) stack: StackArguments,
    /// Name of the plugin; by default, the name of the folder or the last part of the repository. Services, tables and
    /// secrets of a plugin begin with it.
    #[arg(long)]
    name: Option<String>,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// The scheme of addresses in registries.
const OCI_SCHEME: &str = "oci://";

pub fn run(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let project = arguments.stack.project();
    let (files, source, default_name) = match arguments.from.starts_with(OCI_SCHEME) {
        true => fetch(arguments)?,
        false => read_folder(Path::new(&arguments.from))?,
    };
    let name = arguments.name.clone().unwrap_or(default_name);
    plugins::check_name(&name).map_err(|finding| vec![finding.hint("choose a different name with `--name`")])?;
    let pin = plugins::add(&project, &name, &files, source)?;
    let folder = plugin_names::folder(&name);
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "added", "name": name, "folder": folder, "digest": pin.digest, "source": pin.source,
        })),
        Format::Text => {
            output::line(&folder);
            output::remark(&format!("{}, pinned in nself.lock", words::count(files.len(), "file")));
            let stack = arguments.stack.path();
            output::remark(&format!("next: in {}: plugins.{name} = import \"{folder}/{FILE}\",", stack.display()));
        }
    }
    Ok(SUCCESS)
}

/// Returns the files of a folder, the source that is recorded, and the default name of the plugin.
fn read_folder(folder: &Path) -> Result<(PluginFiles, String, String), Vec<Diagnostic>> {
    let missing_folder = || vec![error(Code::PluginFolder, format!("{} does not exist", folder.display()))];
    let files = plugins::read(&Root::named(folder))?.ok_or_else(missing_folder)?;
    // The real path has a name also for a folder such as `.`.
    let real_path = crate::files::real_path(folder).ok();
    let name = real_path.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
    // The path of the folder differs between machines, so the lock does not record it.
    Ok((files, "folder".to_owned(), name))
}

/// Returns the files of an artifact in a registry, its address, and the default name of the plugin.
#[cfg(feature = "registry")]
fn fetch(arguments: &Arguments) -> Result<(PluginFiles, String, String), Vec<Diagnostic>> {
    use crate::release::{address, pull};
    let address_error = |message: String| vec![error(Code::PluginFolder, format!("{}: {message}", arguments.from))];
    let address = address::parse(&arguments.from).map_err(address_error)?;
    if address.digest.is_none() {
        let finding = error(Code::PluginFolder, format!("{} has no digest", arguments.from));
        let hint = "use the address with the digest, which `nself plugin publish` prints: a tag can name different files tomorrow";
        return Err(vec![finding.expected(format!("{OCI_SCHEME}{}@sha256:…", address.name())).hint(hint)]);
    }
    let release = pull::fetch(&arguments.registry.registry(), &address)?;
    let name = address.repository.rsplit('/').next().unwrap_or_default().to_owned();
    Ok((release.files, format!("{OCI_SCHEME}{}@{}", address.name(), release.digest), name))
}

#[cfg(not(feature = "registry"))]
fn fetch(arguments: &Arguments) -> Result<(PluginFiles, String, String), Vec<Diagnostic>> {
    Err(vec![error(
        Code::PluginFolder,
        format!("{}: this nself was built without the feature `registry`", arguments.from),
    )])
}
