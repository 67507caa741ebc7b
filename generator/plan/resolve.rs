//! One environment's stack to its plan. Each step decides one aspect and reports what cannot be; the plan
//! is for use only when no step reported an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::callers::published_address;
use super::roster::{ACME, DATABASE, PROXY_SERVICE, PlannedService, members, service_name, tls_mode};
use super::{Check, Cluster, ConfigMount, Health, Plan, Publish, Service, Value};
use super::{
    access, addresses::Addresses, database_endpoints, databases, definitions, dockerfile, encryption, graphql,
    migrations, order, routes, rules, secrets::Secrets, volumes,
};
use crate::database::history::HistoryFiles;
use crate::diagnostic::Diagnostic;
use crate::lock::Lock;
use crate::stack::{self, Profile, Stack, TlsMode, Zone};
use crate::values::{
    Checked, ContainerPath, Cpus, Duration, EnvironmentName, ImageRef, Memory, PortName, SecretName, ServiceName,
    SqlIdent, Text, VariableName,
};

/// Files of the project that take part, read by the caller.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    /// Hand-written nginx files: name to content.
    pub conf_d: BTreeMap<String, String>,
    /// Dockerfiles of services: path in the project to content; nothing where no file is.
    pub dockerfiles: BTreeMap<String, Option<String>>,
    /// Digests of images.
    pub lock: Lock,
    /// Migrations of the databases that the stack defines.
    pub databases: BTreeMap<SqlIdent, HistoryFiles>,
    /// The way from an environment's folder back to the project's, such as `../..`.
    pub project_folder: String,
}

