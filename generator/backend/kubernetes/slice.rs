//! The part of the plan from which the objects of one service are generated. The objects are written from a plan that
//! is reduced to this part, so the part's digest covers every value in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::artifact::{Digest, StepInput};
use crate::backend::{Backend, PlanDigests};
use crate::plan::{Connection, DatabaseSetup, IngressPlan, Migrations, Plan, Secret, Service, Volume};
use crate::values::{SecretName, ServiceName, SqlIdent, VolumeName};

/// The plan with indexes by service, from which the part for each service is selected.
pub struct ServiceSlices<'a> {
    plan: &'a Plan,
    digests: &'a PlanDigests,
    /// The parts of the plan that all services share; the other parts are empty.
    shared_plan: Plan,
    shared_digest: Digest,
    connections: BTreeMap<&'a ServiceName, BTreeSet<&'a Connection>>,
    volumes: BTreeMap<&'a ServiceName, BTreeMap<&'a VolumeName, &'a Volume>>,
    shared_volumes: &'a BTreeSet<&'a VolumeName>,
    /// The index of each service's wave in the start order.
    waves: BTreeMap<&'a ServiceName, usize>,
    /// The digest of the input of all mounted files.
    mounted_digest: &'a Digest,
}

/// The part of the plan for one service. Its serialization is the input of the service's derivation.
#[derive(Serialize)]
pub struct ServiceSlice<'a> {
    /// The digest of the parts of the plan that all services share.
    #[serde(rename = "head")]
    shared_digest: &'a Digest,
    /// The service and the jobs for which it waits. The serialization has their digests instead.
    #[serde(skip)]
    services: BTreeMap<&'a ServiceName, &'a Arc<Service>>,
    /// The digest of each of these services, by the name of its part of the plan, such as `services.orders`.
    digests: BTreeMap<&'a String, &'a Digest>,
    connections: BTreeSet<&'a Connection>,
    /// The volumes that the service owns.
    volumes: BTreeMap<&'a VolumeName, &'a Volume>,
    /// The volumes of the service that have a separate claim.
    #[serde(rename = "shared")]
    separate_claims: BTreeSet<&'a VolumeName>,
    /// The index of the service's wave in the start order.
    wave: Option<usize>,
    migrations: BTreeMap<&'a SqlIdent, Migrations>,
    setup: Option<DatabaseSetup>,
    secrets: BTreeMap<&'a SecretName, Secret>,
    /// The digest of the input of all mounted files; `None` for a service that mounts none.
    mounted: Option<&'a Digest>,
}

impl<'a> ServiceSlices<'a> {
    pub fn new(
        plan: &'a Plan,
        digests: &'a PlanDigests,
        shared_volumes: &'a BTreeSet<&'a VolumeName>,
        mounted_digest: &'a Digest,
    ) -> Self {
        let mut connections: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for connection in &plan.connections {
            connections.entry(&connection.from).or_default().insert(connection);
            connections.entry(&connection.to).or_default().insert(connection);
        }
        let mut volumes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (name, volume) in &plan.volumes {
            volumes.entry(&volume.owner).or_default().insert(name, volume);
        }
        let shared_plan = shared_plan(plan);
        let shared_digest = Digest::of_value(&shared_plan);
        // Objects depend on the start order only through the number of a wave, which they contain only for Argo CD.
        let has_waves = plan.kubernetes.as_ref().is_some_and(|cluster| cluster.settings.has_waves());
        let waves = plan.start_order.iter().enumerate().filter(|_| has_waves);
        let waves = waves.flat_map(|(index, wave)| wave.iter().map(move |name| (name, index))).collect();
        ServiceSlices {
            plan,
            digests,
            shared_plan,
            shared_digest,
            connections,
            volumes,
            shared_volumes,
            waves,
            mounted_digest,
        }
    }

