//! The Kubernetes target: one namespace per environment, one folder per application, one object per file.
//! Vocabulary only: every decision stands in the plan, as [`crate::plan::for_cluster`] gives it to clusters.

mod config;
mod edge;
mod fidelity;
mod gitops;
mod model;
mod network;
mod pod;
mod raw_keys;
mod secrets;
mod slice;
mod volumes;
mod wait;
mod workload;
mod writer;

pub use raw_keys::KEYS as RAW_KEYS;
pub use volumes::{FILE as VOLUMES, changed};

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::{Artifacts, Digest, Reusable, Slice};
use crate::backend::PlanDigests;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::plan::{self, Plan, Volume};
use crate::stack::{self, ClusterEdge, TlsMode, Zone};
use crate::values::{ImageRef, ServiceName, VolumeName};
use model::{Body, Labels, Metadata, Object, Spec};
use slice::Parts;
use writer::Writer;

/// The release whose rules of Pod Security the namespace is held to; later ones change nothing under our feet.
const SECURITY: &str = "v1.34";

/// A plan with what several files need of it.
struct Cluster<'a> {
    plan: &'a Plan,
    settings: &'a stack::Kubernetes,
    namespace: &'a str,
    tls: TlsMode,
    wait_image: &'a ImageRef,
    /// Of the folders that are mounted.
    configs: BTreeMap<String, Vec<config::Part>>,
    /// Volumes that other services read.
    shared: BTreeSet<&'a VolumeName>,
}

/// The files that pods mount.
pub struct Mounted<'a> {
    /// What decides their content.
    pub slice: Digest,
    pub files: &'a dyn Fn() -> Result<Artifacts, Diagnostic>,
}

