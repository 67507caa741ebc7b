//! Names of parts of a stack.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{alphabet_refusal, lower, lower_digit};
use crate::codes::Code;

fn name_refusal(text: &str, max: usize) -> Option<String> {
    let form = "a-z, 0-9 and `-`, and begin with a letter";
    alphabet_refusal(text, max, form, lower, |c| lower_digit(c) || c == '-').or_else(|| {
        if text.ends_with('-') {
            Some("it ends with `-`".into())
        } else if text.contains("--") {
            Some("it has two consecutive hyphens".into())
        } else if text.len() < 2 {
            Some("it has one character, but names of containers need two".into())
        } else {
            None
        }
    })
}

checked! {
    /// The project: prefix of container, volume and network names. DNS label, 2 to 30 characters.
    ProjectName, expected: "a project name of lower-case letters, digits and single hyphens", example: "shop", refusal: |t| name_refusal(t, 30), BadName
}
checked! {
    /// A service, frontend, endpoint or plugin: container and DNS name on every target (RFC 1123 label).
    ServiceName, expected: "a name of lower-case letters, digits and single hyphens", example: "orders", refusal: |t| name_refusal(t, 40), BadName
}
checked! {
    /// An environment: folder name below the output folder.
    EnvironmentName, expected: "an environment name of lower-case letters, digits and single hyphens", example: "staging", refusal: |t| name_refusal(t, 30), BadName
}
checked! {
    /// A named container port; at most 15 characters (Kubernetes port names).
    PortName, expected: "a port name of lower-case letters, digits and single hyphens", example: "http", refusal: |t| name_refusal(t, 15), BadName
}
checked! {
    /// A data volume.
    VolumeName, expected: "a volume name of lower-case letters, digits and single hyphens", example: "data", refusal: |t| name_refusal(t, 40), BadName
}
checked! {
    /// A secret: file name below `secrets/` and, upper-cased, the variable that carries it.
    SecretName, expected: "a secret name of lower-case letters, digits and underscores", example: "postgres_password",
    refusal: |t| alphabet_refusal(t, 60, "a-z, 0-9 and `_`, and begin with a letter", lower, |c| lower_digit(c) || c == '_'), BadName
}
checked! {
    /// A PostgreSQL identifier that means the same with and without quotes. The prefix `pg_` is reserved by the server.
    SqlIdent, expected: "an SQL name of lower-case letters, digits and underscores", example: "shop",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9 and `_`, and begin with a letter or `_`", |c| lower(c) || c == '_', |c| lower_digit(c) || c == '_')
        .or_else(|| t.starts_with("pg_").then(|| "names that start with `pg_` belong to PostgreSQL".into())), BadName
}
checked! {
    /// A PostgreSQL extension (`uuid-ossp` has a hyphen; always quoted).
    ExtensionName, expected: "the name of a PostgreSQL extension", example: "pgcrypto",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9, `_` and `-`, and begin with a letter", lower, |c| lower_digit(c) || c == '_' || c == '-')
}
/// Settings of PostgreSQL about the files of the server and the ways in which clients reach it. The generated files
/// depend on their values.
const OWN_SETTINGS: [&str; 9] = [
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
    /// A setting of PostgreSQL; settings of extensions have a dot.
    SettingName, expected: "the name of a PostgreSQL setting", example: "work_mem",
    refusal: |t| alphabet_refusal(t, 63, "a-z, 0-9, `_` and `.`, and begin with a letter", lower, |c| lower_digit(c) || c == '_' || c == '.')
        .or_else(|| OWN_SETTINGS.contains(&t).then(|| "nself sets it, as other generated files depend on it".into()))
}
checked! {
    /// The name of an environment variable: a POSIX name, possibly with dots, which some programs use.
    VariableName, expected: "a variable name of letters, digits, underscores and dots", example: "LOG_LEVEL",
    refusal: |t| alphabet_refusal(t, 128, "A-Z, a-z, 0-9, `_` and `.`, and do not begin with a digit",
        |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'), BadName
}
