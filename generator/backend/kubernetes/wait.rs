//! What a pod waits for before it starts: addresses of services that must be healthy, and databases that a job must
//! have brought to their state. Neither needs rights over the cluster.

use std::collections::BTreeMap;

use super::model::{Container, Expanded, Resources, SecretKey, Source, Variable};
use super::pod::{EPHEMERAL, ids, image, secrets_mount, security};
use super::{Cluster, SECRET_KEY, secret_name};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::{Migrations, Service, encryption};
use crate::stack::Condition;
use crate::values::{ServiceName, UserId};

/// A service's address answers once one of its pods is ready. Not every busybox knows `nc -z`.
const WAIT: &str = r#"for peer in "$@"; do until nc -w 2 "${peer%:*}" "${peer#*:}" -e true; do sleep 1; done; done"#;
/// Whether the last migration of this generation is done, by the ledger of the job's runner.
const ASK: &str = r#"until [ "$(psql -X -t -A -c "SELECT 1 FROM nself.ledger WHERE chain = '$1' AND state = 'done'" "$DATABASE_URL")" = 1 ]; do sleep 1; done"#;
/// Nobody, in Debian and Alpine.
pub const NOBODY: u32 = 65534;

/// The containers that run before the service's own.
pub fn containers(
    cluster: &Cluster,
    name: &ServiceName,
    service: &Service,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Container> {
    let mut peers = Vec::new();
    let mut databases = Vec::new();
    for (to, condition) in &service.depends_on {
        let connection =
            cluster.plan.connections.iter().find(|connection| connection.from == *name && connection.to == *to);
        let migrations = cluster.plan.migrations.values().find(|migrations| migrations.job == *to);
        let path = service.origin.key("depends_on").key(to.as_str());
        match (condition, connection, migrations) {
            // The address of a service that has started exists.
            (Condition::Started, ..) => {}
            (Condition::Healthy, Some(edge), _) => peers.push(Expanded(format!("{to}:{}", edge.port))),
            (Condition::Completed, _, Some(migrations)) => {
                databases.extend(migrated(cluster, (name, service), migrations, path, findings))
            }
            _ => findings.push(
                Diagnostic::error(Code::Unsupported, path)
                    .message(format!("a pod waits until a port of `{to}` answers, and it has none"))
                    .hint("give it the port of its health check, or wait with `'started`"),
            ),
        }
    }
    let mut containers = Vec::new();
    if !peers.is_empty() {
        let command = ["sh", "-c", WAIT, "wait"].map(|word| Expanded(word.to_owned())).to_vec();
        let image = cluster.wait_image.to_string();
        containers.push(container("wait".into(), image, command, peers, Vec::new(), None));
    }
    containers.extend(databases);
    containers
}

/// The container that asks the database by the service's own role.
fn migrated(
    cluster: &Cluster,
    (name, service): (&ServiceName, &Service),
    migrations: &Migrations,
    path: FieldPath,
    findings: &mut Vec<Diagnostic>,
) -> Option<Container> {
    let last = migrations.steps.last()?;
    let url = migrations.asked_by.get(name).filter(|url| cluster.plan.secrets.contains_key(*url));
    let job = cluster.plan.services.get(&migrations.job);
    let (Some(url), Some(job)) = (url, job) else {
        findings.push(
            Diagnostic::error(Code::Unsupported, path)
                .message("a pod asks the database whether it is migrated, and this service has no URL of it")
                .hint("give it the URL: `env.DATABASE_URL = nself.database_url \"main\"`"),
        );
        return None;
    };
    let key = SecretKey { name: secret_name(url), key: SECRET_KEY };
    let variable = Variable::Secret { name: "DATABASE_URL".into(), value_from: Source { secret_key_ref: key } };
    let command = ["sh", "-c", ASK, "migrated"].map(|word| Expanded(word.to_owned())).to_vec();
    let argument = vec![Expanded(last.chain.to_string())];
    let image = image(cluster, &migrations.job, job, findings);
    let mut container =
        container(migrations.job.to_string(), image, command, argument, vec![variable], job.user.as_ref());
    // The URL names the file of the server's authority.
    if service.secret_files.iter().any(|secret| secret.as_str() == encryption::AUTHORITY) {
        container.volume_mounts.push(secrets_mount());
    }
    Some(container)
}

fn container(
    name: String,
    image: String,
    command: Vec<Expanded>,
    args: Vec<Expanded>,
    env: Vec<Variable>,
    user: Option<&UserId>,
) -> Container {
    let amount = |cpu: &str, ephemeral: &str, memory: &str| {
        let pairs = [("cpu", cpu), ("ephemeral-storage", ephemeral), ("memory", memory)];
        pairs.map(|(what, amount)| (what, amount.to_owned())).into()
    };
    let requests: BTreeMap<_, _> = amount("10m", EPHEMERAL.0, "16Mi");
    let (user, group) = user.map_or((NOBODY, NOBODY), ids);
    let mut security_context = security(true, Vec::new());
    security_context.run_as_user = Some(user);
    security_context.run_as_group = Some(group);
    Container {
        name,
        image,
        image_pull_policy: "IfNotPresent",
        command: Some(command),
        args: Some(args),
        working_dir: None,
        ports: Vec::new(),
        env,
        resources: Resources { requests, limits: amount("100m", EPHEMERAL.1, "64Mi") },
        volume_mounts: Vec::new(),
        startup_probe: None,
        readiness_probe: None,
        liveness_probe: None,
        security_context,
    }
}
