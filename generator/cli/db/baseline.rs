//! `nself db baseline`: a server that has everything already gets the ledger that the runner would have left there.
//! First the migrations run for a moment elsewhere, and the two catalogs have to be the same.

use clap::Args;
use serde_json::json;

use super::super::{Format, SUCCESS, output};
use super::server::{POOLER, Scratch, Server};
use super::{Definition, Outcome, Selection};
use crate::database::ddl;
use crate::database::history::{History, RunMode};
use crate::database::ledger::settings::InputSettings;
use crate::database::ledger::{self, CatalogFacts, RunIn};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The server to take over, as the role that owns the database; not a pooler.
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
    standing(&server, &scratch, &definition).map_err(|found| recoded(&definition, found))?;
    let (found, meaning) = (facts(&server)?, server.meaning()?);
    let made = scratch.scratch(|scratch| {
        apply(&history, &meaning, scratch)?;
        facts(&scratch.owner)
    })?;
    let mut differences = found.differences(&made, definition.owner().as_str(), &definition.guests);
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
    Ok(SUCCESS)
}

/// Refuses what cannot be taken over: a server of another kind, a session of another role, objects of another role.
fn standing(server: &Server, scratch: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let refused = |message: String| vec![Diagnostic::error(Code::NoAdoption, definition.root()).message(message)];
    let version = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000;";
    let (here, there) = (server.ask(version)?, scratch.ask(version)?);
    // Refuses what the ledger's own statements refuse, before anything else is done. What follows is never more
    // privileged than the objects that it reads.
    server.ask(&ledger::fill("@SESSION@"))?;
    let (role, owner) = (server.ask("SELECT session_user;")?, definition.owner());
    if role.trim() != owner.as_str() {
        let finding = Diagnostic::error(Code::NoAdoption, definition.root())
            .message(format!("the database belongs to `{}`, and migrations run as `{owner}`", role.trim()))
            .hint("the server's first start makes the role and gives it the database; run its file again");
        return Err(vec![finding]);
    }
    if server.ask("SELECT pg_catalog.to_regclass('nself.ledger') IS NOT NULL;")?.trim() == "t"
        && server.ask(&ledger::fill("@TABLES@\nSELECT EXISTS (SELECT FROM nself.ledger);"))?.trim() == "t"
    {
        return Err(refused("the server's ledger has migrations already; `nself db status --url` tells which".into()));
    }
    if here != there {
        let (here, there) = (here.trim(), there.trim());
        return Err(refused(format!("the server is of version {here}, the one after --scratch of version {there}")));
    }
    let owners = server.ask(include_str!("owners.sql"))?;
    let others: Vec<&str> = owners.lines().filter(|other| *other != owner.as_str()).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(vec![
        Diagnostic::error(Code::NoAdoption, definition.root())
            .message(format!(
                "the server's objects belong to `{}`, and migrations run as `{owner}`",
                others.join("`, `")
            ))
            .hint(
                "`ALTER … OWNER TO` gives them to it; `REASSIGN OWNED BY` all of them, if their owner is no superuser",
            ),
    ])
}

/// What the ledger's own statements and a pooler refuse, by its code.
fn recoded(definition: &Definition, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for finding in &mut found {
        let reason = finding.message.split_once("nself: ").map(|(_, reason)| reason.to_owned());
        let pooler = finding.message.contains(POOLER);
        if let Some(message) = reason.or(pooler.then(|| "a pooler stands before this server".to_owned())) {
            let of_a_role = message.contains("log in as the role that owns the database");
            let code = if of_a_role { Code::SessionTooPowerful } else { Code::NoAdoption };
            *finding = Diagnostic::error(code, definition.root()).message(message);
            if of_a_role {
                let expected = format!("`--url postgresql://{}@…`", definition.owner());
                *finding = finding.clone().expected(expected);
            }
        }
    }
    found
}

fn facts(server: &Server) -> Result<CatalogFacts, Vec<Diagnostic>> {
    let answer = server.ask(&ledger::facts())?;
    CatalogFacts::read(&answer).ok_or_else(|| {
        vec![
            Diagnostic::error(Code::Io, FieldPath::root()).message("the server's catalog was answered in another form"),
        ]
    })
}

/// Runs the migrations in an empty database as the runner runs them: extensions come and go by the user of the URL,
/// everything else is of the database's owner.
fn apply(history: &History, meaning: &InputSettings, scratch: &Scratch) -> Result<(), Vec<Diagnostic>> {
    let session =
        format!("SET client_min_messages = warning;\nSET standard_conforming_strings = on;\n{}", meaning.statements());
    let mut waiting: Vec<(&str, RunIn)> = Vec::new();
    let run = |waiting: &mut Vec<(&str, RunIn)>| match waiting.is_empty() {
        true => Ok(()),
        false => scratch.owner.ask(&(session.clone() + &ledger::apply(waiting.drain(..)))).map(|_| ()),
    };
    for (one, required) in history.migrations.iter().zip(history.required_extensions()) {
        let removed = one.removed_extensions();
        if !(required.is_empty() && removed.is_empty()) {
            run(&mut waiting)?;
            let made = required.iter().map(ddl::create_extension);
            let gone = removed.iter().map(|name| format!("DROP EXTENSION \"{name}\";"));
            scratch.admin.ask(&made.chain(gone).collect::<Vec<_>>().join("\n"))?;
        }
        if removed.is_empty() {
            let alone = if one.plan.run == RunMode::Transaction { RunIn::Transaction } else { RunIn::NoTransaction };
            waiting.push((&one.up, alone));
        }
    }
    run(&mut waiting)
}
