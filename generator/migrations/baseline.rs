//! Adopts a server that already has all objects: writes the ledger that the runner would have written. Before that, the
//! migrations run in a temporary database, whose catalog must equal that of the server.

use super::definition::{Definition, Selection};
use crate::database::ddl;
use crate::database::history::{History, RunMode};
use crate::database::ledger::settings::InputSettings;
use crate::database::ledger::{self, CatalogFacts, RunIn};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::server::{Scratch, Server, is_pooler_refusal};
use crate::values::SqlIdent;
use crate::words;

/// The result of adopting a server.
#[derive(Debug, PartialEq, Eq)]
pub struct Baseline {
    pub database: SqlIdent,
    /// Number of migrations in the ledger.
    pub migrations: usize,
    /// Number of written migrations that are not in the ledger.
    pub waiting: usize,
}

/// Maximum number of differences to list. A server with more differences probably has a different database.
const MAX_DIFFERENCES: usize = 20;

/// Writes the ledger of the server `url`. To compare, runs the migrations up to number `last` (all by default) in a
/// temporary database on the server `scratch_url`, which must have the same version.
///
/// # Errors
/// NS107 for a `last` outside of the history, NS733 for differences between server and migrations, NS734 and NS736 for
/// a server or session that cannot be used, NS804 with the message of psql.
pub fn baseline(
    selection: &Selection,
    url: &str,
    scratch_url: &str,
    last: Option<usize>,
) -> Result<Baseline, Vec<Diagnostic>> {
    let definition = selection.single("the URL names the server of one database")?;
    let mut history = selection.history(&definition.name)?;
    let total = history.migrations.len();
    let count = last.unwrap_or(total);
    if !(1..=total).contains(&count) {
        return Err(vec![
            Diagnostic::error(Code::OutOfRange, definition.root())
                .message(format!(
                    "`--to {count}` names no migration: the history has {}",
                    words::count(total, "migration")
                ))
                .expected(format!("a number from 1 to {total}")),
        ]);
    }
    history.migrations.truncate(count);
    // psql runs the migrations, so they must meet the same rules as for the runner.
    let findings = history.check_sql(&definition.name);
    if !findings.is_empty() {
        return Err(findings);
    }
    let server = Server::new(url)?.refusing_poolers();
    let scratch_server = Server::new(scratch_url)?;
    check_server(&server, &scratch_server, &definition).map_err(|findings| as_adoption_error(&definition, findings))?;
    let server_facts = read_facts(&server)?;
    let settings = server.input_settings()?;
    let migration_facts = scratch_server.with_scratch_database(|scratch| {
        apply_migrations(&history, &settings, scratch)?;
        read_facts(&scratch.owner)
    })?;
    let differences =
        server_facts.differences(&migration_facts, definition.owner().as_str(), &definition.service_roles);
    if !differences.is_empty() {
        return Err(difference_findings(&definition, differences));
    }
    let statements = ledger::baseline_script(&history.sum(), &server_facts);
    server.query(&statements).map_err(|findings| as_adoption_error(&definition, findings))?;
    Ok(Baseline { database: definition.name, migrations: count, waiting: total - count })
}

fn difference_findings(definition: &Definition, mut differences: Vec<String>) -> Vec<Diagnostic> {
    if differences.len() > MAX_DIFFERENCES {
        let more = differences.len() - MAX_DIFFERENCES;
        differences.truncate(MAX_DIFFERENCES);
        differences.push(format!("{more} other objects differ"));
    }
    let finding = |difference: String| {
        Diagnostic::error(Code::NotBaseline, definition.root())
            .message(difference)
            .hint("nself changed nothing; `nself explain NS733` describes the possible ways to continue")
    };
    differences.into_iter().map(finding).collect()
}

/// Refuses a server that cannot be adopted: its version differs from that of the scratch server, its ledger has
/// migrations, or the database or its objects belong to a role that does not run the migrations.
fn check_server(server: &Server, scratch: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let version = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000;";
    let (server_version, scratch_version) = (server.query(version)?, scratch.query(version)?);
    // `@SESSION@` refuses a pooler, a standby and a session with more rights than the database's owner. It runs before
    // all statements that read objects of the database, since these objects can run code.
    server.query(&ledger::replace_placeholders("@SESSION@"))?;
    check_session_role(server, definition)?;
    if server.query("SELECT pg_catalog.to_regclass('nself.ledger') IS NOT NULL;")?.trim() == "t"
        && server.query(&ledger::replace_placeholders("@TABLES@\nSELECT EXISTS (SELECT FROM nself.ledger);"))?.trim()
            == "t"
    {
        return Err(vec![
            adoption_error(definition, "the server's ledger already has migrations".into())
                .hint("compare the ledger with the written migrations: `nself db status --url URL`"),
        ]);
    }
    if server_version != scratch_version {
        let (server, scratch) = (server_version.trim(), scratch_version.trim());
        let message = format!("the server has version {server}, and the server of --scratch version {scratch}");
        return Err(vec![adoption_error(definition, message).hint("use a --scratch server of the same version")]);
    }
    check_object_owners(server, definition)
}

