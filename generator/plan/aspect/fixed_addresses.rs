//! Plans the network of services with fixed addresses. A container engine resolves only the names of containers that run, so
//! these services and their clients have the addresses in their files of hosts.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::fixed_network::{self, CAPACITY};
use crate::plan::inputs::Inputs;
use crate::plan::model::FixedNetwork;
use crate::plan::roster::Roster;
use crate::plan::service_names::PROXY_SERVICE;
use crate::plan::wiring::Planned;

/// Plans the addresses. The number of each follows from the name of its service, so it stays the same if other services are
/// added. Only if two names give the same number, the later name has the next free one.
pub fn plan(inputs: Inputs, roster: &Roster) -> Planned<Option<FixedNetwork>> {
    let mut planned = Planned::default();
    let members = || roster.iter().filter(|(_, member)| member.service.fixed_address);
    if members().next().is_none() {
        return planned;
    }
    planned.findings.extend(members().nth(CAPACITY).map(|(_, member)| {
        Diagnostic::error(Code::FixedAddress, member.path.key("fixed_address"))
            .message(format!(
                "more than {CAPACITY} services have a fixed address, but the network has only {CAPACITY} addresses for services"
            ))
            .expected(format!("at most {CAPACITY} services with `fixed_address`"))
            .hint("remove `fixed_address` from services that clients can reach by name")
    }));
    planned.findings.extend(members().find(|(name, _)| name.as_str() == PROXY_SERVICE).map(|(name, member)| {
        Diagnostic::error(Code::FixedAddress, member.path.key("fixed_address"))
            .message(format!(
                "`{name}` cannot have a fixed address, since it would leave the network `edge` of its upstreams"
            ))
            .expected(format!("no `fixed_address` for `{name}`"))
            .hint(format!("remove it; other services reach `{name}` by its name"))
    }));
    let subnet = fixed_network::subnet(inputs.stack, inputs.environment);
    let numbers = fixed_network::numbers(members().take(CAPACITY).map(|(name, _)| name));
    let addresses = numbers.into_iter().map(|(number, name)| (name.clone(), subnet.address(number))).collect();
    planned.value = Some(FixedNetwork { subnet, addresses });
    planned
}
