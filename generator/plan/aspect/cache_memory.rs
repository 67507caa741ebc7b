//! The memory limit of Redis (`maxmemory`). If it is below the memory limit of the container, a full Redis refuses writes.
//! Without it, the kernel kills Redis, and writes that are not yet in the append-only file are lost.

use std::collections::BTreeMap;

use crate::plan::assemble::memory_limit;
use crate::plan::model::{File, FileContent};
use crate::plan::roster::Roster;
use crate::plan::wiring::{Addition, Planned, Wiring, Wirings};
use crate::stack::Service;
use crate::values::{Checked, ServiceName, Text};

/// The catalogue entry of Redis services.
const REDIS: &str = "redis";
/// Share of the memory limit for data, in percent. The rest is for buffers, fragmentation and the memory pages that change
/// while a forked process writes the data to a file.
const DATA_PERCENT: u64 = 60;

/// The setting: an argument with `--` before it, or the first word of a line of a configuration.
const SETTING: &str = "maxmemory";

/// Wires `--maxmemory` into every Redis whose command and configuration do not set it. `wirings` mount `files`.
pub fn plan(roster: &Roster, wirings: &Wirings, files: &BTreeMap<String, File>) -> Planned<()> {
    let caches = roster.iter().filter(|(name, member)| {
        member.service.has_catalogue_entry(REDIS)
            && !is_set_by_command(&member.service)
            && !is_set_by_secret(&member.service)
            && !is_set_by_file(name, wirings, files)
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

/// Returns whether the command sets the memory limit.
fn is_set_by_command(service: &Service) -> bool {
    service.command_words().flat_map(str::split_whitespace).any(|word| word.trim_start_matches('-') == SETTING)
}

/// Returns whether a configuration in a secret sets the memory limit.
fn is_set_by_secret(service: &Service) -> bool {
    let templates = service.secrets.values().filter_map(|secret| secret.template.as_ref());
    templates.flatten().filter_map(|part| part.text.as_ref()).any(|text| is_set_by_configuration(text.as_str()))
}

/// Returns whether a configuration file that is mounted into the service sets the memory limit.
fn is_set_by_file(service: &ServiceName, wirings: &Wirings, files: &BTreeMap<String, File>) -> bool {
    wirings.of_service(service).any(|(addition, _)| match addition {
        Addition::Config(mount) => files.get(&mount.source).is_some_and(|file| match &file.content {
            FileContent::Text(text) => is_set_by_configuration(text),
            FileContent::Yaml(_) | FileContent::Json(_) => false,
        }),
        _ => false,
    })
}

/// Returns whether a line of a configuration, other than a comment, sets the memory limit.
fn is_set_by_configuration(text: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case(SETTING)))
}
