//! Rules of ports and resources: a port is in its range and taken once, a limit is not below its reservation, the limit
//! of processes is sufficient, and only services without state have several replicas.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::ports::published_protocols;
use crate::plan::roster::{Category, PlannedService, Roster, plugin_of};
use crate::stack::{Protocol, Stack};
use crate::values::{Memory, PortName, ServiceName};

/// Ports of the frontends' dev servers.
const FRONTEND_PORTS: std::ops::RangeInclusive<u16> = 3000..=3099;
/// Ports of plugins.
pub const PLUGIN_PORTS: std::ops::RangeInclusive<u16> = 3820..=3849;
/// The port of a plugin that is older than the range of plugin ports.
const OLD_PLUGIN_PORT: u16 = 3203;
/// The ports of plugins, as text for messages. The port of the old plugin is left out, since new plugins do not use it.
const PLUGIN_RANGE: &str = "3820 to 3849";
/// Ports of tools.
const TOOL_PORTS: std::ops::RangeInclusive<u16> = 3102..=3202;
/// The owners of the ports from [`FIRST_CUSTOM_PORT`] on, as text for messages.
const CUSTOM_SERVICES: &str = "custom services";
/// First port of custom services.
const FIRST_CUSTOM_PORT: u16 = 8001;
/// Ports of custom services.
pub const CUSTOM_PORTS: std::ops::RangeInclusive<u16> = FIRST_CUSTOM_PORT..=u16::MAX;

/// The lowest memory limit that Docker accepts.
const MIN_MEMORY: Memory = Memory(6 << 20);

/// Checks ports, limits and replicas.
pub fn check(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = check_allocated_ports(stack, roster);
    findings.extend(check_plugin_ports(roster));
    check_published_ports(stack, roster, &mut findings);
    for (name, member) in roster {
        check_limits(member, &mut findings);
        findings.extend(check_files_in_memory(name, member));
        findings.extend(check_replicas(name, member).or_else(|| replicas_outside_range(stack, member)));
        check_listening_ports(member, &mut findings);
    }
    findings
}

/// Checks the ports of frontends, custom services and plugins: each is in its range, and taken once.
fn check_allocated_ports(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut ports_in_use: BTreeMap<u16, FieldPath> = BTreeMap::new();
    // Takes a port for the field `path`, and reports a port that is taken, or outside of the range for these owners.
    let mut claim = |port: u16, path: FieldPath, in_range: bool, (owners, range): (&str, &str)| {
        if !in_range {
            findings.push(
                Diagnostic::error(Code::PortRange, path.clone())
                    .message(format!("port {port} is outside the range of {owners}"))
                    .expected(range.to_owned())
                    .hint(match owners {
                        CUSTOM_SERVICES => format!(
                            "choose a free port of the range; if the image listens only on {port}, set `ports.http = {port}` instead of `port`"
                        ),
                        _ => "choose a free port of the range".to_owned(),
                    }),
            );
        }
        if let Some(first) = ports_in_use.insert(port, path.clone()) {
            findings.push(
                Diagnostic::error(Code::PortTaken, path)
                    .message(format!("port {port} is taken"))
                    .hint("give one of the two a different port")
                    .counterpart(first, "the other use of the port"),
            );
        }
    };
    for (name, frontend) in &stack.frontends {
        let path = path!("frontends", name, "port");
        claim(frontend.port, path, FRONTEND_PORTS.contains(&frontend.port), ("frontends", "3000 to 3099"));
    }
    for member in roster.values() {
        if let (Some(port), Category::Custom) = (member.service.port, &member.category) {
            let in_range = port >= FIRST_CUSTOM_PORT || TOOL_PORTS.contains(&port);
            let range = "8001 and up, or 3102 to 3202 for tools";
            claim(port, member.path.key("port"), in_range, (CUSTOM_SERVICES, range));
        }
    }
    for (_, member) in plugin_services(roster) {
        let ports = member.service.all_ports().into_iter();
        ports.for_each(|(key, port)| {
            claim(port, port_field(member, &key), is_plugin_port(port), ("plugins", PLUGIN_RANGE))
        });
    }
    findings
}

/// Returns the services of plugins.
fn plugin_services(roster: &Roster) -> impl Iterator<Item = (&ServiceName, &PlannedService)> {
    roster.iter().filter(|(name, _)| plugin_of(roster, name).is_some())
}

