//! The services of an environment, of all categories: core, optional and custom services, frontends that run in a
//! container, and additional GraphQL endpoints.

use std::collections::{BTreeMap, BTreeSet};

use super::service_names::{ACME, DATABASE, REPLICA, service_name};
use super::wiring::Planned;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{self, Profile, Stack, TlsMode};
use crate::values::{Checked, ServiceName, SqlIdent};

/// A service of the environment, with the field that declares it.
#[derive(Debug, Clone)]
pub struct PlannedService {
    pub service: stack::Service,
    pub path: FieldPath,
    pub category: Category,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Category {
    /// A service of the library.
    Catalogue,
    /// A service of the project.
    Custom,
    /// The container of a frontend.
    Frontend,
    /// A copy of this service.
    Copy(ServiceName),
}

pub type Roster = BTreeMap<ServiceName, PlannedService>;

/// Returns the declared source of certificates, or the default of the profile.
pub fn tls_mode(stack: &Stack, profile: Profile) -> TlsMode {
    let default = if profile == Profile::Local { TlsMode::Local } else { TlsMode::Acme };
    stack.tls.mode.unwrap_or(default)
}

/// Returns whether the environment serves this frontend.
pub fn includes(stack: &Stack, profile: Profile, frontend: &stack::Frontend) -> bool {
    let default = stack.include_frontends.unwrap_or(profile != Profile::Prod);
    frontend.enabled.unwrap_or(true) && frontend.include.unwrap_or(default)
}

/// Returns all services that run in the environment, as declared.
pub fn roster(stack: &Stack, profile: Profile) -> Planned<Roster> {
    let mut roster = Roster::new();
    let mut findings = Vec::new();
    let acme = tls_mode(stack, profile) == TlsMode::Acme;
    for (name, service) in &stack.services {
        if service.runs_in(profile) && (name.as_str() != ACME || acme) {
            let category = if service.catalogue.is_some() { Category::Catalogue } else { Category::Custom };
            let path = path!("services", name);
            roster.insert(name.clone(), PlannedService { service: service.clone(), path, category });
        }
    }
    for (name, frontend) in &stack.frontends {
        let container = frontend.container.as_ref().filter(|_| profile != Profile::Local);
        if let Some(container) = container.filter(|_| includes(stack, profile, frontend)) {
            let mut service = (**container).clone();
            service.route = None;
            let path = path!("frontends", name, "container");
            let planned = PlannedService { service, path, category: Category::Frontend };
            findings.extend(insert(&mut roster, name, planned));
        }
    }
    for (name, endpoint) in &stack.graphql_endpoints {
        if endpoint.enabled.unwrap_or(true) {
            findings.extend(match copy(stack, name, endpoint) {
                Some((copy, planned)) => insert(&mut roster, &copy, planned),
                None => Some(
                    Diagnostic::error(Code::UnknownDependency, path!("graphql_endpoints", name, "copy_of"))
                        .message("`copy_of` names a service that the stack does not have")
                        .hint("name a service with a GraphQL port, usually `hasura`"),
                ),
            });
        }
    }
    leave_out_companions(&mut roster);
    run_replica_like_primary(&mut roster);
    Planned::part(roster, findings)
}

/// Leaves out services whose companions are not part of the environment, such as the exporter of a server.
fn leave_out_companions(roster: &mut Roster) {
    let names: BTreeSet<ServiceName> = roster.keys().cloned().collect();
    roster.retain(|_, planned| planned.service.only_with.iter().all(|name| names.contains(name)));
}

/// Copies image, user and command of the primary to a replica that does not set them, since it reads the same files.
fn run_replica_like_primary(roster: &mut Roster) {
    let Some(primary) = roster.get(&service_name(DATABASE)).map(|planned| planned.service.clone()) else { return };
    let Some(replica) = roster.get_mut(&service_name(REPLICA)).map(|planned| &mut planned.service) else { return };
    if replica.image.is_none() && replica.build.is_none() {
        (replica.image, replica.build, replica.layout) = (primary.image, primary.build, primary.layout);
    }
    replica.user = replica.user.take().or(primary.user);
    let owned = replica.tmpfs.iter_mut().filter(|tmpfs| tmpfs.owner.is_some());
    owned.for_each(|tmpfs| tmpfs.owner.clone_from(&replica.user));
    // Settings in the primary's command apply to the replica as well.
    replica.command = replica.command.take().or(primary.command);
}

fn insert(roster: &mut Roster, name: &ServiceName, planned: PlannedService) -> Option<Diagnostic> {
    if let Some(first) = roster.get(name) {
        return Some(
            Diagnostic::error(Code::NameTaken, planned.path)
                .message(format!("the container name `{name}` is taken"))
                .hint("rename one of the two")
                .related(first.path.clone(), "the other one"),
        );
    }
    roster.insert(name.clone(), planned);
    None
}

/// Returns the service of a GraphQL endpoint: image and settings of the original, with a name, route, metadata database
/// and role of the copy.
fn copy(stack: &Stack, name: &ServiceName, endpoint: &stack::GraphqlEndpoint) -> Option<(ServiceName, PlannedService)> {
    let original = endpoint.copy_of.clone().unwrap_or_else(|| service_name("hasura"));
    let mut service = stack.services.get(&original)?.clone();
    service.routes.clear();
    service.route = Some(endpoint.route.clone());
    // The original declares the secrets; the copy uses the same ones.
    service.secrets.clear();
    service.aliases.clear();
    for (variable, value) in &endpoint.env {
        service.env.insert(variable.clone(), value.clone());
    }
    // The copy reaches the main database with the role of the original. Of each named database it gets a second one.
    let suffix = name.as_str().replace('-', "_");
    service.databases.retain(|_, uses| uses.name.is_some());
    for uses in service.databases.values_mut() {
        uses.name = uses.name.take().map(|name| SqlIdent::wrap(format!("{name}_{suffix}")));
    }
    let copy = service_name(&format!("{original}-{name}"));
    let path = path!("graphql_endpoints", name);
    Some((copy, PlannedService { service, path, category: Category::Copy(original) }))
}
