//! Which services an environment has, from all categories: core, optional and custom services, frontends
//! that run in a container, further GraphQL endpoints, and the one-shot that prepares volumes.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{self, Profile, Stack, TlsMode};
use crate::values::{Checked, ServiceName, SqlIdent};

/// The service that faces the internet; every stack has it.
pub const PROXY_SERVICE: &str = "nginx";
/// The database server.
pub const DATABASE: &str = "postgres";
/// The pooler in front of it.
pub const POOLER: &str = "pgbouncer";
/// Its streaming replica.
pub const REPLICA: &str = "postgres-replica";
/// The client of the certificate authority, present when certificates come from one.
pub const ACME: &str = "acme";
/// The one-shot that sets the owner of data volumes.
pub const VOLUME_OWNER: &str = "volume-owner";

/// A service of the environment with the place where the user wrote it.
#[derive(Debug, Clone)]
pub struct PlannedService {
    pub service: stack::Service,
    pub path: FieldPath,
    pub category: Category,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Category {
    /// Written in the library.
    Catalogue,
    /// Written by the user.
    Custom,
    /// A frontend's container.
    Frontend,
    /// A copy of this service.
    Copy(ServiceName),
}

pub type Roster = BTreeMap<ServiceName, PlannedService>;

/// The service named `text`, one of the constants above.
pub fn service_name(text: &str) -> ServiceName {
    ServiceName::wrap(text.to_owned())
}

/// How certificates are obtained unless the user says so.
pub fn tls_mode(stack: &Stack, profile: Profile) -> TlsMode {
    let usual = if profile == Profile::Local { TlsMode::Local } else { TlsMode::Acme };
    stack.tls.mode.unwrap_or(usual)
}

/// Whether the environment serves this frontend.
pub fn includes(stack: &Stack, profile: Profile, frontend: &stack::Frontend) -> bool {
    let usual = stack.include_frontends.unwrap_or(profile != Profile::Prod);
    frontend.enabled.unwrap_or(true) && frontend.include.unwrap_or(usual)
}

/// All services that run in the environment.
pub fn members(stack: &Stack, profile: Profile, findings: &mut Vec<Diagnostic>) -> Roster {
    let mut members = Roster::new();
    let acme = tls_mode(stack, profile) == TlsMode::Acme;
    for (name, service) in &stack.services {
        if service.runs_in(profile) && (name.as_str() != ACME || acme) {
            let category = if service.catalogue.is_some() { Category::Catalogue } else { Category::Custom };
            members.insert(
                name.clone(),
                PlannedService { service: service.clone(), path: path!("services", name), category },
            );
        }
    }
    for (name, frontend) in &stack.frontends {
        let container = frontend.container.as_ref().filter(|_| profile != Profile::Local);
        if let Some(container) = container.filter(|_| includes(stack, profile, frontend)) {
            let mut service = (**container).clone();
            service.route = None;
            let path = path!("frontends", name, "container");
            insert(&mut members, name, PlannedService { service, path, category: Category::Frontend }, findings);
        }
    }
    for (name, endpoint) in &stack.graphql_endpoints {
        if endpoint.enabled.unwrap_or(true) {
            let path = path!("graphql_endpoints", name);
            match copy(stack, name, endpoint) {
                Some((name, member)) => insert(&mut members, &name, member, findings),
                None => findings.push(
                    Diagnostic::error(Code::UnknownDependency, path.key("copy_of"))
                        .message("the endpoint copies a service that the stack does not have")
                        .hint("name a service with a GraphQL port, usually `hasura`"),
                ),
            }
        }
    }
    follow(&mut members);
    members
}

/// A replica reads the files of its primary, so it runs the same program as the same user.
fn follow(members: &mut Roster) {
    let Some(primary) = members.get(&service_name(DATABASE)).map(|member| member.service.clone()) else { return };
    let Some(replica) = members.get_mut(&service_name(REPLICA)).map(|member| &mut member.service) else { return };
    if replica.image.is_none() && replica.build.is_none() {
        (replica.image, replica.build, replica.layout) = (primary.image, primary.build, primary.layout);
    }
    replica.user = replica.user.take().or(primary.user);
    // What is checked at start: fewer connections than the primary's are refused.
    replica.command = replica.command.take().or(primary.command);
}

fn insert(members: &mut Roster, name: &ServiceName, member: PlannedService, findings: &mut Vec<Diagnostic>) {
    if let Some(other) = members.get(name) {
        findings.push(
            Diagnostic::error(Code::NameTaken, member.path)
                .message(format!("the container name `{name}` is taken"))
                .hint("rename one of the two")
                .related(other.path.clone(), "the other one"),
        );
        return;
    }
    members.insert(name.clone(), member);
}

/// The endpoint's own service: same image and settings, own name, route, metadata database and role.
fn copy(stack: &Stack, name: &ServiceName, endpoint: &stack::GraphqlEndpoint) -> Option<(ServiceName, PlannedService)> {
    let original = endpoint.copy_of.clone().unwrap_or_else(|| service_name("hasura"));
    let mut service = stack.services.get(&original)?.clone();
    service.routes.clear();
    service.route = Some(endpoint.route.clone());
    // The original declares the secrets; the copy uses the same ones.
    service.secrets.clear();
    for (variable, value) in &endpoint.env {
        service.env.insert(variable.clone(), value.clone());
    }
    // The main database is reached as the original; what the original owns, the copy owns once more.
    let suffix = name.as_str().replace('-', "_");
    service.databases.retain(|_, uses| uses.name.is_some());
    for uses in service.databases.values_mut() {
        uses.name = uses.name.take().map(|own| SqlIdent::wrap(format!("{own}_{suffix}")));
    }
    let of = original.clone();
    let path = path!("graphql_endpoints", name);
    Some((service_name(&format!("{original}-{name}")), PlannedService { service, path, category: Category::Copy(of) }))
}
