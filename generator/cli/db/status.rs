//! `nself db status`: how many migrations there are, whether the definitions need more, and with `--url` how many
//! of them a server has.

use clap::Args;
use serde_json::{Value, json};

use super::super::{DIFFERENCES, Format, SUCCESS, output};
use super::server::{POOLER, Server};
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
    Ok(if behind { DIFFERENCES } else { SUCCESS })
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

/// Reads the table `nself.ledger` where it is one. COPY reads nothing but the rows of a table: anything else under that
/// name, a view above all, would be code of its owner, with the rights of this session.
const LEDGER: &str = "BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'nself' AND c.relname = 'ledger') AS begun \\gset
\\if :begun
COPY nself.ledger (number, name, sum, state) TO STDOUT;
\\endif
COMMIT;
";

/// Names and digests in the ledger of a server, in order.
fn ledger(url: &str) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    let pooled = |found: &[Diagnostic]| found.iter().any(|finding| finding.message.contains(POOLER));
    let answer = match Server::new(url)?.ask(LEDGER) {
        // One transaction is one session there too.
        Err(found) if pooled(&found) => Server::new(url)?.plain().ask(LEDGER)?,
        answer => answer?,
    };
    let mut rows: Vec<(u32, String, String)> = answer.lines().filter_map(row).collect();
    rows.sort();
    Ok(rows.into_iter().map(|(_, name, sum)| (name, sum)).collect())
}

/// A migration that is done.
fn row(line: &str) -> Option<(u32, String, String)> {
    let mut parts = line.split('\t');
    let number = parts.next()?.parse().ok()?;
    let (name, sum) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    (parts.next() == Some("done")).then_some((number, name, sum))
}
