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
    /// Number of written migrations after those in the ledger, which the runner still has to apply.
    pub waiting: usize,
}

/// Maximum number of differences to list. A server with more differences probably has a different database.
const MAX_DIFFERENCES: usize = 20;

/// Writes the ledger of the server `url` as if the migrations up to number `last` (all by default) had run there. Before
/// that, runs them in a temporary database on the server `scratch_url`, which must have the same version, and compares
/// the catalogs of both databases.
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
        let finding = Diagnostic::error(Code::OutOfRange, definition.root());
        return Err(vec![match total {
            0 => finding
                .message(format!("the history of `{}` has no migrations", definition.name))
                .hint("write the first one with `nself db new`"),
            _ => finding
                .message(format!(
                    "`--to {count}` names no migration: the history has {}",
                    words::count(total, "migration")
                ))
                .expected(format!("a number from 1 to {total}")),
        }]);
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
    let differences = server_facts.differences(&migration_facts, definition.owner().as_str(), &definition.services);
    if !differences.is_empty() {
        return Err(difference_findings(&definition, differences));
    }
    let statements = ledger::baseline_script(&history.sum(), &server_facts);
    server.query(&statements).map_err(|findings| as_adoption_error(&definition, findings))?;
    Ok(Baseline { database: definition.name, migrations: count, waiting: total - count })
}

/// Returns a finding for each difference, up to [`MAX_DIFFERENCES`], and one with the number of all further differences.
fn difference_findings(definition: &Definition, mut differences: Vec<String>) -> Vec<Diagnostic> {
    if differences.len() > MAX_DIFFERENCES {
        let omitted_count = differences.len() - MAX_DIFFERENCES;
        differences.truncate(MAX_DIFFERENCES);
        differences.push(format!("{omitted_count} other objects differ"));
    }
    let finding = |difference: String| {
        Diagnostic::error(Code::NotBaseline, definition.root())
            .message(difference)
            .hint("nself changed nothing; `nself explain NS733` describes the possible ways to continue")
    };
    differences.into_iter().map(finding).collect()
}

/// Refuses a server that cannot be adopted: its version differs from that of the scratch server, its ledger has
/// migrations, or the database or an object in it belongs to a different role than the one that runs migrations.
fn check_server(server: &Server, scratch: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let version = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000;";
    let (server_version, scratch_version) = (server.query(version)?, scratch.query(version)?);
    // `@SESSION@` refuses a pooler, a standby and a session with more rights than the database's owner. It runs before
    // all statements that read objects of the database, since these objects can run code.
    server.query(&ledger::replace_placeholders("@SESSION@"))?;
    check_session_role(server, definition)?;
    // The runner creates the schema `nself` and the table `ledger` in its first run.
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

/// Refuses a session whose role is not the one that runs migrations. The role of the session owns the database, which
/// `@SESSION@` has checked.
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

/// Refuses a database with an object that belongs to a different role than the one that runs migrations.
fn check_object_owners(server: &Server, definition: &Definition) -> Result<(), Vec<Diagnostic>> {
    let owner = definition.owner();
    let owners = server.query(&ledger::replace_placeholders(include_str!("owners.sql")))?;
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

/// Creates the finding NS734 about a server that cannot be adopted.
fn adoption_error(definition: &Definition, message: String) -> Diagnostic {
    Diagnostic::error(Code::NoAdoption, definition.root()).message(message)
}

/// Returns the findings of a query, in which refusals by a pooler or by the ledger's statements are replaced by findings
/// with a code and a hint. psql reports such refusals as plain messages, which contain `nself: ` before the reason.
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

/// Reads the facts in the catalog of a database.
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
    let mut pending_migrations: Vec<(&str, RunIn)> = Vec::new();
    let run_pending = |pending_migrations: &mut Vec<(&str, RunIn)>| match pending_migrations.is_empty() {
        true => Ok(()),
        false => scratch
            .owner
            .query(&(session_settings.clone() + &ledger::apply_script(pending_migrations.drain(..))))
            .map(drop),
    };
    for (migration, required_extensions) in history.migrations.iter().zip(history.required_extensions()) {
        let removed_extensions = migration.removed_extensions();
        if !required_extensions.is_empty() || !removed_extensions.is_empty() {
            run_pending(&mut pending_migrations)?;
            let create_statements = required_extensions.iter().map(ddl::require_extension);
            let drop_statements = removed_extensions.iter().map(|name| format!("DROP EXTENSION \"{name}\";"));
            scratch.admin.query(&create_statements.chain(drop_statements).collect::<Vec<_>>().join("\n"))?;
        }
        // A migration that removes extensions does nothing else.
        if removed_extensions.is_empty() {
            let run_in =
                if migration.plan.run == RunMode::Transaction { RunIn::Transaction } else { RunIn::NoTransaction };
            pending_migrations.push((&migration.up, run_in));
        }
    }
    run_pending(&mut pending_migrations)
}
