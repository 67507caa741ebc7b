//! Rules of `database_server.settings`: a name or value that PostgreSQL refuses would stop the server at its next start.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::assemble::memory_limit;
use crate::plan::backup_services::replication_clients;
use crate::plan::roster::Roster;
use crate::plan::service_names::{DATABASE, service_name};
use crate::stack::Stack;
use crate::values::Memory;
use crate::values::postgres_setting::{SETTINGS, kibibytes};
use crate::words;

/// The setting that determines what the server writes to its write-ahead log (WAL).
pub const WAL_LEVEL: &str = "wal_level";
/// The setting with the largest number of clients to which the server sends its WAL.
const WAL_SENDERS: &str = "max_wal_senders";
/// The size of a page, which is the unit of `shared_buffers`, in kibibytes.
const PAGE_KIBIBYTES: f64 = 8.0;

/// Checks names and values of settings, and that the server's cache fits into its memory.
pub fn check(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, value) in &stack.database_server.settings {
        let (name, value) = (name.as_str(), value.as_str().trim());
        // Settings of extensions have a dot.
        if name.contains('.') {
            continue;
        }
        let finding = Diagnostic::error(Code::ServerSetting, path!("database_server", "settings", name));
        let Some(setting) = SETTINGS.get(name) else {
            let near = words::nearest(name, SETTINGS.keys().copied());
            findings.push(finding.message(format!("PostgreSQL has no setting `{name}`")).hint(near.map_or_else(
                || format!("remove it; for a server with other settings, add `\"-c\", \"{name}=…\"` to `services.postgres.command`, which is not checked"),
                |near| format!("did you mean `{near}`?"),
            )));
            continue;
        };
        match setting.expected(value) {
            Some(expected) => {
                findings.push(finding.message(format!("`{name}` cannot have the value `{value}`")).expected(expected));
            }
            None => findings.extend(too_large_cache(roster, name, value).map(|(message, limit)| {
                finding.message(message).expected(format!("less than {limit}, usually a quarter of it")).hint(format!(
                    "remove `{name}`, which then is a quarter of `services.{DATABASE}.limits.memory`, or raise this limit"
                ))
            })),
        }
    }
    findings.extend(check_wal(stack, roster));
    findings
}

/// Checks that the server's WAL has all that the replica and the backup services read, and that the server sends it to
/// each of them.
fn check_wal(stack: &Stack, roster: &Roster) -> Option<Diagnostic> {
    let value = |name: &str| stack.database_server.settings.get(name).map(|value| value.as_str().trim());
    let is_minimal = value(WAL_LEVEL).is_some_and(|level| level.eq_ignore_ascii_case("minimal"));
    let senders = value(WAL_SENDERS).and_then(|value| value.parse::<usize>().ok());
    let finding = |name: &str| Diagnostic::error(Code::ServerSetting, path!("database_server", "settings", name));
    let clients = replication_clients(roster);
    if let Some(client) = clients.first() {
        return if is_minimal {
            let message =
                format!("`{client}` copies the server's log, which is incomplete with `{WAL_LEVEL} = \"minimal\"`");
            let hint = format!("remove `{WAL_LEVEL}`");
            Some(finding(WAL_LEVEL).message(message).expected("`replica` or `logical`").hint(hint))
        } else if senders.is_some_and(|senders| senders < clients.len()) {
            let names = clients.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            let message = format!("the server sends its log to fewer clients than {names}");
            let expected = format!("at least {}", clients.len());
            Some(finding(WAL_SENDERS).message(message).expected(expected).hint(format!("remove `{WAL_SENDERS}`")))
        } else {
            None
        };
    }
    (is_minimal && senders != Some(0)).then(|| {
        finding(WAL_LEVEL)
            .message(format!("the server does not start with `{WAL_LEVEL} = \"minimal\"` unless `{WAL_SENDERS}` is 0"))
            .hint(format!("add `database_server.settings.{WAL_SENDERS} = \"0\"`, or remove `{WAL_LEVEL}`"))
    })
}

/// Returns the message for a cache of the server that its memory limit cannot hold, and the limit.
fn too_large_cache(roster: &Roster, name: &str, value: &str) -> Option<(String, Memory)> {
    let server = roster.get(&service_name(DATABASE)).filter(|_| name == "shared_buffers")?;
    let size = kibibytes(value, PAGE_KIBIBYTES)?;
    let limit = memory_limit(&server.service);
    let limit_in_kibibytes = u32::try_from(limit.0 >> 10).map_or(f64::MAX, f64::from);
    (size >= limit_in_kibibytes)
        .then(|| (format!("the server may use {limit} of memory, which `{name} = \"{value}\"` exceeds"), limit))
}