/// Writes the manifests, each application by itself, and the account of what became of each field; `plan` is a cluster's, `fields` are
/// those of it, `mounted` are the files of the content ring, for this plan. Services with the same part of the plan as in
/// `kept` are left as they are.
///
/// # Errors
/// Settings that Kubernetes cannot express and nobody waived (NS701), unusable raw keys (NS702), missing settings of
/// the cluster.
pub fn emit(
    plan: &Plan,
    fields: &PlanDigests,
    mounted: &Mounted,
    kept: Reusable,
) -> Result<Vec<Artifacts>, Vec<Diagnostic>> {
    let one = |finding| vec![finding];
    let (account, mut findings) = crate::backend::fidelity::account("kubernetes", fidelity::TABLE, plan, fields);
    let users = plan.services.values().flat_map(|service| &service.volumes);
    let shared: BTreeSet<_> = users.filter(|mount| mount.read_only).map(|mount| &mount.volume).collect();
    let Some(cluster) = Cluster::new(plan, BTreeMap::new(), shared.clone()) else { return Ok(Vec::new()) };
    let parts = Parts::new(plan, fields, &shared, &mounted.slice);
    let mut writer = Writer::default();
    writer.folder("namespace", cluster.common())?;
    writer.folder("secrets", secrets::objects(&cluster, &mut findings))?;
    writer.folder("edge", edge::objects(&cluster, &mut findings))?;
    let mut files = None;
    for (name, service) in &plan.services {
        let folder = format!("apps/{name}");
        let part = parts.of(name, service);
        let slice = part.slice();
        if let Some(same) = kept.files(&format!("kubernetes/{folder}"), &slice) {
            writer.join(&folder, same);
            continue;
        }
        if !service.config.is_empty() && files.is_none() {
            files = Some((mounted.files)().map_err(one)?);
        }
        let configs = files.as_ref().map_or_else(|| Ok(BTreeMap::new()), |files| config::of(service, files));
        let own = parts.plan(&part);
        if let Some(cluster) = Cluster::new(&own, configs.map_err(one)?, part.shared())
            && let Some((name, service)) = own.services.get_key_value(name)
        {
            writer.own_folder(&folder, cluster.application(name, service, &mut findings), &slice)?;
        }
    }
    for object in gitops::objects(&cluster) {
        writer.object("gitops", &object)?;
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    writer.add("volumes.json", volumes::record(&cluster))?;
    writer.finish(account, &Slice::digested("kubernetes", fields.digest()))
}

impl<'a> Cluster<'a> {
    /// Nothing where the plan has no cluster.
    fn new(
        plan: &'a Plan,
        configs: BTreeMap<String, Vec<config::Part>>,
        shared: BTreeSet<&'a VolumeName>,
    ) -> Option<Self> {
        let decided = plan.kubernetes.as_ref()?;
        let (settings, namespace) = (&decided.settings, decided.namespace.as_str());
        Some(Cluster { plan, settings, namespace, tls: decided.tls, wait_image: &decided.wait_image, configs, shared })
    }

    fn is_shared(&self, volume: &VolumeName) -> bool {
        self.shared.contains(volume)
    }

    /// Volumes that a service owns.
    fn claims(&self, name: &'a ServiceName) -> impl Iterator<Item = (&'a VolumeName, &'a Volume)> {
        self.plan.volumes.iter().filter(move |(_, volume)| volume.owner == *name)
    }

    /// Ports of nginx that are meant for clients.
    fn front_ports(&self) -> Vec<u16> {
        let wanted: &[&str] = if self.settings.edge == ClusterEdge::NodePort { &["http", "https"] } else { &["http"] };
        let ports = self.plan.services.get(&self.plan.ingress.service).map(|edge| &edge.ports);
        let ports = ports.into_iter().flatten().filter(|(name, _)| wanted.contains(&name.as_str()));
        ports.map(|(_, port)| *port).collect()
    }

    /// Metadata of an object that belongs to no service.
    fn shared(&self, name: &str) -> Metadata {
        Metadata {
            name: name.to_owned(),
            namespace: Some(self.namespace.to_owned()),
            labels: part_of(self),
            ..Metadata::default()
        }
    }

    /// Metadata of an object of a service.
    fn metadata(&self, service: &ServiceName, zone: Zone) -> Metadata {
        Metadata { labels: labels(self, service, zone), ..self.shared(service.as_str()) }
    }

    fn object(
        &self,
        api_version: &'static str,
        kind: &'static str,
        service: &ServiceName,
        name: &str,
        zone: Zone,
        spec: Spec,
    ) -> Object {
        Object::spec(api_version, kind, Metadata { name: name.to_owned(), ..self.metadata(service, zone) }, spec)
    }

    /// The namespace, held to `restricted`, and the policies of all its pods.
    fn common(&self) -> Vec<Object> {
        let mut labels = part_of(self);
        for mode in [
            ("pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version"),
            ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version"),
            ("pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version"),
        ] {
            labels.insert(mode.0, "restricted".to_owned());
            labels.insert(mode.1, SECURITY.to_owned());
        }
        let metadata = Metadata { name: self.namespace.to_owned(), labels, ..Metadata::default() };
        let namespace = Object { api_version: "v1", kind: "Namespace", metadata, body: Body::Bare {} };
        let policies = network::common()
            .into_iter()
            .map(|(name, spec)| Object::spec("networking.k8s.io/v1", "NetworkPolicy", self.shared(name), spec));
        std::iter::once(namespace).chain(policies).collect()
    }

    /// Everything of one service.
    fn application(
        &self,
        name: &'a ServiceName,
        service: &plan::Service,
        findings: &mut Vec<Diagnostic>,
    ) -> Vec<Object> {
        allowed(service, findings);
        let metadata = self.metadata(name, service.zone);
        let body = Body::Account { automount_service_account_token: false };
        let mut objects = vec![Object { api_version: "v1", kind: "ServiceAccount", metadata, body }];
        let parts: BTreeMap<&String, &config::Part> = service
            .config
            .iter()
            .flat_map(|mount| &self.configs[&mount.source])
            .map(|part| (&part.name, part))
            .collect();
        for part in parts.into_values() {
            let metadata = Metadata { name: part.name.clone(), ..self.metadata(name, service.zone) };
            objects.push(config::object(part, metadata));
        }
        let pod = pod::pod(self, name, service, findings);
        objects.extend(workload::objects(self, name, service, pod));
        objects.extend(network::addresses(self, name, service));
        objects.extend(network::policies(self, name, service));
        objects
    }
}

/// What Pod Security `restricted` would refuse.
fn allowed(service: &plan::Service, findings: &mut Vec<Diagnostic>) {
    if service.user.as_ref().is_some_and(|user| user.as_str().starts_with("0:")) {
        findings.push(
            Diagnostic::error(Code::Unsupported, service.origin.key("user"))
                .message("the cluster admits no containers that run as root")
                .expected("a user other than 0"),
        );
    }
    for (i, capability) in service.capabilities.iter().enumerate() {
        if capability.as_str() != "NET_BIND_SERVICE" {
            findings.push(
                Diagnostic::error(Code::Unsupported, service.origin.key("capabilities").index(i))
                    .message(format!("the cluster admits no containers with the capability {capability}"))
                    .expected("none but NET_BIND_SERVICE"),
            );
        }
    }
}

impl Object {
    fn spec(api_version: &'static str, kind: &'static str, metadata: Metadata, spec: Spec) -> Self {
        Object { api_version, kind, metadata, body: Body::Spec { spec: Box::new(spec) } }
    }
}

fn part_of(cluster: &Cluster) -> Labels {
    Labels::from([
        ("app.kubernetes.io/managed-by", "nself".to_owned()),
        ("app.kubernetes.io/part-of", cluster.plan.project.to_string()),
    ])
}

fn labels(cluster: &Cluster, name: &ServiceName, zone: Zone) -> Labels {
    let mut labels = part_of(cluster);
    labels.extend(selector(name));
    labels.insert("app.kubernetes.io/component", zone.name().to_owned());
    labels
}

/// What selects a service's pods; it can never change.
fn selector(name: &ServiceName) -> Labels {
    Labels::from([("app.kubernetes.io/instance", name.to_string()), ("app.kubernetes.io/name", name.to_string())])
}

/// Bytes as a quantity.
fn bytes(memory: crate::values::Memory) -> String {
    memory.to_string().trim_end_matches('B').to_owned()
}
