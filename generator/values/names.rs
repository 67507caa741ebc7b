//! Names of parts of a stack.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{alphabet_refusal, is_lower, is_lower_or_digit};
use crate::codes::Code;

/// Returns why a name is refused that has to be a DNS label of 2 to `max_length` characters.
fn name_refusal(text: &str, max_length: usize) -> Option<String> {
    let alphabet = "a-z, 0-9 and `-`, and begin with a letter";
    alphabet_refusal(text, max_length, alphabet, is_lower, |c| is_lower_or_digit(c) || c == '-').or_else(|| {
        if text.ends_with('-') {
            Some("it ends with `-`".into())
        } else if text.contains("--") {
            Some("it has two consecutive hyphens".into())
        } else if text.len() < 2 {
            Some("it has one character, but needs at least two".into())
        } else {
            None
        }
    })
}

checked! {
    /// The name of a project, with which the names of containers, volumes and networks begin: a DNS label of 2 to 30
    /// characters.
    ProjectName, expected: "a project name of lower-case letters, digits and single hyphens", example: "shop", refusal: |t| name_refusal(t, 30), BadName
}
checked! {
    /// The name of a service, frontend, endpoint or plugin. It is also a container name and a DNS name on every target
    /// (RFC 1123 label).
    ServiceName, expected: "a name of lower-case letters, digits and single hyphens", example: "orders", refusal: |t| name_refusal(t, 40), BadName
}
checked! {
    /// The name of an environment, and of its folder below the output folder.
    EnvironmentName, expected: "an environment name of lower-case letters, digits and single hyphens", example: "staging", refusal: |t| name_refusal(t, 30), BadName
}
checked! {
    /// The name of a container port: at most 15 characters, as Kubernetes requires.
    PortName, expected: "a port name of lower-case letters, digits and single hyphens", example: "http", refusal: |t| name_refusal(t, 15), BadName
}
checked! {
    /// The name of a data volume.
    VolumeName, expected: "a volume name of lower-case letters, digits and single hyphens", example: "data", refusal: |t| name_refusal(t, 40), BadName
}
checked! {
    /// The name of a secret, of its file below `secrets/` and, in upper case, of the variable that contains its value.
    SecretName, expected: "a secret name of lower-case letters, digits and underscores", example: "postgres_password",
    refusal: |t| alphabet_refusal(t, 60, "a-z, 0-9 and `_`, and begin with a letter", is_lower, |c| is_lower_or_digit(c) || c == '_'), BadName
}
impl SecretName {
    /// Returns the name for the secret of a variable: `SMTP_URL` → `smtp_url`; `name` for a variable whose name does not fit.
    pub fn of_variable(variable: &str) -> Self {
        let name = variable.trim_start_matches('_').to_ascii_lowercase();
        SecretName::wrap(if SecretName::refusal(&name).is_none() { name } else { "name".to_owned() })
    }
}
checked! {
    /// A PostgreSQL identifier that means the same with and without quotes. The prefix `pg_` is reserved by the server.
    SqlIdent, expected: "an SQL name of lower-case letters, digits and underscores that does not begin with `pg_`", example: "shop",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9 and `_`, and begin with a letter or `_`", |c| is_lower(c) || c == '_', |c| is_lower_or_digit(c) || c == '_')
        .or_else(|| t.starts_with("pg_").then(|| "names that start with `pg_` are reserved for PostgreSQL".into())), BadName
}
checked! {
    /// A role of Hasura's API: a name in tokens and in the header `x-hasura-role`, not a role of the database server. Hasura
    /// takes any text; `,` separates roles in settings of the service `auth`, and the other characters that are refused have
    /// a meaning in headers or in JSON.
    ApiRole, expected: "a role of the API in letters, digits and `_-.:@/+`", example: "project-manager",
    refusal: |t| alphabet_refusal(t, 100, "letters, digits and `_-.:@/+`, and begin with a letter, a digit or `_`",
        |c| c.is_ascii_alphanumeric() || c == '_', |c| c.is_ascii_alphanumeric() || "_-.:@/+".contains(c)), BadName
}
checked! {
    /// The name of a PostgreSQL extension. SQL always quotes the name, because some names, such as `uuid-ossp`, have a
    /// hyphen.
    ExtensionName, expected: "the name of a PostgreSQL extension", example: "pgcrypto",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9, `_` and `-`, and begin with a letter", is_lower, |c| is_lower_or_digit(c) || c == '_' || c == '-')
}
checked! {
    /// The version of a PostgreSQL extension, as the names of its scripts contain it.
    ExtensionVersion, expected: "the version of a PostgreSQL extension", example: "1.3",
    refusal: |t| alphabet_refusal(t, 63, "A-Z, a-z, 0-9, `_`, `.` and `-`, and begin with a letter or a digit",
        |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        .or_else(|| (t.contains("--") || t.ends_with('-')).then(|| "it ends with `-` or has two consecutive hyphens".into()))
}
/// Settings of PostgreSQL that a stack cannot set, because other generated files depend on their values: the server's
/// files, and the address and encryption that clients use.
const RESERVED_SETTINGS: [&str; 9] = [
    "config_file",
    "data_directory",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "ssl",
    "ssl_cert_file",
    "ssl_key_file",
];
checked! {
    /// The name of a PostgreSQL setting; names of settings of extensions have a dot.
    SettingName, expected: "the name of a PostgreSQL setting", example: "work_mem",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9, `_` and `.`, and begin with a letter", is_lower, |c| is_lower_or_digit(c) || c == '_' || c == '.')
        .or_else(|| RESERVED_SETTINGS.contains(&t).then(|| "nself sets this setting, because other generated files depend on its value".into()))
}
checked! {
    /// The name of a PostgreSQL setting that applies while a function runs; names of settings of extensions, and of those
    /// that programs invent, have a dot.
    FunctionSetting, expected: "the name of a PostgreSQL setting", example: "work_mem",
    refusal: |t| t.split('.').find_map(|part| alphabet_refusal(part, 63, "a-z, 0-9 and `_`, and begin with a letter or `_`; a dot divides two names",
        |c| is_lower(c) || c == '_', |c| is_lower_or_digit(c) || c == '_'))
}
checked! {
    /// The name of an environment variable: a POSIX name, possibly with dots, which some programs use.
    VariableName, expected: "a variable name of letters, digits, underscores and dots", example: "LOG_LEVEL",
    refusal: |t| alphabet_refusal(t, 128, "A-Z, a-z, 0-9, `_` and `.`, and do not begin with a digit",
        |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'), BadName
}
