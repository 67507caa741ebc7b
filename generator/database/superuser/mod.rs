//! Statements of superuser sessions. They are fixed, resolve names only in the server's own schemas (`search_path =
//! pg_catalog, pg_temp`), and run no SQL of the project.

/// Placeholders and the statements that replace them.
const STATEMENTS: [(&str, &str); 2] = [
    // Begins a superuser session; also used after reconnecting.
    ("@SUPERUSER@", include_str!("session.sql")),
    // Creates the extension that the variable `nself_extension` names, unless it exists.
    ("@EXTENSION@", include_str!("extension.sql")),
];

/// Replaces the placeholders in a text with the statements. No statement is built from names.
pub fn replace_placeholders(text: &str) -> String {
    STATEMENTS
        .iter()
        .fold(text.to_owned(), |text, (placeholder, statements)| text.replace(placeholder, statements.trim_end()))
}
