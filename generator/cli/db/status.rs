//! `nself db status`: how many migrations there are, whether the definitions need more, and with `--url` how many
//! of them a server has.

use clap::Args;
use serde_json::{Value, json};

use super::super::{FINE, FOUND, Format, output};
use super::server::Server;
use super::{Outcome, Selection};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// A server to ask, through psql; for one database.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut all = Vec::new();
    let mut behind = false;
    let definitions = arguments.selection.definitions()?;
    if arguments.url.is_some() && definitions.len() != 1 {
        return Err(vec![
            Diagnostic::error(Code::UnknownDatabase, FieldPath::root())
                .message("--url names one database")
                .hint("say which with --database"),
        ]);
    }
    for definition in definitions {
        let name = &definition.name;
        let history = arguments.selection.history(name)?;
        let pending = history.head != snapshot::objects(&definition.schema);
        let applied = arguments.url.as_deref().map(ledger).transpose()?;
        let sum = history.sum();
        let known = applied.as_ref().map(|rows| {
            let names: Vec<(&str, &str)> = sum.iter().map(|line| (line.name.as_str(), line.up.as_str())).collect();
            let same = rows.iter().zip(&names).take_while(|((a, b), (x, y))| a == x && b == y).count();
            json!({ "applied": same, "foreign": rows.len() - same, "waiting": names.len() - same })
        });
        behind |= pending || known.as_ref().is_some_and(|known| known["waiting"] != 0 || known["foreign"] != 0);
        all.push(json!({
            "database": name,
            "migrations": sum.len(),
            "last": sum.last().map(|line| line.name.clone()),
            "changes_without_migration": pending,
            "server": known,
        }));
    }
    match arguments.format {
        Format::Json => output::json(&json!({ "version": 1, "databases": all })),
        Format::Text => all.iter().for_each(|one| output::line(&text(one))),
    }
    Ok(if behind { FOUND } else { FINE })
}

fn text(one: &Value) -> String {
    let last = one["last"].as_str().unwrap_or("none");
    let migrations = one["migrations"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    let name = one["database"].as_str().unwrap_or_default();
    let mut line = format!("{name}: {}, last {last}", words::count(migrations, "migration"));
    if one["changes_without_migration"] == true {
        line += "; changes without a migration";
    }
    if let Some(server) = one["server"].as_object() {
        line += &format!("; on the server {}, waiting {}", server["applied"], server["waiting"]);
        if server["foreign"] != 0 {
            line += &format!(", {} that are not these", server["foreign"]);
        }
    }
    line
}

/// Names and digests in the ledger of a server, in order.
fn ledger(url: &str) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    let server = Server::new(url)?;
    if server.ask("SELECT to_regclass('nself.ledger') IS NOT NULL;")?.trim() != "t" {
        return Ok(Vec::new());
    }
    let rows = server.ask("SELECT name, sum FROM nself.ledger WHERE state = 'done' ORDER BY number;")?;
    Ok(rows.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect())
}
