//! Plans the network of services with fixed addresses. A container engine resolves only the names of containers that run, so
//! these services and their clients have the addresses in their files of hosts.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::inputs::Inputs;
use crate::plan::model::FixedNetwork;
use crate::plan::roster::Roster;
use crate::plan::wiring::Planned;
use crate::values::{Checked, EnvironmentName, ProjectName, Subnet};

/// The first address of a service; the one before is that of the bridge.
const FIRST: u8 = 2;
/// The end of the addresses of services. Clients have those from 128 on.
const END: u8 = 128;

/// Plans the addresses, in the order of the names.
pub fn plan(inputs: Inputs, roster: &Roster) -> Planned<Option<FixedNetwork>> {
    let mut planned = Planned::default();
    let members = || roster.iter().filter(|(_, member)| member.service.fixed_address);
    if members().next().is_none() {
        return planned;
    }
    let subnet = inputs.stack.compose.fixed_subnet.clone();
    let subnet = subnet.unwrap_or_else(|| default_subnet(&inputs.stack.project, inputs.environment));
    let numbers = FIRST..END;
    planned.findings.extend(members().nth(numbers.len()).map(|(_, member)| {
        Diagnostic::error(Code::FixedAddress, member.path.key("fixed_address"))
            .message("the network of fixed addresses is full")
            .expected(format!("at most {} services with `fixed_address`", numbers.len()))
    }));
    let addresses: BTreeMap<_, _> =
        members().zip(numbers).map(|((name, _), number)| (name.clone(), subnet.address(number))).collect();
    planned.part = Some(FixedNetwork { subnet, addresses });
    planned
}

/// Returns the network of an environment: one of the 512 networks in the range for tests of networks (RFC 2544), which
/// is neither routed nor used by container engines. It depends on the names, so that environments of one machine have
/// different networks.
fn default_subnet(project: &ProjectName, environment: &EnvironmentName) -> Subnet {
    let names = format!("{project}-{environment}");
    // FNV-1a with 32 bits.
    let hash = names.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = (hash ^ (hash >> 16)) % 512;
    Subnet::wrap(format!("198.{}.{}.0/24", 18 + number / 256, number % 256))
}
