//! The ledger that a server keeps in its schema `nself`: which migrations it has, and the digest of the catalog to
//! which they led. Whoever writes it, the generated runner or `db baseline`, does so by the statements of this folder.

mod facts;
pub mod settings;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::CATALOG;
use super::history::SumLine;

pub use facts::CatalogFacts;

/// Statements by the signs that stand for them.
const TEXTS: [(&str, &str); 8] = [
    // Settings of a session; ends it at a pooler.
    ("@SESSION@", include_str!("session.sql")),
    // Ends the session at a standby, and where its role is not the owner of the database or could become more than that.
    ("@ROLE@", include_str!("role.sql")),
    // The function that runs SQL of the project.
    ("@APPLY@", include_str!("apply.sql")),
    // Ends the session when it lost the lock; a pooler may have given it another server process.
    ("@HELD@", include_str!("held.sql")),
    ("@TABLES@", include_str!("tables.sql")),
    // Ends the session where another role owns objects.
    ("@OWNED@", include_str!("owned.sql")),
    // The function that digests the catalog.
    ("@DIGEST@", include_str!("digest.sql")),
    // Keeps the digest for whoever comes next.
    ("@SEAL@", include_str!("seal.sql")),
];

/// A text with the statements of the ledger in place of their signs. None of them is made of names.
pub fn fill(text: &str) -> String {
    let text = TEXTS.iter().fold(text.to_owned(), |text, (sign, statements)| text.replace(sign, statements.trim_end()));
    let text = text.replace("@PRINTED@", &settings::clauses());
    text.replace("@CATALOG@", CATALOG.trim_end().trim_end_matches(';'))
}

/// Asks for the facts of a catalog, which [`CatalogFacts::read`] reads.
pub fn facts() -> String {
    let settings = settings::statements();
    fill(&format!("{settings}@DIGEST@\nSELECT pg_temp.nself_catalog();\n@CATALOG@;\n"))
}

/// Runs statements of the project in a session that has its search path of its own, each of them as one.
pub fn apply<'a>(statements: impl IntoIterator<Item = (&'a str, RunIn)>) -> String {
    let mut text = fill("@APPLY@\n");
    for (sql, alone) in statements {
        text.push_str(&applied(sql, alone));
    }
    text
}

/// Whether statements run outside of any transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunIn {
    NoTransaction,
    Transaction,
}

/// The letters of base64 mean nothing to psql and to SQL, so the statements cannot be read as anything else on their way.
fn applied(sql: &str, alone: RunIn) -> String {
    let file = format!("pg_catalog.decode('{}', 'base64')", STANDARD.encode(sql));
    let run = match alone {
        RunIn::Transaction => format!("SELECT pg_temp.nself_apply({file}) \\g /dev/null\n"),
        RunIn::NoTransaction => format!("SELECT pg_catalog.convert_from({file}, 'UTF8') \\gexec\n"),
    };
    format!("SET search_path = public;\n{run}RESET ROLE;\nSET search_path = pg_catalog, pg_temp;\n")
}

/// Fills an empty ledger as if these migrations had run, if the catalog still has this digest. Changes nothing else,
/// and nothing at all when it refuses.
pub fn baseline(lines: &[SumLine], catalog: &CatalogFacts) -> String {
    let mut rows = String::new();
    for (number, SumLine { name, up, chain }) in (1..).zip(lines) {
        let comma = if number == 1 { "" } else { "," };
        let _ = write!(rows, "{comma}\n  ({number}, '{name}', '{up}', '{chain}', 'done')");
    }
    fill(include_str!("baseline.sql")).replace("@ROWS@", &rows).replace("@WAS@", catalog.digest())
}
