//! The texts that PostgreSQL reads as booleans.

/// Returns whether PostgreSQL reads a text as a boolean: a beginning of `true`, `false`, `yes`, `no`, `on` or `off`, or a
/// digit (`parse_bool` in its sources).
pub fn is_postgres_boolean(text: &str) -> bool {
    let word = text.trim().to_ascii_lowercase();
    let begins = |full: &str| !word.is_empty() && full.starts_with(&word);
    // `o` alone is ambiguous.
    word == "1" || word == "0" || (word != "o" && ["true", "false", "yes", "no", "on", "off"].into_iter().any(begins))
}
