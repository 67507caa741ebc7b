//! Rules of an environment with a database server outside of the stack.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::roster::{Category, Roster};
use crate::plan::secret_list::ADMIN_PASSWORD;
use crate::plan::service_names::{REPLICA, service_name};
use crate::stack::{self, EnvReference, EnvValue, ExternalServer, Profile, Stack};
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

/// Refuses the superuser's password in services of the project. Only the server, and the jobs that the plan adds, use it.
pub fn check_superuser(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let mut fields_with_password: Vec<FieldPath> = Vec::new();
    let mut templates: Vec<(FieldPath, &stack::Secret)> =
        stack.secrets.iter().map(|(name, secret)| (path!("secrets", name), secret)).collect();
    for member in roster.values().filter(|member| member.category != Category::Catalogue) {
        let files = member.service.secret_files.iter().enumerate().filter(|(_, name)| name.as_str() == ADMIN_PASSWORD);
        fields_with_password.extend(files.map(|(i, _)| member.path.key("secret_files").index(i)));
        for (field, variables) in member.service.variables() {
            let variables = variables.iter().filter(|(_, value)| refers_to_superuser_password(value));
            fields_with_password.extend(variables.map(|(name, _)| member.path.key(field).key(name.as_str())));
        }
        let path = member.path.key("secrets");
        templates.extend(member.service.secrets.iter().map(|(name, secret)| (path.key(name.as_str()), secret)));
    }
    for (path, secret) in templates {
        let parts = secret.template.iter().flatten().enumerate();
        let parts = parts.filter(|(_, part)| part.secret.as_ref().is_some_and(|name| name.as_str() == ADMIN_PASSWORD));
        fields_with_password.extend(parts.map(|(i, _)| path.key("template").index(i)));
    }
    let finding = |path: FieldPath| {
        Diagnostic::error(Code::Superuser, path)
            .message("only the database server may use the password of the superuser")
            .expected("the role of the service, which has its own password")
            .hint("declare `databases.main` in the service, and use `nself.database_url \"main\"`")
    };
    fields_with_password.into_iter().map(finding).collect()
}

/// Returns whether a value refers to the superuser's password.
fn refers_to_superuser_password(value: &EnvValue) -> bool {
    let mut refers = false;
    value.for_each_reference(&Profile::ALL, &mut |reference| {
        refers |= matches!(reference, EnvReference::Secret(secret) if secret.as_str() == ADMIN_PASSWORD);
    });
    refers
}

/// Refuses settings that would have no effect on an external server.
fn settings_without_effect(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let with_server =
        |finding: Diagnostic| finding.related(path!("database_server", "external"), "the external server");
    if stack.database_server.tls.is_some() {
        findings.push(with_server(
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
        findings.push(with_server(
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
                "with `{address}`, the network policies would let all users of the database connect to any address"
            ))
            .expected("the addresses of the server, such as the range of its subnet")
    });
    findings.collect()
}
