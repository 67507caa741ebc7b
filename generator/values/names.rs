//! Names of parts of a stack.

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, checked};
use super::text::{lower, lower_digit, only};
use crate::codes::Code;

fn dashed(text: &str, max: usize) -> Option<String> {
    let form = "a-z, 0-9 and `-`, starting with a letter";
    only(text, max, form, lower, |c| lower_digit(c) || c == '-').or_else(|| {
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
    ProjectName, "a project name of lower-case letters, digits and single hyphens", "shop", |t| dashed(t, 30), BadName
}
checked! {
    /// A service, frontend, endpoint or plugin: container and DNS name on every target (RFC 1123 label).
    ServiceName, "a name of lower-case letters, digits and single hyphens", "orders", |t| dashed(t, 40), BadName
}
checked! {
    /// An environment: folder name below the output folder.
    EnvironmentName, "an environment name of lower-case letters, digits and single hyphens", "staging", |t| dashed(t, 30), BadName
}
checked! {
    /// A named container port; at most 15 characters (Kubernetes port names).
    PortName, "a port name of lower-case letters, digits and single hyphens", "http", |t| dashed(t, 15), BadName
}
checked! {
    /// A data volume.
    VolumeName, "a volume name of lower-case letters, digits and single hyphens", "data", |t| dashed(t, 40), BadName
}
checked! {
    /// A secret: file name below `secrets/` and, upper-cased, the variable that carries it.
    SecretName, "a secret name of lower-case letters, digits and underscores", "postgres_password",
    |t| only(t, 60, "a-z, 0-9 and `_`, starting with a letter", lower, |c| lower_digit(c) || c == '_'), BadName
}
checked! {
    /// A PostgreSQL identifier that means the same with and without quotes. The prefix `pg_` is reserved by the server.
    SqlIdent, "an SQL name of lower-case letters, digits and underscores", "shop",
    |t| only(t, 63, "a-z, 0-9 and `_`, starting with a letter or `_`", |c| lower(c) || c == '_', |c| lower_digit(c) || c == '_')
        .or_else(|| t.starts_with("pg_").then(|| "names that start with `pg_` belong to PostgreSQL".into())), BadName
}
checked! {
    /// A PostgreSQL extension (`uuid-ossp` has a hyphen; always quoted).
    ExtensionName, "the name of a PostgreSQL extension", "pgcrypto",
    |t| only(t, 63, "a-z, 0-9, `_` and `-`, starting with a letter", lower, |c| lower_digit(c) || c == '_' || c == '-')
}
/// Settings of PostgreSQL that decide where the server finds its files and how clients reach it. The generated files
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
    SettingName, "the name of a PostgreSQL setting", "work_mem",
    |t| only(t, 63, "a-z, 0-9, `_` and `.`, starting with a letter", lower, |c| lower_digit(c) || c == '_' || c == '.')
        .or_else(|| OWN_SETTINGS.contains(&t).then(|| "nself sets it, as other generated files depend on it".into()))
}
checked! {
    /// The name of an environment variable: a POSIX name, possibly with dots, which some programs use.
    VariableName, "a variable name of letters, digits, underscores and dots", "LOG_LEVEL",
    |t| only(t, 128, "A-Z, a-z, 0-9, `_` and `.`, not starting with a digit",
        |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'), BadName
}
