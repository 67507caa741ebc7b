//! `nself db status`: shows the written and missing migrations of each database.

use clap::Args;
use serde_json::json;

use super::super::{DIFFERENCES, Format, SUCCESS, output};
use super::{NO_DATABASES, Outcome, SelectionArguments};
use crate::migrations::{self, DatabaseStatus};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// A server whose ledger is compared with the migrations of one database.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let statuses = migrations::status(&arguments.selection.selection(), arguments.url.as_deref())?;
    if statuses.is_empty() {
        output::remark(NO_DATABASES);
    }
    match arguments.format {
        Format::Json => output::json(&json!({ "version": 1, "databases": statuses })),
        Format::Text => statuses.iter().for_each(|status| output::line(&status_line(status))),
    }
    Ok(if statuses.iter().all(DatabaseStatus::is_up_to_date) { SUCCESS } else { DIFFERENCES })
}

/// Returns the line of a database, such as
/// `shop: 3 migrations, last 0003_orders; server: 2 applied, 1 waiting`.
fn status_line(status: &DatabaseStatus) -> String {
    let count = words::count(status.migrations, "migration");
    let mut line = format!("{}: {count}, last {}", status.database, status.last.as_deref().unwrap_or("none"));
    if status.changes_without_migration {
        line += "; changes without a migration";
    }
    if let Some(server) = status.server {
        line += &format!("; server: {} applied, {} waiting", server.applied, server.waiting);
        if server.foreign > 0 {
            line += &format!(", {} different from the written ones", server.foreign);
        }
    }
    line
}
