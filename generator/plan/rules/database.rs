//! Rules of an environment with a database server outside of the stack.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::roster::Roster;
use crate::plan::service_names::{REPLICA, service_name};
use crate::stack::{ExternalServer, Stack};
use crate::values::AddressRange;

/// Checks the settings of an external server, and that nothing depends on a server of the stack.
pub fn check(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let Some(server) = &stack.database_server.external else { return Vec::new() };
    let mut findings = settings_without_effect(stack);
    findings.extend(check_addresses(stack, server));
    if let Some(replica) = roster.get(&service_name(REPLICA)) {
        findings.push(
            Diagnostic::error(Code::DatabaseEndpoint, replica.path.clone())
                .message(format!(
                    "the replica copies a server of the stack, but the database server is the external {}",
                    server.host
                ))
                .expected("no replica in an environment with an external server")
                .hint(format!("set `services.{REPLICA}.enabled = false` in this environment")),
        );
    }
    findings
}

/// Refuses settings that would have no effect on an external server.
fn settings_without_effect(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let related = |finding: Diagnostic| finding.related(path!("database_server", "external"), "the external server");
    if stack.database_server.tls.is_some() {
        findings.push(related(
            Diagnostic::error(Code::ExternalServer, path!("database_server", "tls"))
                .message(
                    "`tls` is a setting of a server that the stack runs, but this environment uses an external server",
                )
                .expected("no `tls`: connections to an external server are encrypted")
                .hint(
                    "remove `tls`; to connect without encryption, set `database_server.external.unencrypted = \"why\"`",
                ),
        ));
    }
    if let Some(setting) = stack.database_server.settings.keys().next() {
        findings.push(related(
            Diagnostic::error(Code::ExternalServer, path!("database_server", "settings", setting))
                .message("the stack cannot change the settings of an external server")
                .expected("no `settings`")
                .hint(
                    "change them on the external server, and set `database_server.settings = null` in this environment",
                ),
        ));
    }
    findings
}

/// Checks the addresses to which network policies open connections.
fn check_addresses(stack: &Stack, server: &ExternalServer) -> Vec<Diagnostic> {
    let path = path!("database_server", "external", "addresses");
    if stack.kubernetes.enabled && server.known_addresses().is_empty() {
        return vec![
            Diagnostic::error(Code::ExternalServer, path)
                .message(format!("network policies need the addresses of {}, which are not known", server.host))
                .expected("the addresses of the server, such as the range of its subnet")
                .hint("set `database_server.external.addresses = [\"10.20.0.0/24\"]`"),
        ];
    }
    let is_everything = |address: &str| AddressRange::read(address).is_some_and(|range| range.is_everything());
    let open_ranges = server.addresses.iter().enumerate().filter(|(_, address)| is_everything(address.as_str()));
    let findings = open_ranges.map(|(index, address)| {
        Diagnostic::error(Code::ExternalServer, path.index(index))
            .message(format!(
                "with `{address}`, the network policies would let all clients of the database connect to any address"
            ))
            .expected("the addresses of the server, such as the range of its subnet")
    });
    findings.collect()
}