/// Refuses a session whose role, which owns the database, does not run the migrations.
fn check_session_role(server: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let (role, owner) = (server.query("SELECT session_user;")?, definition.owner());
    if role.trim() == owner.as_str() {
        return Ok(());
    }
    let message = format!("the database belongs to `{}`, but migrations run as `{owner}`", role.trim());
    Err(vec![adoption_error(definition, message).hint(
        "run the generated initialisation script again: it creates the role and makes it the owner of the database",
    )])
}

/// Refuses objects that belong to other roles than the one that runs the migrations.
fn check_object_owners(server: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let owner = definition.owner();
    let owners = server.query(include_str!("owners.sql"))?;
    let other_owners: Vec<&str> = owners.lines().filter(|role| *role != owner.as_str()).collect();
    if other_owners.is_empty() {
        return Ok(());
    }
    let message =
        format!("the server's objects belong to `{}`, but migrations run as `{owner}`", other_owners.join("`, `"));
    Err(vec![adoption_error(definition, message).hint(
        "change the owner: `ALTER … OWNER TO` for one object, `REASSIGN OWNED BY` for all objects of a role that is not a superuser",
    )])
}

fn adoption_error(definition: &Definition, message: String) -> Diagnostic {
    Diagnostic::error(Code::NoAdoption, definition.root()).message(message)
}

/// Returns the findings. Refusals by a pooler or by the ledger's statements get codes and hints. Such refusals
/// arrive as messages of psql.
fn as_adoption_error(definition: &Definition, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let convert = |finding: Diagnostic| {
        if is_pooler_refusal(std::slice::from_ref(&finding)) {
            return adoption_error(definition, "this connection goes through a pooler".to_owned())
                .hint("use the URL of the server itself");
        }
        let Some((_, reason)) = finding.message.split_once("nself: ") else { return finding };
        if reason.contains("log in as the role that owns the database") {
            return Diagnostic::error(Code::SessionTooPowerful, definition.root())
                .message(reason)
                .expected(format!("`--url postgresql://{}@…`", definition.owner()));
        }
        adoption_error(definition, reason.to_owned())
    };
    findings.into_iter().map(convert).collect()
}

/// Reads the catalog of a database, in the form of `catalog.sql`.
fn read_facts(server: &Server) -> Result<CatalogFacts, Vec<Diagnostic>> {
    let answer = server.query(&ledger::facts_query())?;
    CatalogFacts::read(&answer).ok_or_else(|| {
        vec![
            Diagnostic::error(Code::Io, FieldPath::root())
                .message("the reply of the server to the query of its catalog is malformed"),
        ]
    })
}

/// Runs the migrations in an empty database as the runner does: the user of the URL creates and drops extensions, and
/// the database's owner runs everything else.
fn apply_migrations(history: &History, settings: &InputSettings, scratch: &Scratch) -> Result<(), Vec<Diagnostic>> {
    let session_settings =
        format!("SET client_min_messages = warning;\nSET standard_conforming_strings = on;\n{}", settings.statements());
    // Migrations that run as the owner, collected until the next change of an extension: one session for several
    // migrations is faster.
    let mut pending: Vec<(&str, RunIn)> = Vec::new();
    let run_pending = |pending: &mut Vec<(&str, RunIn)>| match pending.is_empty() {
        true => Ok(()),
        false => scratch.owner.query(&(session_settings.clone() + &ledger::apply_script(pending.drain(..)))).map(drop),
    };
    for (migration, required) in history.migrations.iter().zip(history.required_extensions()) {
        let removed = migration.removed_extensions();
        if !required.is_empty() || !removed.is_empty() {
            run_pending(&mut pending)?;
            let created = required.iter().map(ddl::create_extension);
            let dropped = removed.iter().map(|name| format!("DROP EXTENSION \"{name}\";"));
            scratch.admin.query(&created.chain(dropped).collect::<Vec<_>>().join("\n"))?;
        }
        if removed.is_empty() {
            let run_in =
                if migration.plan.run == RunMode::Transaction { RunIn::Transaction } else { RunIn::NoTransaction };
            pending.push((&migration.up, run_in));
        }
    }
    run_pending(&mut pending)
}
