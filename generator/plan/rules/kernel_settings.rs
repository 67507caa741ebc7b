//! Rules of `sysctls`: a container does not start with a setting that the kernel does not have, or that belongs to the host.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::roster::PlannedService;
use crate::words;

/// The settings of the kernel's networks, without the names of interfaces: `net.ipv6.conf.*.forwarding`.
const NETWORK_SETTINGS: &str = include_str!("network_settings.txt");

/// Settings outside of `net` and `fs.mqueue` that each container has, from `libcontainer/configs/validate` of runc.
const CONTAINER_SETTINGS: [&str; 9] = [
    "kernel.domainname",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// The maximum difference in length between a misspelled name and the one that was meant.
const MAX_LENGTH_DIFFERENCE: usize = 1;

/// Refuses settings of the host, and warns of names that are probably misspelled.
pub fn check(member: &PlannedService) -> Vec<Diagnostic> {
    let names = member.service.sysctls.keys();
    let findings = names.filter_map(|name| {
        let path = member.path.key("sysctls").key(name.as_str());
        let name = name.as_str();
        if name.starts_with("net.") {
            return misspelled(name).map(|near| {
                Diagnostic::warning(Code::KernelSetting, path)
                    .message(format!("Linux has no setting `{name}`, so the container would not start"))
                    .hint(format!("did you mean `{near}`?"))
            });
        }
        let is_of_container = name.starts_with("fs.mqueue.") || CONTAINER_SETTINGS.contains(&name);
        (!is_of_container).then(|| {
            Diagnostic::error(Code::KernelSetting, path)
                .message(format!(
                    "containers share the setting `{name}` with the host, so the container would not start"
                ))
                .expected("a setting of `net.*`, `fs.mqueue.*`, `kernel.shm*`, `kernel.msg*` or `kernel.sem`")
                .hint(words::suggestion_or(
                    name,
                    CONTAINER_SETTINGS,
                    "set it on the host, in a file below /etc/sysctl.d",
                ))
        })
    });
    findings.collect()
}

/// Returns the setting that a name of `net` probably means; `None` if the name is right or is similar to no other. Kernels
/// have different settings, so an unknown name can be right.
fn misspelled(name: &str) -> Option<String> {
    let mut parts: Vec<&str> = name.split('.').collect();
    // `net.ipv6.conf.eth0.forwarding`
    let interface = match parts.as_mut_slice() {
        [_, _, "conf" | "neigh", interface, _] => Some(std::mem::replace(interface, "*")),
        _ => None,
    };
    let pattern = parts.join(".");
    if NETWORK_SETTINGS.lines().any(|known| known == pattern) {
        return None;
    }
    let near = words::nearest(&pattern, NETWORK_SETTINGS.lines())?;
    let is_near = near.len().abs_diff(pattern.len()) <= MAX_LENGTH_DIFFERENCE;
    is_near.then(|| near.replace('*', interface.unwrap_or("all")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_settings_of_networks_are_found() {
        for name in
            ["net.core.somaxconn", "net.ipv4.conf.eth0.rp_filter", "net.ipv4.vs.conntrack", "net.future.a_setting"]
        {
            assert_eq!(misspelled(name), None, "{name}");
        }
        assert_eq!(misspelled("net.core.somaxcon").as_deref(), Some("net.core.somaxconn"));
        assert_eq!(misspelled("net.ipv6.conf.eth0.disable_ipv").as_deref(), Some("net.ipv6.conf.eth0.disable_ipv6"));
    }
}
