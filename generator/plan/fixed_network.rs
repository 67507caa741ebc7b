//! The network of fixed addresses of an environment, and the number of each service in it.

use std::collections::BTreeMap;

use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName, ServiceName, Subnet};

/// The smallest number of a service: the last number of its address, such as 2 in `198.18.0.2`. The address before it
/// belongs to the bridge.
const FIRST: u8 = 2;
/// The number after the largest number of a service. Clients have the addresses from this number on.
const END: u8 = 128;
/// The number of services that have an address.
pub const CAPACITY: usize = (END - FIRST) as usize;

/// Returns the services by the last numbers of their addresses. The hash of a service's name selects its number; if an
/// earlier service has this number, the next free one. There must not be more services than numbers.
pub fn numbers<'a>(names: impl Iterator<Item = &'a ServiceName>) -> BTreeMap<u8, &'a ServiceName> {
    let mut names_by_number = BTreeMap::new();
    for name in names {
        let start = hash(name.as_str()) as usize % CAPACITY;
        let mut candidates = (FIRST..END).cycle().skip(start).take(CAPACITY);
        if let Some(number) = candidates.find(|number| !names_by_number.contains_key(number)) {
            names_by_number.insert(number, name);
        }
    }
    names_by_number
}

/// Returns the network of an environment: as declared, else one of the 512 networks in the range for tests of networks
/// (RFC 2544), which is neither routed nor used by container engines. The names of project and environment select the
/// network, so that environments of one machine have different networks in most cases; `rules::machines` compares them.
pub fn subnet(stack: &Stack, environment: &EnvironmentName) -> Subnet {
    stack.compose.fixed_subnet.clone().unwrap_or_else(|| {
        let number = hash(&format!("{}-{environment}", stack.project)) % 512;
        Subnet::wrap(format!("198.{}.{}.0/24", 18 + number / 256, number % 256))
    })
}

/// Returns the hash of a text: FNV-1a with 32 bits, whose upper half is mixed into the lower one.
fn hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the numbers of services by their names.
    fn numbers_by_name(names: impl IntoIterator<Item = String>) -> BTreeMap<String, u8> {
        let names: BTreeSet<ServiceName> = names.into_iter().map(ServiceName::wrap).collect();
        numbers(names.iter()).into_iter().map(|(number, name)| (name.to_string(), number)).collect()
    }

    #[test]
    fn an_added_service_does_not_change_the_numbers_of_other_services() {
        let members = || (1..=3).flat_map(|i| [format!("redis-{i}"), format!("redis-sentinel-{i}")]);
        let before = numbers_by_name(members());
        let mut moved_names = 0;
        for added in ["api", "cache", "redis-4", "redis-sentinel-0", "zookeeper"] {
            let after = numbers_by_name(members().chain([added.to_owned()]));
            assert_eq!(after.len(), before.len() + 1);
            moved_names += before.iter().filter(|(name, number)| after[*name] != **number).count();
        }
        assert_eq!(moved_names, 0);
    }

    #[test]
    fn if_two_names_give_the_same_number_the_later_name_has_the_next_number() {
        let names: Vec<String> = (0..200).map(|i| format!("member-{i:03}")).collect();
        let number_alone = |name: &String| numbers_by_name([name.clone()])[name];
        let mut pairs =
            names.iter().enumerate().flat_map(|(i, first)| names[i + 1..].iter().map(move |later| (first, later)));
        let is_same_number = |(first, later): &(&String, &String)| {
            number_alone(first) == number_alone(later) && number_alone(first) < END - 1
        };
        let (first, later) = pairs.find(is_same_number).unwrap();
        let numbers = numbers_by_name([first.clone(), later.clone()]);
        assert_eq!((numbers[first], numbers[later]), (number_alone(first), number_alone(first) + 1));
    }

    #[test]
    fn all_numbers_are_in_use_when_the_network_is_full() {
        let numbers = numbers_by_name((0..END - FIRST).map(|i| format!("member-{i}")));
        let numbers: BTreeSet<u8> = numbers.into_values().collect();
        assert!(numbers.into_iter().eq(FIRST..END));
    }
}
