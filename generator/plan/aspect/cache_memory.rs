//! The memory limit of Redis (`maxmemory`). If it is below the memory limit of the container, a full Redis refuses writes.
//! Without it, the kernel kills Redis, and writes that are not yet in the append-only file are lost.

use crate::plan::assemble::memory_limit;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::values::{Checked, Text};

/// The catalogue entry of Redis services.
const REDIS: &str = "redis";
/// Share of the memory limit for data, in percent. The rest is for buffers, fragmentation and the memory pages that change
/// while a forked process writes the data to a file.
const DATA_PERCENT: u64 = 60;

/// Wires `--maxmemory` into every Redis whose command and configuration do not set it.
pub fn plan(roster: &Roster) -> Planned<()> {
    let caches = roster.iter().filter(|(_, member)| {
        member.service.catalogue.as_ref().is_some_and(|name| name.as_str() == REDIS) && !sets_memory(member)
    });
    let wirings = caches.map(|(name, member)| {
        let text = |text: &str| Text::wrap(text.to_owned());
        let bytes = memory_limit(&member.service).0 / 100 * DATA_PERCENT;
        let arguments = vec![text("--maxmemory"), text(&bytes.to_string())];
        let addition = Addition::Arguments { program: Some(text("redis-server")), arguments };
        Wiring::new(name, addition, &member.path.key("limits").key("memory"))
    });
    Planned { value: (), wirings: wirings.collect(), findings: Vec::new() }
}

/// Returns whether the command or a configuration in a secret sets `maxmemory`.
fn sets_memory(member: &PlannedService) -> bool {
    // The setting is the argument `--maxmemory`, or the line `maxmemory …` of a configuration.
    let arguments = member.service.entrypoint.iter().chain(&member.service.command).flatten();
    let templates = member.service.secrets.values().filter_map(|secret| secret.template.as_ref());
    let texts = templates.flatten().filter_map(|part| part.text.as_ref());
    arguments
        .chain(texts)
        .any(|text| text.as_str().split_whitespace().any(|word| word.trim_start_matches('-') == "maxmemory"))
}
