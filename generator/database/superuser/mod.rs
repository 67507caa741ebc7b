//! Statements of sessions that log in as the superuser: they are nself's own, find nothing but what the server itself
//! brings (`search_path = pg_catalog, pg_temp`), and run no SQL of the project.

/// Statements by the signs that stand for them.
const TEXTS: [(&str, &str); 2] = [
    // Begins such a session, after a connection too.
    ("@SUPERUSER@", include_str!("session.sql")),
    // Makes the extension that the variable `nself_extension` names, unless it is there.
    ("@EXTENSION@", include_str!("extension.sql")),
];

/// A text with the statements in place of their signs. None of them is made of names.
pub fn fill(text: &str) -> String {
    TEXTS.iter().fold(text.to_owned(), |text, (sign, statements)| text.replace(sign, statements.trim_end()))
}
