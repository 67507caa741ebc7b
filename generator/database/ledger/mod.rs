//! The ledger that a server keeps in its schema `nself`: which migrations it has, and the digest of the catalog to
//! which they led. Whoever writes it, the generated runner or `db baseline`, does so by the statements of this folder.

mod facts;
pub mod settings;

use std::fmt::Write;

use super::CATALOG;
use super::history::Line;

pub use facts::Facts;

/// Statements by the signs that stand for them.
const TEXTS: [(&str, &str); 5] = [
    // Settings of a session; ends it where no ledger can be kept, at a pooler or a standby.
    ("@SESSION@", include_str!("session.sql")),
    // Ends the session when it lost the lock; a pooler may have given it another server process.
    ("@HELD@", include_str!("held.sql")),
    ("@TABLES@", include_str!("tables.sql")),
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

/// Asks for the facts of a catalog, which [`Facts::read`] reads.
pub fn facts() -> String {
    let settings = settings::statements();
    fill(&format!("SET search_path = public;\n{settings}@DIGEST@\nSELECT pg_temp.nself_catalog();\n@CATALOG@;\n"))
}

/// Fills an empty ledger as if these migrations had run, if the catalog still has this digest. Changes nothing else,
/// and nothing at all when it refuses.
pub fn baseline(lines: &[Line], catalog: &Facts) -> String {
    let mut rows = String::new();
    for (number, Line { name, up, chain }) in (1..).zip(lines) {
        let comma = if number == 1 { "" } else { "," };
        let _ = write!(rows, "{comma}\n  ({number}, '{name}', '{up}', '{chain}', 'done')");
    }
    fill(include_str!("baseline.sql")).replace("@ROWS@", &rows).replace("@WAS@", catalog.digest())
}
