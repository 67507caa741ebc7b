//! Chooses the port of a new service.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::source::{self, EvaluationRequest};

/// Returns the first port of a range that no service of the stack has, in any environment. It is the first port of the
/// range if the stack cannot be read, or if all ports of the range are taken.
pub fn free_port(request: &EvaluationRequest, mut range: RangeInclusive<u16>) -> u16 {
    let environments = source::load(request).map(|loaded| loaded.environments).unwrap_or_default();
    let services = environments.iter().flat_map(|environment| environment.stack.services.values());
    let taken_ports: BTreeSet<u16> = services.flat_map(|service| service.all_ports().into_values()).collect();
    let first_port = *range.start();
    range.find(|port| !taken_ports.contains(port)).unwrap_or(first_port)
}
