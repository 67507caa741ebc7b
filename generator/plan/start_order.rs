//! The order in which services start, in waves, from their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::Service;
use super::roster::Roster;
use crate::diagnostic::{Code, Diagnostic};
use crate::values::ServiceName;

/// Start order: each wave waits only for earlier ones.
pub fn waves(
    members: &Roster,
    services: &BTreeMap<ServiceName, Service>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Vec<ServiceName>> {
    let mut waiting: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = services
        .iter()
        .map(|(name, service)| (name, service.depends_on.keys().filter(|to| services.contains_key(*to)).collect()))
        .collect();
    let mut dependents: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, on) in &waiting {
        on.iter().for_each(|to| dependents.entry(to).or_default().push(name));
    }
    let mut waves = Vec::new();
    let mut ready: Vec<&ServiceName> = waiting.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
    while !ready.is_empty() {
        // Names come in order.
        ready.sort();
        let mut next = Vec::new();
        for name in &ready {
            waiting.remove(name);
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(on) = waiting.get_mut(dependent) {
                    on.remove(name);
                    next.extend(on.is_empty().then_some(*dependent));
                }
            }
        }
        waves.push(ready.into_iter().cloned().collect());
        ready = next;
    }
    if !waiting.is_empty() {
        findings.push(cycle(members, &waiting));
    }
    waves
}

/// Most services of a cycle that a message names.
const NAMED: usize = 20;

/// Follows the first dependency of each until a service repeats: that is a cycle.
fn cycle(members: &Roster, waiting: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>) -> Diagnostic {
    let mut trail: Vec<&ServiceName> = Vec::new();
    let mut places: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut at = waiting.keys().next().copied();
    while let Some(name) = at {
        if let Some(start) = places.get(name) {
            trail.drain(..*start);
            break;
        }
        places.insert(name, trail.len());
        trail.push(name);
        at = waiting.get(name).and_then(|on| on.iter().find(|to| waiting.contains_key(**to)).copied());
    }
    let place = |i: usize| {
        let next = trail[(i + 1) % trail.len()];
        members[trail[i]].path.key("depends_on").key(next.as_str())
    };
    let mut names: Vec<&str> = trail.iter().chain(trail.first()).map(|name| name.as_str()).collect();
    let more = trail.len().saturating_sub(NAMED);
    let others = format!("… {more} more …");
    if more > 0 {
        names.splice(NAMED..NAMED + more, [others.as_str()]);
    }
    let finding = Diagnostic::error(Code::DependencyCycle, place(0))
        .message(format!("services wait for each other: {}", names.join(" -> ")))
        .hint("if one of them only talks to the other later, move it from `depends_on` to `connects_to`");
    let shown = if more > 0 { NAMED - 1 } else { trail.len() };
    (1..shown)
        .fold(finding, |finding, i| finding.related(place(i), format!("`{}` waits for `{}`", names[i], names[i + 1])))
}
