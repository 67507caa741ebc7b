//! The services of an environment, of all categories: core, optional and custom services, services of plugins, frontends
//! that run in a container, and additional GraphQL endpoints.

use std::collections::{BTreeMap, BTreeSet};

use super::server_image::ServerImage;
use super::service_names::{ACME, DATABASE, REPLICA, original_of, service_name};
use super::wiring::Planned;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{self, EnvValue, Process, Profile, Stack, TlsMode};
use crate::values::{Checked, ContainerPath, ServiceName, SqlIdent, Text, VariableName};

/// A service of the environment, with the field that declares it.
#[derive(Debug, Clone)]
pub struct PlannedService {
    pub service: stack::Service,
    pub path: FieldPath,
    pub category: Category,
}

/// The origin of a service of the environment.
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
    /// An additional process of this service.
    Process(ServiceName),
    /// A service or job of this plugin.
    Plugin(ServiceName),
}

impl PlannedService {
    /// Returns the service of an additional process; `None` for any other service.
    pub fn process_of(&self) -> Option<&ServiceName> {
        match &self.category {
            Category::Process(service) => Some(service),
            _ => None,
        }
    }

    /// Returns the service whose database role and files this one uses: the service of a process, otherwise itself.
    pub fn main_service<'a>(&'a self, name: &'a ServiceName) -> &'a ServiceName {
        self.process_of().unwrap_or(name)
    }
}

/// The services of an environment by name. An entry is called a member.
pub type Roster = BTreeMap<ServiceName, PlannedService>;

/// Returns a finding if a service has the name of a job that the plan adds. `task` says what the job does.
pub fn name_of_job_taken(roster: &Roster, job: &ServiceName, task: &str) -> Option<Diagnostic> {
    let service = roster.get(job)?;
    Some(
        Diagnostic::error(Code::NameTaken, service.path.clone())
            .message(format!("the name `{job}` is reserved for the job that {task}"))
            .hint("rename the service"),
    )
}

/// Returns the plugin to which a service or one of its processes belongs; `None` for services of the stack.
pub fn plugin_of<'a>(roster: &'a Roster, name: &'a ServiceName) -> Option<&'a ServiceName> {
    let member = roster.get(name)?;
    match &roster.get(member.main_service(name))?.category {
        Category::Plugin(plugin) => Some(plugin),
        _ => None,
    }
}

/// Returns the services that plugins declare, each with its plugin: the key is the service.
fn plugin_services(stack: &Stack) -> BTreeMap<&ServiceName, &ServiceName> {
    let services = stack
        .plugins
        .iter()
        .flat_map(|(plugin, declared)| declared.all_services().map(move |service| (service, plugin)));
    services.collect()
}

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
    let uses_acme = tls_mode(stack, profile) == TlsMode::Acme;
    let plugins = plugin_services(stack);
    for (name, service) in &stack.services {
        if service.runs_in(profile) && (name.as_str() != ACME || uses_acme) {
            let category = match plugins.get(name) {
                Some(plugin) => Category::Plugin((*plugin).clone()),
                None if service.catalogue.is_some() => Category::Catalogue,
                None => Category::Custom,
            };
            let path = path!("services", name);
            roster.insert(name.clone(), PlannedService { service: service.clone(), path, category });
        }
    }
    for (name, frontend) in &stack.frontends {
        let container = frontend.container.as_ref().filter(|_| profile != Profile::Local);
        if let Some(container) = container
            && includes(stack, profile, frontend)
        {
            let mut service = (**container).clone();
            service.route = None;
            let path = path!("frontends", name, "container");
            let member = PlannedService { service, path, category: Category::Frontend };
            findings.extend(insert(&mut roster, name, member));
        }
    }
    for (name, endpoint) in &stack.graphql_endpoints {
        if endpoint.enabled.unwrap_or(true) {
            findings.extend(match endpoint_service(stack, name, endpoint) {
                Some((copy, member)) => insert(&mut roster, &copy, member),
                None => Some(
                    Diagnostic::error(Code::UnknownDependency, path!("graphql_endpoints", name, "copy_of"))
                        .message(format!("the stack has no service `{}` to copy", original_of(endpoint)))
                        .hint("name a service with a GraphQL port, usually `hasura`"),
                ),
            });
        }
    }
    move_data_volume(&mut roster);
    run_replica_like_primary(&mut roster);
    if stack.database_server.external.is_some() {
        leave_out_server(&mut roster);
    }
    leave_out_without_companions(&mut roster);
    findings.extend(add_processes(&mut roster, profile));
    Planned::without_wirings(roster, findings)
}

/// Leaves out the database server, and the dependencies on it: an external server replaces it.
fn leave_out_server(roster: &mut Roster) {
    let server = service_name(DATABASE);
    roster.remove(&server);
    for member in roster.values_mut() {
        member.service.depends_on.remove(&server);
        member.service.connects_to.retain(|name| *name != server);
    }
}

/// Leaves out services whose companions (`only_with`) are not part of the environment, such as the exporter of a server
/// that does not run.
fn leave_out_without_companions(roster: &mut Roster) {
    let names: BTreeSet<ServiceName> = roster.keys().cloned().collect();
    roster.retain(|_, member| member.service.only_with.iter().all(|name| names.contains(name)));
}

