//! The texts that PostgreSQL reads as booleans.

/// Returns whether PostgreSQL reads a text as a boolean: `1`, `0`, or a beginning of `true`, `false`, `yes`, `no`, `on`
/// or `off`, such as `t` (`parse_bool` in its sources).
pub fn is_postgres_boolean(text: &str) -> bool {
    let word = text.trim().to_ascii_lowercase();
    let is_abbreviated = |full_word: &str| !word.is_empty() && full_word.starts_with(&word);
    // `o` alone could be `on` or `off`.
    word == "1"
        || word == "0"
        || (word != "o" && ["true", "false", "yes", "no", "on", "off"].into_iter().any(is_abbreviated))
}