/// Checks that plugins publish only ports of their range.
fn check_plugin_ports(roster: &Roster) -> impl Iterator<Item = Diagnostic> {
    plugin_services(roster).flat_map(|(name, member)| {
        let published = member.service.publish.iter().filter(|(_, publish)| !is_plugin_port(publish.port));
        published.map(move |(key, publish)| {
            let path = member.path.key("publish").key(key.as_str()).key("port");
            Diagnostic::error(Code::PortRange, path)
                .message(format!(
                    "the plugin service `{name}` publishes port {}, which is outside the range of plugins",
                    publish.port
                ))
                .expected(format!("a port from {PLUGIN_RANGE}"))
                .hint(format!("publish a port of this range, such as `port = {}`", PLUGIN_PORTS.start()))
        })
    })
}

/// Returns whether a plugin may use a port.
fn is_plugin_port(port: u16) -> bool {
    PLUGIN_PORTS.contains(&port) || port == OLD_PLUGIN_PORT
}

/// Returns the field that declares a port: `ports.NAME`, or the short form `port`.
fn port_field(member: &PlannedService, name: &PortName) -> FieldPath {
    match member.service.ports.contains_key(name) {
        true => member.path.key("ports").key(name.as_str()),
        false => member.path.key("port"),
    }
}

/// Checks that files in memory may take at most half of the memory limit, so that the other half remains for processes. The
/// files count against the limit, and the kernel kills a container that exceeds it.
fn check_files_in_memory(name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    let (service, limit) = (&member.service, member.service.limits.memory?);
    let files = Memory(service.tmpfs.iter().map(|folder| folder.limit().0).sum());
    let reservation = service.reservations.memory.unwrap_or(Memory(0));
    // A limit below the reservation is a finding already.
    if files.0 * 2 <= limit.0 || limit < reservation {
        return None;
    }
    Some(
        Diagnostic::error(Code::FilesInMemory, member.path.key("tmpfs"))
            .message(format!("files in memory may take {files}, more than half of the {limit} that `{name}` may use"))
            .expected("at most half of the memory limit")
            .hint(format!("set `services.{name}.limits.memory = \"{}\"`, or make the folders smaller: `tmpfs = [{{ path = \"/tmp\", size = \"8MiB\" }}]`", Memory(files.0 * 2)))
            .related(member.path.key("limits").key("memory"), "the limit"),
    )
}

/// Checks that a port of the host is published once for each protocol. Addresses do not matter, since 0.0.0.0 includes
/// all of them.
fn check_published_ports(stack: &Stack, roster: &Roster, findings: &mut Vec<Diagnostic>) {
    let mut ports_in_use: BTreeMap<(u16, Protocol), FieldPath> = BTreeMap::new();
    for (service, member) in roster {
        let ports = member.service.all_ports();
        for (name, publish) in &member.service.publish {
            let path = member.path.key("publish").key(name.as_str());
            if !ports.contains_key(name) {
                let names: Vec<&str> = ports.keys().map(PortName::as_str).collect();
                findings.push(
                    Diagnostic::error(Code::UnknownPort, path.clone())
                        .message(format!("the service has no port `{name}` to publish"))
                        .expected(if names.is_empty() {
                            "the name of a port of the service".into()
                        } else {
                            crate::words::one_of(&names)
                        })
                        .hint(format!("add the port to the service: `ports.{name} = {}`", publish.port)),
                );
            }
            for protocol in published_protocols(stack, service, name, publish) {
                let Some(first) = ports_in_use.insert((publish.port, protocol), path.clone()) else { continue };
                findings.push(
                    Diagnostic::error(Code::PortTaken, path.clone())
                        .message(format!("port {} of the host is published twice", publish.port))
                        .hint("publish one of the two on a different port")
                        .counterpart(first, "this field publishes it, too"),
                );
            }
        }
    }
}

/// Checks that a container does not listen twice on one port.
fn check_listening_ports(member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    let protocol = |name: &PortName| member.service.publish.get(name).map_or(Protocol::Tcp, |publish| publish.protocol);
    let mut ports_in_use: BTreeMap<(u16, Protocol), PortName> = BTreeMap::new();
    for (name, port) in member.service.all_ports() {
        if let Some(first) = ports_in_use.insert((port, protocol(&name)), name.clone()) {
            findings.push(
                Diagnostic::error(Code::PortTaken, port_field(member, &name))
                    .message(format!("the ports `{first}` and `{name}` of the container have the same number {port}"))
                    .hint("remove one of the two, or change its number")
                    .counterpart(port_field(member, &first), "the other port"),
            );
        }
    }
}

