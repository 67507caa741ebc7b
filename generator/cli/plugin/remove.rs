//! `nself plugin remove`: deletes the folder of a plugin that the stack no longer declares.

use clap::Args;

use super::super::{SUCCESS, StackArguments, output};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plugins;
use crate::project::migrations;
use crate::source;
use crate::values::{Checked, SqlIdent, plugin_names};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the plugin.
    name: String,
    #[command(flatten)]
    pub(super) stack: StackArguments,
    /// Confirm that servers keep the plugin's database. Needed if the plugin has migrations, which are deleted with it.
    #[arg(long)]
    keep_data: bool,
}

pub fn run(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let name = arguments.name.as_str();
    let project = arguments.stack.project();
    let environments = source::load(&arguments.stack.evaluation_request())?.environments;
    let path = path!("plugins", name);
    if let Some(environment) = environments.iter().find(|environment| environment.origins.holds(&path)) {
        let finding = Diagnostic::error(Code::PluginInUse, path.clone())
            .message(format!("the stack still declares the plugin `{name}`"))
            .hint(format!(
                "remove `plugins.{name} = import \"{}/{}\"` from the stack and run `nself gen`, then run this command again",
                plugin_names::folder(name),
                plugins::FILE
            ))
            .at(environment.origins.span(&path!("plugins")));
        return Err(vec![finding]);
    }
    let database = plugin_names::database(name);
    let has_migrations = match &SqlIdent::new(&database) {
        Ok(database) => !migrations::read(&project, database)?.is_empty(),
        Err(_) => false,
    };
    if has_migrations && !arguments.keep_data {
        let finding = Diagnostic::error(Code::PluginInUse, FieldPath::root())
            .message(format!("the plugin `{name}` has migrations, so servers may have its database `{database}`"))
            .expected("`--keep-data`, which deletes the folder and leaves the database as it is")
            .hint(format!(
                "to delete the data, save it with `pg_dump {database}`, run `DROP DATABASE {database}` on each server, and then run this command with `--keep-data`"
            ));
        return Err(vec![finding]);
    }
    let deleted_count = plugins::remove(&project, name)?;
    output::line(&plugin_names::folder(name));
    output::remark(&format!("{} deleted", words::count(deleted_count, "file")));
    if has_migrations {
        output::remark(&format!("servers keep the database {database} until you drop it"));
    }
    Ok(SUCCESS)
}
