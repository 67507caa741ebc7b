//! `nself db baseline`: a server that has everything already gets the ledger that the runner would have left there.
//! First the migrations run for a moment elsewhere, and the two catalogs have to be the same.

use std::fmt::Write;

use clap::Args;
use serde_json::json;

use super::super::{FINE, Format, output};
use super::server::Server;
use super::{Definition, Outcome, Selection};
use crate::database::history::{History, Run};
use crate::database::ledger::{self, Facts};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::SqlIdent;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The server to take over, as who runs the migrations later; not a pooler.
    #[arg(long, value_name = "URL")]
    url: String,
    /// A server of the same version where the migrations run for a moment, in a database of its own.
    #[arg(long, value_name = "URL")]
    scratch: String,
    /// The last migration whose work is there already; all of them unless given.
    #[arg(long, value_name = "NUMBER")]
    to: Option<usize>,
    #[command(flatten)]
    selection: Selection,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// So many differences are named; who has more has another database.
const NAMED: usize = 20;

pub fn run(arguments: &Arguments) -> Outcome {
    let definition = arguments.selection.only("a server has one of the databases")?;
    let mut history = arguments.selection.history(&definition.name)?;
    let refused = |code: Code, message: String| Diagnostic::error(code, definition.root()).message(message);
    let all = history.migrations.len();
    let count = arguments.to.unwrap_or(all);
    if !(1..=all).contains(&count) {
        let finding = refused(Code::OutOfRange, format!("the history has {}", words::count(all, "migration")));
        return Err(vec![finding.expected(format!("`--to` a number from 1 to {all}"))]);
    }
    history.migrations.truncate(count);
    // They go through psql, as in the runner.
    let findings = history.check_sql(&definition.name);
    if !findings.is_empty() {
        return Err(findings);
    }
    let server = Server::new(&arguments.url)?.marked();
    let scratch = Server::new(&arguments.scratch)?;
    let owner = standing(&server, &scratch, &definition).map_err(|found| recoded(&definition, found))?;
    let (found, meaning) = (facts(&server)?, server.meaning()?);
    let made = scratch.scratch(|scratch| {
        scratch.ask(&(meaning.statements() + &applied(&history, &definition, &found, owner.as_deref())))?;
        facts(scratch)
    })?;
    let mut differences = found.differences(&made, owner.as_deref());
    if !differences.is_empty() {
        if differences.len() > NAMED {
            let more = differences.len() - NAMED;
            differences.truncate(NAMED);
            differences.push(format!("{more} other objects are not the same"));
        }
        let hint = "`nself explain NS733` says what to do; nothing was changed";
        return Err(differences.into_iter().map(|what| refused(Code::NotBaseline, what).hint(hint)).collect());
    }
    let lines = history.sum();
    server.ask(&ledger::baseline(&lines, &found)).map_err(|found| recoded(&definition, found))?;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "fine", "database": definition.name, "migrations": count, "waiting": all - count,
        })),
        Format::Text => output::line(&format!(
            "{}: {} in the ledger, {} waiting",
            definition.name,
            words::count(count, "migration"),
            all - count
        )),
    }
    Ok(FINE)
}

/// The role to which everything on a server belongs that can be taken over.
fn standing(server: &Server, scratch: &Server, definition: &Definition) -> Result<Option<String>, Vec<Diagnostic>> {
    let refused = |message: String| vec![Diagnostic::error(Code::NoAdoption, definition.root()).message(message)];
    let version = "SELECT current_setting('server_version_num')::int / 10000;";
    let (here, there) = (server.ask(version)?, scratch.ask(version)?);
    // Refuses what the ledger's own statements refuse, before anything else is done.
    server.ask(&ledger::fill("@SESSION@"))?;
    if server.ask("SELECT to_regclass('nself.ledger') IS NOT NULL;")?.trim() == "t"
        && server.ask("SELECT EXISTS (SELECT FROM nself.ledger);")?.trim() == "t"
    {
        return Err(refused("the server's ledger has migrations already; `nself db status --url` tells which".into()));
    }
    if here != there {
        let (here, there) = (here.trim(), there.trim());
        return Err(refused(format!("the server is of version {here}, the one after --scratch of version {there}")));
    }
    let owners = server.ask(include_str!("owners.sql"))?;
    let mut owners = owners.lines().map(str::to_owned);
    let Some(owner) = owners.next() else { return Ok(None) };
    if let Some(other) = owners.next() {
        return Err(refused(format!("the server's objects belong to several roles: `{owner}`, `{other}`, …")));
    }
    let runs = |role: &Option<SqlIdent>| role.as_ref().is_none_or(|role| role.as_str() == owner);
    if !definition.owners.iter().any(runs) {
        let roles: Vec<&str> = definition.owners.iter().flatten().map(|role| role.as_str()).collect();
        let finding = Diagnostic::error(Code::NoAdoption, definition.root())
            .message(format!(
                "the server's objects belong to `{owner}`, and migrations run as `{}`",
                roles.join("`, `")
            ))
            .hint(
                "`ALTER … OWNER TO` gives them to it; `REASSIGN OWNED BY` all of them, if their owner is no superuser",
            );
        return Err(vec![finding]);
    }
    Ok(Some(owner))
}

/// What the ledger's own statements and a pooler refuse, by its code.
fn recoded(definition: &Definition, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for finding in &mut found {
        let reason = finding.message.split_once("nself: ").map(|(_, reason)| reason.to_owned());
        let pooler = finding.message.contains("unsupported startup parameter");
        if let Some(message) = reason.or(pooler.then(|| "a pooler stands before this server".to_owned())) {
            *finding = Diagnostic::error(Code::NoAdoption, definition.root()).message(message);
        }
    }
    found
}

fn facts(server: &Server) -> Result<Facts, Vec<Diagnostic>> {
    let answer = server.ask(&ledger::facts())?;
    Facts::read(&answer).ok_or_else(|| {
        vec![
            Diagnostic::error(Code::Io, FieldPath::root()).message("the server's catalog was answered in another form"),
        ]
    })
}

/// The migrations for an empty database, as the runner runs them.
fn applied(history: &History, definition: &Definition, found: &Facts, owner: Option<&str>) -> String {
    let mut text =
        "SET client_min_messages = warning;\nSET standard_conforming_strings = on;\nSET search_path = public;\n"
            .to_owned();
    let role = owner.map(|owner| format!("\"{}\"", owner.replace('"', "\"\"")));
    if let Some(role) = &role {
        let _ = write!(
            text,
            "SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO %s', current_database(), '{}') \\gexec\n\
             GRANT USAGE, CREATE ON SCHEMA public TO {role};\n",
            role.replace('\'', "''")
        );
    }
    for name in definition.schema.extensions.iter().filter(|name| found.has_extension(name.as_str())) {
        let _ = writeln!(text, "CREATE EXTENSION IF NOT EXISTS \"{name}\" SCHEMA public;");
    }
    for one in &history.migrations {
        let alone = one.plan.run != Run::Transaction;
        let role = role.as_ref().filter(|_| !one.plan.privileged);
        let (begin, commit) = if alone { ("", "") } else { ("BEGIN;\n", "COMMIT;\n") };
        let role = role.map_or(String::new(), |role| format!("SET ROLE {role};\n"));
        let _ = write!(text, "{begin}{role}{}\nRESET ROLE;\n{commit}SET search_path = public;\n", one.up);
    }
    text
}
