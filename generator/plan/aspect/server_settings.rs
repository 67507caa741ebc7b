//! Plans the settings of the database servers. Defaults follow from the memory limit of each server and from the extensions
//! of its databases. `database_server.settings` and `-c` in a server's command replace defaults.

use std::collections::{BTreeMap, BTreeSet};

use super::server_files::{SERVERS, setting_argument};
use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::assemble::memory_limit;
use crate::plan::backup_services::replication_clients;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{DATABASE, service_name};
use crate::plan::wiring::{Planned, Wiring};
use crate::stack::Stack;
use crate::values::{Memory, ServiceName};

/// Connections that a server accepts unless the stack sets `max_connections`.
const DEFAULT_CONNECTIONS: u64 = 200;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// The name of the setting with the libraries that a server loads when it starts.
const LIBRARIES_SETTING: &str = "shared_preload_libraries";
/// The extension whose library every server loads.
const STATEMENT_STATISTICS: &str = "pg_stat_statements";

/// Settings that do not depend on the server's memory.
const FIXED_SETTINGS: [(&str, &str); 6] = [
    // Statements from one second on are logged, without the values of their parameters, which may be personal data.
    ("log_min_duration_statement", "1s"),
    ("log_parameter_max_length", "0"),
    ("log_lock_waits", "on"),
    // An open transaction without activity keeps locks and dead rows.
    ("idle_in_transaction_session_timeout", "5min"),
    // The text of ALTER ROLE contains a password.
    ("pg_stat_statements.track_utility", "off"),
    ("pg_stat_statements.max", "5000"),
];
/// The server retains this much WAL for a replica or a receiver that is disconnected. A client that falls further
/// behind must copy the server again. Without this limit, the WAL would fill the server's disk.
const RETAINED_WAL: (&str, &str) = ("max_slot_wal_keep_size", "4GB");

/// Adds the settings to the commands of the server and its replica. `libraries` has the libraries that extensions of the
/// databases need, and settings of these extensions.
pub fn plan(stack: &Stack, roster: &Roster, libraries: &Libraries) -> Planned<()> {
    let mut planned = Planned::default();
    for (name, _) in SERVERS {
        let name = service_name(name);
        if let Some(server) = roster.get(&name) {
            let wirings = wirings(stack, roster, (&name, server), libraries);
            planned.wirings.extend(wirings);
        }
    }
    planned
}

/// Libraries that the server has to load for extensions, and settings of these extensions.
#[derive(Debug, Default)]
pub struct Libraries {
    pub names: BTreeSet<String>,
    pub settings: BTreeMap<String, String>,
}

/// Returns `max_connections` in the settings of the stack; `None` if it is not set or not a positive number.
fn declared_connections(stack: &Stack) -> Option<u64> {
    let declared = stack.database_server.settings.get("max_connections");
    declared.and_then(|text| text.as_str().parse().ok()).filter(|connections| *connections > 0)
}

/// Returns how many connections the server of the stack accepts; `None` if the stack has no server, or if the command of
/// the server sets the number.
pub fn max_connections(stack: &Stack, roster: &Roster) -> Option<u64> {
    let server = roster.get(&service_name(DATABASE))?;
    let declared = declared_connections(stack);
    declared.or_else(|| (!is_in_command(server, "max_connections")).then_some(DEFAULT_CONNECTIONS))
}

/// Returns the settings of one server as wirings of its command.
fn wirings(
    stack: &Stack,
    roster: &Roster,
    (name, server): (&ServiceName, &PlannedService),
    libraries: &Libraries,
) -> Vec<Wiring> {
    let declared = &stack.database_server.settings;
    let connections = declared_connections(stack).unwrap_or(DEFAULT_CONNECTIONS);
    let mut defaults = settings_for_memory(memory_limit(&server.service), connections);
    defaults.extend(FIXED_SETTINGS.map(|(setting, value)| (setting.to_owned(), value.to_owned())));
    if !replication_clients(roster).is_empty() {
        defaults.insert(RETAINED_WAL.0.to_owned(), RETAINED_WAL.1.to_owned());
    }
    let loaded_libraries = [STATEMENT_STATISTICS].into_iter().chain(libraries.names.iter().map(String::as_str));
    defaults.insert(LIBRARIES_SETTING.to_owned(), loaded_libraries.collect::<Vec<_>>().join(","));
    defaults.extend(libraries.settings.clone());
    defaults.retain(|setting, _| !declared.contains_key(setting.as_str()) && !is_in_command(server, setting));
    let wiring = |setting: &str, value: &str, cause: FieldPath| {
        Wiring::new(name, setting_argument(&format!("{setting}={value}")), &cause)
    };
    let limit = server.path.key("limits").key("memory");
    let default_wirings = defaults.iter().map(|(setting, value)| wiring(setting, value, limit.clone()));
    let declared_wirings = declared.iter().map(|(setting, value)| {
        wiring(setting.as_str(), value.as_str(), path!("database_server", "settings", setting))
    });
    default_wirings.chain(declared_wirings).collect()
}

/// Returns the settings that follow from the memory limit. The server's cache gets a quarter of the limit. The memory
/// outside of this cache is divided among sorts: two for each possible connection. The planner of queries may expect
/// that three quarters of the limit cache data, in the server or in the file cache.
fn settings_for_memory(limit: Memory, connections: u64) -> BTreeMap<String, String> {
    let buffers = (limit.0 / 4).clamp(16 * MIB, 16 * GIB);
    let memory_per_sort = limit.0.saturating_sub(buffers) / (2 * connections.max(1));
    let sizes = [
        ("shared_buffers", buffers),
        ("effective_cache_size", limit.0 / 4 * 3),
        ("work_mem", memory_per_sort.clamp(MIB, 64 * MIB)),
        ("maintenance_work_mem", (limit.0 / 16).clamp(16 * MIB, GIB)),
        ("max_wal_size", limit.0.clamp(GIB, 8 * GIB)),
    ];
    // In PostgreSQL, `kB` means 1024 bytes.
    let sizes = sizes.map(|(setting, bytes)| (setting.to_owned(), format!("{}kB", bytes >> 10)));
    sizes.into_iter().chain([("max_connections".to_owned(), connections.to_string())]).collect()
}

/// Returns whether the command of a server contains a setting.
fn is_in_command(server: &PlannedService, setting: &str) -> bool {
    // Settings have the forms `-c name=value`, `-cname=value` and `--name=value`. In the first form, the assignment is a
    // separate word.
    let assignments = server.service.command.iter().flatten().filter_map(|word| {
        let word = word.as_str();
        word.strip_prefix("--").or(word.strip_prefix("-c")).unwrap_or(word).split_once('=')
    });
    let mut names = assignments.map(|(name, _)| name.replace('-', "_"));
    names.any(|name| name == setting)
}