/// Checks that limits are not below reservations, and that the limit of processes is sufficient.
fn check_limits(member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    let (limits, reservations) = (&member.service.limits, &member.service.reservations);
    if let Some(limit) = limits.memory.filter(|limit| *limit < MIN_MEMORY) {
        findings.push(
            Diagnostic::error(Code::OutOfRange, member.path.key("limits").key("memory"))
                .message(format!("with {limit} of memory, no container starts"))
                .expected(format!("at least {MIN_MEMORY}")),
        );
    }
    let mut report_low_limit = |field: &str, limit: String, reservation: String| {
        findings.push(
            Diagnostic::error(Code::LimitBelowReservation, member.path.key("limits").key(field))
                .message(format!("the limit {limit} is below the reservation {reservation}"))
                .hint("raise the limit, or lower the reservation")
                .related(member.path.key("reservations").key(field), "the reservation"),
        );
    };
    if let (Some(limit), Some(reservation)) = (limits.memory, reservations.memory)
        && limit < reservation
    {
        report_low_limit("memory", limit.to_string(), reservation.to_string());
    }
    if let (Some(limit), Some(reservation)) = (limits.cpus, reservations.cpus)
        && limit < reservation
    {
        report_low_limit("cpus", limit.to_string(), reservation.to_string());
    }
    if let (Some(pids), Some(needed)) = (limits.pids, limits.min_pids)
        && pids < needed
    {
        findings.push(
            Diagnostic::error(Code::TooFewPids, member.path.key("limits").key("pids"))
                .message(format!("the limit of {pids} processes is below the {needed} that the service may start"))
                .expected(format!("at least {needed}"))
                .hint("raise `limits.pids`, or configure the service for fewer connections"),
        );
    }
}

/// Warns of a number of replicas that `autoscale` of the same service replaces on a cluster. Elsewhere `autoscale` has no
/// effect.
fn replicas_outside_range(stack: &Stack, member: &PlannedService) -> Option<Diagnostic> {
    let scale = member.service.autoscale.as_ref().filter(|_| stack.kubernetes.enabled)?;
    let replicas = member.service.replicas.filter(|replicas| !(scale.min..=scale.max).contains(replicas))?;
    Some(
        Diagnostic::warning(Code::OutOfRange, member.path.key("replicas"))
            .message(format!(
                "`replicas` is {replicas}, but `autoscale` keeps from {} to {} of them on a cluster",
                scale.min, scale.max
            ))
            .hint("remove `replicas`, which a cluster ignores beside `autoscale`, or choose a number in that range")
            .related(member.path.key("autoscale"), "the range"),
    )
}

/// Refuses several replicas of a service with a data volume or a published port.
fn check_replicas(name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    let service = &member.service;
    if let Some(scale) = &service.autoscale
        && scale.min > scale.max
    {
        return Some(
            Diagnostic::error(Code::OutOfRange, member.path.key("autoscale").key("min"))
                .message(format!("`min` {} is larger than `max` {}", scale.min, scale.max))
                .hint("lower `min`, or raise `max`"),
        );
    }
    let has_replicas = service.replicas.is_some_and(|count| count > 1);
    let may_scale = service.autoscale.as_ref().is_some_and(|scale| scale.max > 1);
    if !has_replicas && !may_scale {
        return None;
    }
    let (reason, change) = if !service.volumes.is_empty() {
        ("it has a data volume", "move the data into a separate service")
    } else if !service.publish.is_empty() {
        ("it publishes a port of the host", "replace `publish` with a route")
    } else if service.fixed_address {
        ("it has a fixed address", "leave `fixed_address` out")
    } else {
        return None;
    };
    let (field, one_replica) =
        if has_replicas { ("replicas", "set one replica") } else { ("autoscale", "remove `autoscale`") };
    Some(
        Diagnostic::error(Code::Replicas, member.path.key(field))
            .message(format!("`{name}` can have only one replica, because {reason}"))
            .expected("one replica")
            .hint(format!("{one_replica}, or {change}")),
    )
}