    /// Returns the part of the plan for a service.
    pub fn slice(&'a self, name: &'a ServiceName, service: &'a Arc<Service>) -> ServiceSlice<'a> {
        let mut services = BTreeMap::from([(name, service)]);
        let mut migrations = BTreeMap::new();
        let mut secrets = BTreeMap::new();
        // This service's objects do not depend on the other services that use the secret.
        let without_users = |secret: &Secret| Secret {
            file_readers: BTreeSet::new(),
            variable_readers: BTreeSet::new(),
            ..secret.clone()
        };
        let setup = self.plan.setup.as_ref().filter(|setup| service.depends_on.contains_key(&setup.job));
        let setup = setup.map(|setup| {
            services.extend(self.plan.services.get_key_value(&setup.job));
            let extensions_by_secret = setup.waiters.get(name).cloned().unwrap_or_default();
            let url_secrets = extensions_by_secret.keys().filter_map(|name| self.plan.secrets.get_key_value(name));
            secrets.extend(url_secrets.map(|(name, secret)| (name, without_users(secret))));
            DatabaseSetup { waiters: BTreeMap::from([(name.clone(), extensions_by_secret)]), ..setup.clone() }
        });
        let waits_for = |migrations: &Migrations| service.depends_on.contains_key(&migrations.job);
        for (database, planned) in self.plan.migrations.iter().filter(|(_, migrations)| waits_for(migrations)) {
            services.extend(self.plan.services.get_key_value(&planned.job));
            let waiter = planned.waiters.get_key_value(name);
            let url_secret = waiter.and_then(|(_, secret_name)| self.plan.secrets.get_key_value(secret_name));
            secrets.extend(url_secret.map(|(secret_name, secret)| (secret_name, without_users(secret))));
            // The pods wait only for the last migration.
            let reduced_migrations = Migrations {
                job: planned.job.clone(),
                owner: planned.owner.clone(),
                waiters: waiter.map(|(name, secret)| (name.clone(), secret.clone())).into_iter().collect(),
                steps: planned.steps.last().cloned().into_iter().collect(),
                roles: BTreeSet::new(),
                seeds: Vec::new(),
                grants: Vec::new(),
                events: None,
            };
            migrations.insert(database, reduced_migrations);
        }
        let volumes = self.volumes.get(name).cloned().unwrap_or_default();
        let used_volumes = service.volumes.iter().map(|mount| &mount.volume).chain(volumes.keys().copied());
        let digest = |name: &&ServiceName| self.digests.service(name).map(|(name, part)| (name, &part.digest));
        ServiceSlice {
            shared_digest: &self.shared_digest,
            digests: services.keys().filter_map(digest).collect(),
            connections: self.connections.get(name).cloned().unwrap_or_default(),
            wave: self.waves.get(name).copied(),
            separate_claims: used_volumes.filter(|volume| self.shared_volumes.contains(volume)).collect(),
            mounted: (!service.config.is_empty()).then_some(self.mounted_digest),
            services,
            volumes,
            migrations,
            setup,
            secrets,
        }
    }

    /// Returns the plan that is reduced to the part of a service. Its start order has empty waves before the service's
    /// own wave, so that the wave keeps its index.
    pub fn reduced_plan(&self, slice: &ServiceSlice, name: &ServiceName) -> Plan {
        let service = |(name, service): (&&ServiceName, &&Arc<Service>)| ((*name).clone(), Arc::clone(service));
        Plan {
            services: slice.services.iter().map(service).collect(),
            start_order: slice.wave.map_or_else(Vec::new, |wave| {
                let earlier_waves = std::iter::repeat_n(Vec::new(), wave);
                earlier_waves.chain([vec![name.clone()]]).collect()
            }),
            connections: slice.connections.iter().map(|connection| (*connection).clone()).collect(),
            volumes: slice.volumes.iter().map(|(name, volume)| ((*name).clone(), (*volume).clone())).collect(),
            setup: slice.setup.clone(),
            migrations: slice
                .migrations
                .iter()
                .map(|(name, migrations)| ((*name).clone(), migrations.clone()))
                .collect(),
            secrets: slice.secrets.iter().map(|(name, secret)| ((*name).clone(), secret.clone())).collect(),
            ..self.shared_plan.clone()
        }
    }
}

impl<'a> ServiceSlice<'a> {
    /// Returns the input of the step that writes the service's folder.
    pub fn step_input(&self) -> StepInput {
        StepInput::of(Backend::Kubernetes.generator(), self)
    }

    /// Returns the volumes of the service that have a separate claim.
    pub fn shared_volumes(&self) -> BTreeSet<&'a VolumeName> {
        self.separate_claims.clone()
    }
}

/// Returns the parts of the plan that all services share; the other parts are empty.
fn shared_plan(plan: &Plan) -> Plan {
    let ingress = IngressPlan {
        service: plan.ingress.service.clone(),
        sites: BTreeMap::new(),
        rate_limits: BTreeMap::new(),
        internal_addresses: BTreeSet::new(),
        this_machine_is_internal: false,
        trusted_proxies: BTreeSet::new(),
        proxies_are_listed: false,
        max_body: plan.ingress.max_body,
        connections_per_client: plan.ingress.connections_per_client,
        capacity: plan.ingress.capacity,
        tls: plan.ingress.tls,
        https_port: None,
        http3_port: None,
        redirects_http: plan.ingress.redirects_http,
        resolver: plan.ingress.resolver.clone(),
        email: plan.ingress.email.clone(),
        nginx_snippets: BTreeMap::new(),
    };
    Plan {
        project: plan.project.clone(),
        environment: plan.environment.clone(),
        profile: plan.profile,
        domain: plan.domain.clone(),
        services: BTreeMap::new(),
        start_order: Vec::new(),
        connections: BTreeSet::new(),
        volumes: BTreeMap::new(),
        files: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ingress,
        databases: BTreeMap::new(),
        roles: BTreeMap::new(),
        pooler: None,
        replication: None,
        backups: None,
        access: None,
        setup: None,
        graphql: BTreeMap::new(),
        migrations: BTreeMap::new(),
        monitoring: None,
        fixed_network: None,
        compat: plan.compat,
        kubernetes: plan.kubernetes.clone(),
        project_folder: plan.project_folder.clone(),
    }
}