/// Adds the additional processes of all services. From here on, a process is a service.
fn add_processes(roster: &mut Roster, profile: Profile) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut processes = Vec::new();
    for (service, member) in roster.iter() {
        let declared_processes = member.service.processes.iter().map(|(process, declared)| {
            let name = Process::service_name(service, process);
            (name, member.path.key("processes").key(process.as_str()), declared)
        });
        let processes_in_profile: Vec<_> =
            declared_processes.filter(|(_, _, declared)| declared.runs_in(profile)).collect();
        // The processes of the service in the environment, including the one for which a service is added.
        let siblings: Vec<ServiceName> = processes_in_profile.iter().map(|(name, _, _)| service_name(name)).collect();
        for ((name, path, declared), full_name) in processes_in_profile.into_iter().zip(&siblings) {
            if let Some(reason) = ServiceName::refusal(&name) {
                findings.push(
                    Diagnostic::error(Code::BadName, path)
                        .message(format!(
                            "the process would run as the service `{name}`, which is not a valid name: {reason}"
                        ))
                        .hint("give the process or its service a shorter name"),
                );
                continue;
            }
            let process = declared.as_service(&member.service, full_name, &siblings);
            let category = Category::Process(service.clone());
            processes.push((full_name.clone(), PlannedService { service: process, path, category }));
        }
    }
    findings.extend(processes.into_iter().filter_map(|(name, process)| insert(roster, &name, process)));
    findings
}

/// The folder of the volume in images of PostgreSQL up to version 17.
const OLD_VOLUME: &str = "/var/lib/postgresql/data";
/// The folder of the volume in images since version 18.
const NEW_VOLUME: &str = "/var/lib/postgresql";

/// Moves the volume of PostgreSQL 18 and later to the folder that its image uses. The path of the data folder
/// inside the volume stays the same, so that the server refuses the data of an older version instead of creating an empty
/// database.
fn move_data_volume(roster: &mut Roster) {
    let image = roster.get(&service_name(DATABASE)).and_then(|member| member.service.image.clone());
    let Some(version) = image.and_then(|image| ServerImage::of(image.as_str())?.major) else { return };
    if version < 18 {
        return;
    }
    let data_folder = VariableName::wrap("PGDATA".into());
    for name in [DATABASE, REPLICA].map(service_name) {
        let Some(service) = roster.get_mut(&name).map(|member| &mut member.service) else { continue };
        let Some(volume) = service.volumes.values_mut().find(|volume| volume.path.as_str() == OLD_VOLUME) else {
            continue;
        };
        volume.path = ContainerPath::wrap(NEW_VOLUME.into());
        if let Some(EnvValue::Text(folder)) = service.env.get_mut(&data_folder)
            && let Some(subfolder) = folder.as_str().strip_prefix(OLD_VOLUME)
        {
            *folder = Text::wrap(format!("{NEW_VOLUME}{subfolder}"));
        }
    }
}

/// Copies image, user and command of the primary to a replica that does not set them, since it reads the same data files.
fn run_replica_like_primary(roster: &mut Roster) {
    let Some(primary) = roster.get(&service_name(DATABASE)).map(|member| member.service.clone()) else { return };
    let Some(replica) = roster.get_mut(&service_name(REPLICA)).map(|member| &mut member.service) else { return };
    if replica.image.is_none() && replica.build.is_none() {
        (replica.image, replica.build, replica.layout) = (primary.image, primary.build, primary.layout);
    }
    replica.user = replica.user.take().or(primary.user);
    let owned_folders = replica.tmpfs.iter_mut().filter(|tmpfs| tmpfs.owner.is_some());
    owned_folders.for_each(|tmpfs| tmpfs.owner.clone_from(&replica.user));
    // Settings in the primary's command apply to the replica as well.
    replica.command = replica.command.take().or(primary.command);
}

/// Adds a service to the roster. Returns a finding if its name is taken.
fn insert(roster: &mut Roster, name: &ServiceName, member: PlannedService) -> Option<Diagnostic> {
    if let Some(first) = roster.get(name) {
        // A service of this name without an image is meant to be the process, which `rules::sources` reports.
        if matches!(member.category, Category::Process(_)) && has_no_source(&first.service) {
            return None;
        }
        return Some(
            Diagnostic::error(Code::NameTaken, member.path)
                .message(format!("the container name `{name}` is taken"))
                .hint("rename one of the two")
                .counterpart(first.path.clone(), "the other service"),
        );
    }
    roster.insert(name.clone(), member);
    None
}

fn has_no_source(service: &stack::Service) -> bool {
    service.image.is_none() && service.build.is_none() && service.layout.is_none()
}

/// Returns the name and the service of a GraphQL endpoint: image and settings of the original, with a route, metadata
/// database and role for the copy. `None` if the stack does not have the original.
fn endpoint_service(
    stack: &Stack,
    name: &ServiceName,
    endpoint: &stack::GraphqlEndpoint,
) -> Option<(ServiceName, PlannedService)> {
    let original = original_of(endpoint);
    let mut service = stack.services.get(&original)?.clone();
    service.routes.clear();
    service.route = Some(endpoint.route.clone());
    // The original declares the secrets, and the copy uses them.
    service.secrets.clear();
    service.aliases.clear();
    for (variable, value) in &endpoint.env {
        service.env.insert(variable.clone(), value.clone());
    }
    // An entry without a name is the main database, which the copy reaches with the role of the original. In place of
    // each named database, the copy has a separate one, such as `hasura_admin` for the endpoint `admin`.
    let suffix = name.as_str().replace('-', "_");
    service.databases.retain(|_, database_use| database_use.name.is_some());
    for database_use in service.databases.values_mut() {
        database_use.name = database_use.name.take().map(|name| SqlIdent::wrap(format!("{name}_{suffix}")));
    }
    let copy = service_name(&format!("{original}-{name}"));
    let path = path!("graphql_endpoints", name);
    Some((copy, PlannedService { service, path, category: Category::Copy(original) }))
}
