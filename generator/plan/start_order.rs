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
    // The services that are in no wave yet, each with its dependencies that are in no wave yet.
    let mut pending_dependencies: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = services
        .iter()
        .map(|(name, service)| {
            (name, service.depends_on.keys().filter(|dependency| services.contains_key(*dependency)).collect())
        })
        .collect();
    let mut dependents: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, dependencies) in &pending_dependencies {
        dependencies.iter().for_each(|dependency| dependents.entry(dependency).or_default().push(name));
    }
    let is_of_plugin = |name: &ServiceName| services.get(name).is_some_and(|service| service.plugin.is_some());
    let mut waves = Vec::new();
    let ready = pending_dependencies.iter().filter(|(_, dependencies)| dependencies.is_empty()).map(|(name, _)| *name);
    let (mut ready_of_plugins, mut ready): (Vec<&ServiceName>, Vec<&ServiceName>) =
        ready.partition(|name| is_of_plugin(name));
    while !ready.is_empty() {
        // The names of a wave are sorted.
        ready.sort();
        let mut next = Vec::new();
        for name in &ready {
            pending_dependencies.remove(name);
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(dependencies) = pending_dependencies.get_mut(dependent) {
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
    let findings = if pending_dependencies.is_empty() {
        Vec::new()
    } else {
        vec![cycle_finding(roster, wirings, &pending_dependencies)]
    };
    Planned::without_wirings(waves, findings)
}

/// Maximum number of services of a cycle that a message names.
const MAX_NAMED_SERVICES: usize = 20;

/// Returns the finding for a cycle among the services that are in no wave: follows the first pending dependency of each
/// service until a service repeats.
fn cycle_finding(
    roster: &Roster,
    wirings: &Wirings,
    pending_dependencies: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>,
) -> Diagnostic {
    // The services in the order in which they are reached; after the loop, only those of the cycle.
    let mut cycle_services: Vec<&ServiceName> = Vec::new();
    let mut positions: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut current = pending_dependencies.keys().next().copied();
    while let Some(name) = current {
        if let Some(start) = positions.get(name) {
            cycle_services.drain(..*start);
            break;
        }
        positions.insert(name, cycle_services.len());
        cycle_services.push(name);
        current = pending_dependencies.get(name).and_then(|dependencies| {
            dependencies.iter().find(|dependency| pending_dependencies.contains_key(**dependency)).copied()
        });
    }
    // Returns the field because of which the service with this index waits for the next one: its `depends_on`, or the
    // field that caused an aspect to add the dependency.
    let dependency_path = |i: usize| {
        let next = cycle_services[(i + 1) % cycle_services.len()];
        let member = &roster[cycle_services[i]];
        let aspect_path =
            || wirings.dependencies(cycle_services[i]).find(|(to, _)| *to == next).map(|(_, cause)| cause.clone());
        let is_declared = member.service.depends_on.contains_key(next);
        let field = member.path.key("depends_on").key(next.as_str());
        if is_declared { field } else { aspect_path().unwrap_or(field) }
    };
    let mut names: Vec<&str> = cycle_services.iter().chain(cycle_services.first()).map(|name| name.as_str()).collect();
    let omitted = cycle_services.len().saturating_sub(MAX_NAMED_SERVICES);
    let omission = format!("… {omitted} more …");
    if omitted > 0 {
        names.splice(MAX_NAMED_SERVICES..MAX_NAMED_SERVICES + omitted, [omission.as_str()]);
    }
    let finding = Diagnostic::error(Code::DependencyCycle, dependency_path(0))
        .message(format!("services wait for each other: {}", names.join(" -> ")))
        .hint("if one of them connects to the other only after its start, move it from `depends_on` to `connects_to`");
    // The last name before the omission is followed by a service that is not named.
    let named_count = if omitted > 0 { MAX_NAMED_SERVICES - 1 } else { cycle_services.len() };
    (1..named_count).fold(finding, |finding, i| {
        finding.related(dependency_path(i), format!("`{}` waits for `{}`", names[i], names[i + 1]))
    })
}
