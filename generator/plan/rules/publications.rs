//! Rules of publications: subscribers read them from the write-ahead log of the server, which needs all their rows.

use super::server_settings::WAL_LEVEL;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::roster::Roster;
use crate::plan::service_names::{DATABASE, service_name};
use crate::stack::Stack;

/// The start of the key of a publication in `objects` of a definition.
const PUBLICATION: &str = "publication ";
/// The value of the setting with which the log has all changes of rows.
const LOGICAL: &str = "logical";

/// Warns of publications on the server of the stack if its log is not logical. The settings of an external server are not
/// known.
pub fn check(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let Some(server) = roster.get(&service_name(DATABASE)) else { return Vec::new() };
    let level = stack.database_server.settings.get(WAL_LEVEL);
    let mut arguments = server.service.command.iter().flatten();
    let is_logical = match level {
        Some(value) => value.as_str().trim().eq_ignore_ascii_case(LOGICAL),
        None => arguments.any(|argument| argument.as_str().ends_with("wal_level=logical")),
    };
    if is_logical || stack.database_server.external.is_some() {
        return Vec::new();
    }
    let objects = stack.databases.iter().flat_map(|(database, schema)| {
        schema.objects.keys().map(move |key| (path!("databases", database, "objects", key.as_str()), key.as_str()))
    });
    let publications = objects.filter(|(_, key)| key.starts_with(PUBLICATION));
    let findings = publications.map(|(path, key)| {
        Diagnostic::warning(Code::PublicationLog, path)
            .message(format!(
                "no server can subscribe to the {key}, because the write-ahead log of this server is not logical"
            ))
            .hint(format!("set `database_server.settings.{WAL_LEVEL} = \"{LOGICAL}\"`"))
    });
    findings.collect()
}
