//! Recognises credentials in texts of the form `name = value`: lines of configuration files, and pairs of connection strings.

use super::credential_names::{is_credential, is_harmless};

/// Returns the name of the first pair in a connection string whose value is a credential: `Host=db;Password=tulip`, or
/// `host=db password=tulip`. A text with only one pair is not a connection string.
pub fn find_in_connection_string(text: &str) -> Option<&str> {
    // `None` if a part has no `=`.
    let split_pairs = |separator: fn(char) -> bool| -> Option<Vec<(&str, &str)>> {
        let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=')).collect()
    };
    let candidates = [split_pairs(|c| c == ';'), split_pairs(char::is_whitespace)];
    let pairs = candidates.into_iter().flatten().find(|pairs| pairs.len() > 1)?;
    pairs.into_iter().find(|(name, value)| is_pair_with_credential(name, value)).map(|(name, _)| name.trim())
}

/// Returns the number, counted from 1, of the first line of a configuration file that gives a credential a value:
/// `password = tulip`, or `db_password: tulip`. A value with brackets does not count, since it is code or a
/// placeholder.
pub fn line_in_configuration(text: &str) -> Option<usize> {
    let is_comment = |line: &str| line.starts_with(['#', ';', '/', '*', '-', '%', '<']);
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !is_comment(line));
    let mut assignments = lines.filter_map(|(index, line)| {
        let (name, value) = line.split_once(['=', ':'])?;
        Some((index, name, value.trim_end_matches([',', ';'])))
    });
    assignments.find(|(_, name, value)| is_pair_with_credential(name, value)).map(|(index, ..)| index + 1)
}

/// Returns whether the name of a pair is that of a credential, such as `db.password`, and its value is plain text.
pub fn is_pair_with_credential(name: &str, value: &str) -> bool {
    let name = name.trim().trim_matches('"');
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c) || c == ' ');
    // A word before the name, as in `const token = …`, is code.
    let last_part = name.rsplit('.').next().unwrap_or_default();
    // `key` alone is the name of any key.
    let is_general_key = last_part.eq_ignore_ascii_case("key") || last_part.eq_ignore_ascii_case("keys");
    is_name && !name.contains(' ') && !is_general_key && is_credential(last_part) && is_plain_value(value.trim())
}

/// Returns whether a value is neither a placeholder, a path, code, nor a small number.
fn is_plain_value(value: &str) -> bool {
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let text = unquoted.unwrap_or(value);
    let is_small_number = text.len() < 4 && text.bytes().all(|b| b.is_ascii_digit());
    let is_word_for_no_value = |text: &str| ["none", "null", "nil", "required", "optional", "default"].contains(&text);
    !is_harmless(text)
        && !text.starts_with(['$', '/', '%', '<', '{', '*', '&', '@', '!'])
        && !text.contains(['(', ')', '[', ']', '{', '}', '$', '`', ' ', '\t'])
        && !is_small_number
        && !is_word_for_no_value(&text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_connection_strings_are_read() {
        for (text, name) in [
            ("Host=db;Username=u;Password=hunter2hunter2", Some("Password")),
            ("Endpoint=sb://x/;SharedAccessKey=tulip/9=", Some("SharedAccessKey")),
            ("host=db user=u password='tulip'", Some("password")),
            ("Host=db;Username=u;", None),
            ("Host=db;Password=${DB_PASSWORD}", None),
            ("host=db passfile=/run/secrets/pgpass password=", None),
            ("password=tulip", None),
            ("max-age=3600; includeSubDomains; token=x", None),
            ("SELECT a; SET password=1", None),
        ] {
            assert_eq!(find_in_connection_string(text), name, "{text}");
        }
    }

    #[test]
    fn lines_of_configuration_files_are_read() {
        for text in [
            "[db]\npassword = hunter2hunter2\n",
            "a=1\ndb.password=\"tulip\"",
            "smtp_password: tulip",
            "{\n\"token\": \"tulip\",",
        ] {
            assert!(line_in_configuration(text).is_some(), "{text}");
        }
        assert_eq!(line_in_configuration("[db]\nuser = me\npassword = tulip\n"), Some(3));
        for text in [
            "# password = tulip",
            "password = $__file{/run/secrets/db}",
            "password_file = /run/secrets/db",
            "password: {{ password }}",
            "const token = request.token;",
            "token = get_token()",
            "password_min_length = 12",
            "key = label",
            "secrets: 3",
            "tokens = none",
            "location /token {",
        ] {
            assert_eq!(line_in_configuration(text), None, "{text}");
        }
    }
}
