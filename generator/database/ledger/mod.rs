//! The ledger: tables in the schema `nself` of a server, with the applied migrations and the digest of the resulting
//! catalog. The generated runner and `db baseline` write it with the same statements, which are in this folder.

mod facts;
pub mod settings;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::history::SumLine;

pub use facts::{CatalogFacts, ServiceAccess};

/// The schema of the ledger.
pub const LEDGER_SCHEMA: &str = "nself";

/// The query for all facts of a catalog, without a semicolon.
const CATALOG: &str = include_str!("../catalog.sql");

/// Placeholders, and the statements that replace them.
const STATEMENTS: [(&str, &str); 8] = [
    // Settings of a session. Fails if the connection goes through a pooler.
    ("@SESSION@", include_str!("session.sql")),
    // Fails on a standby, and if the session's role is not the owner of the database or could gain more rights.
    ("@ROLE@", include_str!("role.sql")),
    // The function that runs SQL of the project.
    ("@APPLY@", include_str!("apply.sql")),
    // Fails if the session has lost the lock; a pooler may have given it a different server process.
    ("@HELD@", include_str!("held.sql")),
    // Creates the tables of the ledger, unless they exist.
    ("@TABLES@", include_str!("tables.sql")),
    // Fails if a role other than the owner of the database owns an object in it.
    ("@OWNED@", include_str!("owned.sql")),
    // The function that computes the digest of the catalog.
    ("@DIGEST@", include_str!("digest.sql")),
    // Stores the digest for the next run.
    ("@SEAL@", include_str!("seal.sql")),
];

/// Placeholders, and the queries that replace them, in this order. The setup job records in the comment on each role what it
/// grants to the role of a service.
const QUERIES: [(&str, &str); 2] = [
    // The roles that own schemas of services. A role that only reads or writes rows owns no schema as a service.
    ("@SCHEMA_OWNERS@", include_str!("schema_owners.sql")),
    // The roles with a record, and the entries of this database, as in `"connect - -", "read public shop_migrations"`.
    ("@RECORDED_ROLES@", include_str!("recorded_roles.sql")),
];

/// Replaces the placeholders in a text with the statements of the ledger. The statements are constants: they contain no
/// name of the project.
pub fn replace_placeholders(text: &str) -> String {
    let text = STATEMENTS
        .iter()
        .fold(text.to_owned(), |text, (placeholder, statements)| text.replace(placeholder, statements.trim_end()));
    // The statements for `@DIGEST@` contain more placeholders.
    let text = text.replace("@PRINTED@", &settings::clauses());
    let text = text.replace("@CATALOG@", CATALOG.trim_end());
    QUERIES.iter().fold(text, |text, (placeholder, query)| text.replace(placeholder, query.trim_end()))
}

/// Returns the query that lists every object of a database in a canonical form.
pub fn catalog_query() -> String {
    replace_placeholders("@CATALOG@;\n")
}

/// Returns the query for the facts of a catalog: one line for each property of an object. [`CatalogFacts::read`] parses the
/// answer.
pub fn facts_query() -> String {
    let settings = settings::statements();
    replace_placeholders(&format!("{settings}@DIGEST@\nSELECT pg_temp.nself_catalog();\n@CATALOG@;\n"))
}

/// Returns a script that runs each SQL text in a separate call, with the search path of the project.
pub fn apply_script<'a>(statements: impl IntoIterator<Item = (&'a str, RunIn)>) -> String {
    let mut text = replace_placeholders("@APPLY@\n");
    for (sql, run_in) in statements {
        text.push_str(&run_call(sql, run_in));
    }
    text
}

/// Whether statements run inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunIn {
    NoTransaction,
    Transaction,
}

/// Returns the call that runs statements, and restores the role and the search path, which the statements may change.
/// The statements are encoded as base64, whose characters neither psql nor SQL interprets.
fn run_call(sql: &str, run_in: RunIn) -> String {
    let decode_call = format!("pg_catalog.decode('{}', 'base64')", STANDARD.encode(sql));
    let call = match run_in {
        RunIn::Transaction => format!("SELECT pg_temp.nself_apply({decode_call}) \\g /dev/null\n"),
        RunIn::NoTransaction => format!("SELECT pg_catalog.convert_from({decode_call}, 'UTF8') \\gexec\n"),
    };
    format!("SET search_path = public;\n{call}RESET ROLE;\nSET search_path = pg_catalog, pg_temp;\n")
}

/// Returns a script that fills an empty ledger as if the migrations of these lines had run. If the server's catalog has a
/// different digest than `catalog` by then, the script fails and changes nothing.
pub fn baseline_script(lines: &[SumLine], catalog: &CatalogFacts) -> String {
    let mut rows = String::new();
    for (number, SumLine { name, up, chain }) in (1..).zip(lines) {
        let comma = if number == 1 { "" } else { "," };
        let _ = write!(rows, "{comma}\n  ({number}, '{name}', '{up}', '{chain}', 'done')");
    }
    replace_placeholders(include_str!("baseline.sql")).replace("@ROWS@", &rows).replace("@WAS@", catalog.digest())
}
