//! Statements of superuser sessions. They are fixed, resolve names only in the server's own schemas (`search_path =
//! pg_catalog, pg_temp`), and run no SQL of the project.

/// Placeholders and the statements that replace them, in this order.
const STATEMENTS: [(&str, &str); 4] = [
    // Begins a superuser session; also used after reconnecting.
    ("@SUPERUSER@", include_str!("session.sql")),
    // Creates the extension that the variable `nself_extension` names in its default schema, unless it exists.
    ("@EXTENSION@", include_str!("extension.sql")),
    // Creates the extension in the schema and version that `nself_schema` and `nself_version` name, or moves and updates
    // it. An empty variable leaves the choice to the server.
    ("@EXTENSION_IN_SCHEMA@", include_str!("extension_in_schema.sql")),
    // Fails if the script of the extension could run objects of a different role.
    ("@TRUSTED_SCHEMA@", include_str!("trusted_schema.sql")),
];

/// Replaces the placeholders in a text with the statements. No statement is built from names.
pub fn replace_placeholders(text: &str) -> String {
    STATEMENTS
        .iter()
        .fold(text.to_owned(), |text, (placeholder, statements)| text.replace(placeholder, statements.trim_end()))
}