/// Decides everything about one environment. With the plan come all rules that the stack breaks, not yet
/// located; the plan is whole, but what is generated from it is for use only when none is an error.
pub fn resolve(name: &EnvironmentName, stack: &Stack, files: &ProjectFiles) -> (Plan, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let profile = stack.profile.unwrap_or(Profile::Prod);
    let mut members = members(stack, profile, &mut findings);
    rules::check(stack, profile, &members, files, &mut findings);
    let addresses = Addresses::new(stack, profile, &members, &mut findings);
    let (databases, roles) = databases::plan(stack, &mut members, &mut findings);
    let definitions = definitions::check(stack, &databases, &roles, &mut findings);
    let served = graphql::served(&definitions);
    let defined = (definitions, &databases);
    let mut migrations = migrations::plan(name, stack, files, defined, &mut members, &mut findings);
    let owners: BTreeSet<&SqlIdent> = databases.values().filter_map(|database| database.owner.as_ref()).collect();
    let mut secrets = Secrets::new(stack, &members, &roles, &owners, &mut findings);
    let edge = routes::plan(stack, profile, &members, &addresses, files, &mut findings);
    if stack.kubernetes.enabled {
        findings.extend(super::for_cluster::left_out(stack, profile));
    }
    let mut edges = order::edges(&members, &edge);

    let mut services = BTreeMap::new();
    for (service_name, member) in &members {
        let mut env = BTreeMap::new();
        let fields = [("env", &member.service.env), ("extra_env", &member.service.extra_env)];
        for (field, variable, said) in
            fields.iter().flat_map(|(field, all)| all.iter().map(move |(k, v)| (field, k, v)))
        {
            let path = member.path.key(*field).key(variable.as_str());
            let scope = super::values::Scope {
                stack,
                environment: name,
                profile,
                service: service_name,
                variable,
                members: &members,
                addresses: &addresses,
            };
            let value = match scope.value(said, &path) {
                Ok(value) => value,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            rules::variable(profile, member, (variable, said), &value, &path, &mut findings);
            let known = match &value {
                Value::Secret(secret) => secrets.use_variable(secret, service_name, &path, &mut findings),
                Value::Text(_) => true,
            };
            if known {
                env.insert(variable.clone(), value);
            }
        }
        services.insert(service_name.clone(), service(service_name, member, profile, env));
    }
    for (service_name, member) in &members {
        secrets.use_files(service_name, member, &mut findings);
    }
    wire_edge(stack, profile, &edge, &mut services, &mut secrets);
    wire_migrations(&migrations, &mut services);
    let owners = migrations.values().map(|migrations| databases::password(&migrations.owner));
    wire_database(&roles, owners, &mut services, &mut secrets);
    let graphql = graphql::plan(stack, served, &members, &mut services, &mut findings);
    let tls = encryption::is_on(stack);
    let pooler = database_endpoints::pool(&roles, &mut services, &mut secrets, &mut findings, tls);
    let replication = database_endpoints::replicate(&mut services, &mut secrets);
    database_endpoints::ask(&mut migrations, &secrets);
    access::wire(&mut services);
    let maintenance: BTreeSet<ServiceName> = migrations.values().map(|migrations| migrations.job.clone()).collect();
    let access = access::plan(name, stack, &members, &maintenance, replication.as_ref(), &mut findings);
    if let Some(access) = access.as_ref().filter(|access| access.tls) {
        encryption::wire(access, &roles, &migrations, &mut services, &mut secrets);
    }
    let logins = databases::logins(&roles, &databases, &migrations, replication.as_ref());
    for (name, service) in &mut services {
        service.secret_files = secrets.files_of(name);
    }
    let volumes = volumes::plan(&members, &mut services, &mut findings);
    rules::mounts::check(&members, &services, &mut findings);
    for service in services.values_mut() {
        service.image = service.image.as_ref().map(|image| files.lock.pin(image));
        if let Some(base) = service.layout.as_mut().and_then(|layout| layout.base.as_mut()) {
            *base = files.lock.pin(base);
        }
        let dockerfile = service.build.as_ref().and_then(|build| files.dockerfiles.get(&dockerfile::dockerfile(build)));
        service.bases =
            dockerfile.and_then(Option::as_ref).map(|text| dockerfile::bases(text, &files.lock)).unwrap_or_default();
    }
    let start_order = order::waves(&members, &services, &mut findings);
    order::networks(&edges, &maintenance, &mut services);
    edges.retain(|edge| services.contains_key(&edge.from) && services.contains_key(&edge.to));

    let plan = Plan {
        project: stack.project.clone(),
        environment: name.clone(),
        profile,
        domain: addresses.domain().clone(),
        services: services.into_iter().map(|(name, service)| (name, Arc::new(service))).collect(),
        start_order,
        edges,
        volumes,
        secrets: secrets.finish(&edge),
        edge,
        databases,
        roles: logins,
        pooler,
        replication,
        access,
        migrations,
        graphql,
        compat: stack.compose.compat,
        kubernetes: stack.kubernetes.enabled.then(|| Cluster {
            namespace: super::namespace(&stack.project, name),
            tls: tls_mode(stack, profile),
            wait_image: files.lock.pin(&ImageRef::wrap(volumes::IMAGE.into())),
            settings: stack.kubernetes.clone(),
        }),
        project_folder: files.project_folder.clone(),
    };
    (plan, findings)
}

/// Defaults where neither the user nor the catalogue says anything.
const MEMORY: Memory = Memory(512 << 20);
const CPUS: Cpus = Cpus(1000);
const PIDS: u32 = 128;

fn service(
    name: &ServiceName,
    member: &PlannedService,
    profile: Profile,
    env: BTreeMap<VariableName, Value>,
) -> Service {
    let said = &member.service;
    let memory_limit = said.limits.memory.unwrap_or(MEMORY);
    let cpu_limit = said.limits.cpus.unwrap_or(CPUS);
    let ports = said.all_ports();
    Service {
        origin: member.path.clone(),
        image: said.image.clone(),
        build: said.build.clone(),
        bases: BTreeMap::new(),
        layout: said.layout.clone(),
        entrypoint: said.entrypoint.clone(),
        command: said.command.clone(),
        working_dir: said.working_dir.clone(),
        publish: publish(said, name.as_str() == PROXY_SERVICE, profile, &ports),
        health: health(said, &ports),
        ports,
        env,
        secret_files: BTreeSet::new(),
        volumes: Vec::new(),
        mounts: said.mounts.clone(),
        config: Vec::new(),
        tmpfs: said.tmpfs.clone(),
        user: said.user.clone(),
        read_only: said.read_only.unwrap_or(true),
        capabilities: said.capabilities.clone(),
        init: said.init,
        depends_on: said.depends_on.clone(),
        memory_limit,
        cpu_limit,
        pids_limit: said.limits.pids.unwrap_or(PIDS),
        memory_reservation: said.reservations.memory.unwrap_or(Memory((memory_limit.0 / 2).min(256 << 20))),
        cpu_reservation: said.reservations.cpus.unwrap_or(Cpus((cpu_limit.0 / 4).clamp(1, 250))),
        replicas: said.replicas.unwrap_or(1),
        autoscale: said.autoscale.clone(),
        zone: said.zone.unwrap_or(Zone::App),
        networks: BTreeSet::new(),
        egress: said.egress,
        reaches_host: false,
        stop_grace: said.stop_grace.unwrap_or(Duration(30_000)),
        stop_signal: said.stop_signal.clone(),
        shm_size: said.shm_size,
        one_shot: false,
        schedule: said.schedule.clone(),
        compose: said.compose.clone(),
        kubernetes: said.kubernetes.clone(),
        waive: said.waive.clone(),
    }
}

fn publish(service: &stack::Service, is_edge: bool, profile: Profile, ports: &BTreeMap<PortName, u16>) -> Vec<Publish> {
    let published = service.publish.iter().filter_map(|(port, publish)| {
        let (address, container_port) = (published_address(is_edge, profile, publish), *ports.get(port)?);
        Some(Publish { address, host_port: publish.port, container_port })
    });
    published.collect()
}

fn health(said: &stack::Service, ports: &BTreeMap<PortName, u16>) -> Health {
    let health = said.health.clone().unwrap_or_default();
    let port = |name: &Option<PortName>| {
        let name = name.clone().unwrap_or_else(|| PortName::wrap("http".into()));
        ports.get(&name).copied().unwrap_or_default()
    };
    let check = match (&health.http, &health.tcp, &health.grpc, &health.exec) {
        (Some(http), ..) => Check::Http { port: port(&http.port), path: http.path.clone(), tool: http.tool },
        (_, Some(tcp), ..) => Check::Tcp { port: port(&tcp.port) },
        (_, _, Some(grpc), _) => Check::Grpc { port: port(&grpc.port) },
        (.., Some(exec)) => Check::Exec(exec.clone()),
        _ => Check::None,
    };
    Health {
        check,
        interval: health.interval.unwrap_or(Duration(10_000)),
        timeout: health.timeout.unwrap_or(Duration(5_000)),
        retries: health.retries.unwrap_or(5),
        start_period: health.start_period.unwrap_or(Duration(30_000)),
    }
}

/// What the edge and the certificate client get beyond what the catalogue says.
fn wire_edge(
    stack: &Stack,
    profile: Profile,
    edge: &super::IngressPlan,
    services: &mut BTreeMap<ServiceName, Service>,
    secrets: &mut Secrets,
) {
    let folder = ContainerPath::wrap("/etc/nself".into());
    if let Some(nginx) = services.get_mut(&service_name(PROXY_SERVICE)) {
        nginx.config.push(ConfigMount { source: "nginx".into(), target: folder.clone() });
        nginx.reaches_host = edge.reaches_host();
        if tls_mode(stack, profile) == TlsMode::Proxy {
            nginx.publish.retain(|publish| publish.host_port != 443);
        } else if tls_mode(stack, profile) != TlsMode::Acme {
            secrets.certificate(&edge.service);
        }
    }
    if let Some(acme) = services.get_mut(&service_name(ACME)) {
        acme.config.push(ConfigMount { source: "acme".into(), target: folder });
        let command = acme.command.get_or_insert_default();
        command.push(Text::wrap(edge.email.as_ref().map_or(String::new(), ToString::to_string)));
        command.extend(edge.certificate_hosts().map(|host| Text::wrap(host.to_owned())));
    }
}

/// The jobs run once, with their files.
fn wire_migrations(migrations: &BTreeMap<SqlIdent, super::Migrations>, services: &mut BTreeMap<ServiceName, Service>) {
    for (database, migrations) in migrations {
        if let Some(job) = services.get_mut(&migrations.job) {
            job.one_shot = true;
            job.env.insert(VariableName::wrap("PGDATABASE".into()), Value::Text(database.to_string()));
            let target = ContainerPath::wrap(super::migrations::FOLDER.into());
            job.config.push(ConfigMount { source: format!("migrations/{database}"), target });
        }
    }
}

/// The database server reads the roles' passwords on its first start.
fn wire_database(
    roles: &databases::Roles,
    owners: impl Iterator<Item = SecretName>,
    services: &mut BTreeMap<ServiceName, Service>,
    secrets: &mut Secrets,
) {
    let server = service_name(DATABASE);
    if let Some(postgres) = services.get_mut(&server) {
        let target = ContainerPath::wrap("/docker-entrypoint-initdb.d".into());
        postgres.config.push(ConfigMount { source: "postgres/init".into(), target });
    }
    for password in roles.values().map(|role| role.password.clone()).chain(owners) {
        secrets.mount(&password, &server);
    }
}

impl super::IngressPlan {
    /// Whether a site forwards to the machine that runs the containers.
    pub fn reaches_host(&self) -> bool {
        let mut locations = self.sites.values().flat_map(|site| &site.locations);
        locations.any(|location| matches!(location.upstream, super::Upstream::HostMachine { .. }))
    }

    /// The names for which a certificate can be had by the HTTP challenge, in order.
    pub fn certificate_hosts(&self) -> impl Iterator<Item = &str> {
        self.sites.values().flat_map(|site| &site.hosts).map(String::as_str).filter(|host| !host.starts_with('*'))
    }
}
