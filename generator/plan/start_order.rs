//! The order in which services start, in waves, from their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Service;
use super::roster::Roster;
use super::wiring::{Planned, Wirings};
use crate::diagnostic::{Code, Diagnostic};
use crate::values::ServiceName;

/// Plans the start order: each wave waits only for earlier ones. Services of plugins are in the last waves, so that no
/// other service waits for the wave of a plugin. Reports NS302 for a cycle of dependencies; its services are in no wave.
pub fn plan(
    roster: &Roster,
    services: &BTreeMap<ServiceName, Service>,
    wirings: &Wirings,
) -> Planned<Vec<Vec<ServiceName>>> {
    let mut waiting: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = services
        .iter()
        .map(|(name, service)| (name, service.depends_on.keys().filter(|to| services.contains_key(*to)).collect()))
        .collect();
    let mut dependents: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, dependencies) in &waiting {
        dependencies.iter().for_each(|to| dependents.entry(to).or_default().push(name));
    }
    let is_of_plugin = |name: &ServiceName| services.get(name).is_some_and(|service| service.plugin.is_some());
    let mut waves = Vec::new();
    let ready = waiting.iter().filter(|(_, dependencies)| dependencies.is_empty()).map(|(name, _)| *name);
    let (mut ready_of_plugins, mut ready): (Vec<&ServiceName>, Vec<&ServiceName>) =
        ready.partition(|name| is_of_plugin(name));
    while !ready.is_empty() {
        // The names of a wave are sorted.
        ready.sort();
        let mut next = Vec::new();
        for name in &ready {
            waiting.remove(name);
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(dependencies) = waiting.get_mut(dependent) {
                    dependencies.remove(name);
                    next.extend(dependencies.is_empty().then_some(*dependent));
                }
            }
        }
        waves.push(ready.into_iter().cloned().collect());
        let (next_of_plugins, next_of_stack) = next.into_iter().partition(|name| is_of_plugin(name));
        ready_of_plugins.extend::<Vec<_>>(next_of_plugins);
        ready = next_of_stack;
        if ready.is_empty() {
            ready = std::mem::take(&mut ready_of_plugins);
        }
    }
    let findings = if waiting.is_empty() { Vec::new() } else { vec![cycle(roster, wirings, &waiting)] };
    Planned::without_wirings(waves, findings)
}

/// Maximum number of services of a cycle that a message names.
const MAX_NAMED_SERVICES: usize = 20;

/// Returns the finding for a cycle: follows the first dependency of each service until a service repeats.
fn cycle(roster: &Roster, wirings: &Wirings, waiting: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>) -> Diagnostic {
    let mut trail: Vec<&ServiceName> = Vec::new();
    let mut positions: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut current = waiting.keys().next().copied();
    while let Some(name) = current {
        if let Some(start) = positions.get(name) {
            trail.drain(..*start);
            break;
        }
        positions.insert(name, trail.len());
        trail.push(name);
        current = waiting
            .get(name)
            .and_then(|dependencies| dependencies.iter().find(|to| waiting.contains_key(**to)).copied());
    }
    // A dependency that an aspect added is reported at the field that caused it.
    let dependency_path = |i: usize| {
        let next = trail[(i + 1) % trail.len()];
        let member = &roster[trail[i]];
        let wired = || wirings.dependencies(trail[i]).find(|(to, _)| *to == next).map(|(_, cause)| cause.clone());
        let declared = member.service.depends_on.contains_key(next);
        let field = member.path.key("depends_on").key(next.as_str());
        if declared { field } else { wired().unwrap_or(field) }
    };
    let mut names: Vec<&str> = trail.iter().chain(trail.first()).map(|name| name.as_str()).collect();
    let omitted = trail.len().saturating_sub(MAX_NAMED_SERVICES);
    let omission = format!("… {omitted} more …");
    if omitted > 0 {
        names.splice(MAX_NAMED_SERVICES..MAX_NAMED_SERVICES + omitted, [omission.as_str()]);
    }
    let finding = Diagnostic::error(Code::DependencyCycle, dependency_path(0))
        .message(format!("services wait for each other: {}", names.join(" -> ")))
        .hint("if one of them connects to the other only after its start, move it from `depends_on` to `connects_to`");
    // The last name before the omission is followed by a service that is not named.
    let named_count = if omitted > 0 { MAX_NAMED_SERVICES - 1 } else { trail.len() };
    (1..named_count).fold(finding, |finding, i| {
        finding.related(dependency_path(i), format!("`{}` waits for `{}`", names[i], names[i + 1]))
    })
}
