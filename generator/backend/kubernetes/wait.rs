//! The containers that run before a service's main container. They wait until other services answer and until a job has
//! migrated the databases. They need no rights in the cluster.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::container::{EPHEMERAL_LIMIT, EPHEMERAL_REQUEST, NOBODY, image, secrets_mount, security};
use super::model::{Container, Expanded, Mount, Resources, SecretKey, Variable, VariableSource};
use crate::backend::findings::Findings;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::secret_list::{SECRET_KEY, secret_name};
use crate::plan::{DatabaseSetup, Migrations, Programs, Service, Value, encryption};
use crate::stack::{Condition, Protocol};
use crate::values::{ExtensionName, ServiceName, UserId};

/// The waiver of a stack that accepts that a pod does not wait for a job.
pub const WAITING_WAIVER: &str = "kubernetes.depends_on";

/// Waits for each `host:port`. A service's address answers as soon as one of its pods is ready. Not every busybox has
/// `nc -z`.
const WAIT: &str = r#"for peer in "$@"; do until nc -w 2 "${peer%:*}" "${peer#*:}" -e true; do sleep 1; done; done"#;
/// Waits until the ledger contains the last migration of this generation.
const WAIT_FOR_MIGRATION: &str = r#"until [ "$(psql -X -t -A -c "SELECT 1 FROM nself.ledger WHERE chain = '$1' AND state = 'done'" "$DATABASE_URL")" = 1 ]; do sleep 1; done"#;

/// Waits until each database answers and has its extensions. Each argument is `URL_1:citext,hstore`: the variable with
/// the database's URL, and the extensions. Without arguments, the script connects with the variables of libpq.
const WAIT_FOR_SETUP: &str = r#"ready() { [ "$(psql -X -t -A -c "SELECT NOT EXISTS (SELECT unnest(string_to_array('$1', ',')) EXCEPT SELECT extname::text FROM pg_catalog.pg_extension)" "$2")" = t ]; }
if [ $# = 0 ]; then PGPASSWORD=$(cat "$PGPASSWORD_FILE"); export PGPASSWORD; until ready '' "dbname=$PGDATABASE"; do sleep 1; done; fi
for one in "$@"; do until ready "${one#*:}" "$(printenv "${one%%:*}")"; do sleep 1; done; done"#;

/// Returns the containers that run before the service's main container.
///
/// # Errors
/// NS701 for each dependency that a pod cannot wait for.
pub fn containers(cluster: &Cluster, name: &ServiceName, service: &Service) -> Result<Vec<Container>, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    // The addresses of the services for which the container `wait` waits.
    let mut peers = Vec::new();
    let mut migration_containers = Vec::new();
    let mut container_for_setup = None;
    for (to, condition) in &service.depends_on {
        let connections = cluster.plan.connections.iter();
        let connections: Vec<_> =
            connections.filter(|connection| connection.from == *name && connection.to == *to).collect();
        // The container `wait` opens a TCP connection to the port.
        let connection = connections.iter().find(|connection| connection.protocols.contains(&Protocol::Tcp));
        let migrations = cluster.plan.migrations.values().find(|migrations| migrations.job == *to);
        if let Some(setup) = cluster.plan.setup.as_ref().filter(|setup| setup.job == *to) {
            container_for_setup = findings.value(setup_container(cluster, (name, service), setup).map_err(Some));
            continue;
        }
        let path = service.origin.key("depends_on").key(to.as_str());
        match (condition, connection, migrations) {
            // The address of a service exists before its pods start, so no container waits for it.
            (Condition::Started, ..) => {}
            (Condition::Healthy, Some(connection), _) => peers.push(Expanded(format!("{to}:{}", connection.port))),
            (Condition::Completed, _, Some(migrations)) => {
                let container = migration_container(cluster, (name, service), migrations, path);
                migration_containers.extend(findings.value(container.map_err(Some)));
            }
            // The stack accepts that the pod starts immediately and restarts until the job has ended.
            (Condition::Completed, ..) if service.waive.contains_key(WAITING_WAIVER) => {}
            (Condition::Completed, ..) => findings.extend([Diagnostic::error(Code::Unsupported, path)
                .message(format!(
                    "a pod cannot wait for the job `{to}`, because it has no access to the Kubernetes API"
                ))
                .hint(format!(
                    "accept that the pod starts at once and restarts until the job has ended: \
                     `{}.\"{WAITING_WAIVER}\" = \"…\"`",
                    service.waive_path()
                ))]),
            _ => findings.extend([no_port_to_open(to, !connections.is_empty(), path)]),
        }
    }
    let mut containers = Vec::new();
    if !peers.is_empty() {
        let command = ["sh", "-c", WAIT, "wait"].map(|word| Expanded(word.to_owned())).to_vec();
        containers.push(container("wait".into(), cluster.wait_image.to_string(), command, peers, None));
    }
    containers.extend(container_for_setup);
    containers.extend(migration_containers);
    containers.extend(service.programs.as_ref().map(|programs| copying_container(programs, service)));
    findings.into_result(containers)
}

/// Returns the finding for a dependency on a healthy service that has no TCP port.
fn no_port_to_open(to: &ServiceName, has_udp_port: bool, path: FieldPath) -> Diagnostic {
    let finding = Diagnostic::error(Code::Unsupported, path);
    if has_udp_port {
        return finding
            .message(format!("a pod can wait only for a TCP port, but the connection to `{to}` uses UDP"))
            .hint(format!("start after it without waiting until it is healthy: `depends_on.{to} = 'started`"));
    }
    finding
        .message(format!("a pod can wait only for a port, but `{to}` has no port"))
        .hint("declare the port of its health check, or depend on it with `'started`")
}

/// Returns the container that waits until the setup job has prepared the server. It connects with the URLs of the
/// service and, for a job, with its variables of libpq. `None` for a service that has neither, such as the pooler.
fn setup_container(
    cluster: &Cluster,
    (name, service): (&ServiceName, &Service),
    setup: &DatabaseSetup,
) -> Result<Option<Container>, Diagnostic> {
    let url_secrets = setup.waiters.get(name).into_iter().flatten();
    let url_secrets: Vec<_> = url_secrets.filter(|(url, _)| cluster.plan.secrets.contains_key(*url)).collect();
    // Such a job connects with the variables of libpq, so it waits without a URL.
    let is_job = service.one_shot && service.env.contains_key("PGPASSWORD_FILE");
    let Some(job) = cluster.plan.services.get(&setup.job).filter(|_| is_job || !url_secrets.is_empty()) else {
        return Ok(None);
    };
    let mut arguments = Vec::new();
    let mut variables = Vec::new();
    for (number, (url, extensions)) in (1..).zip(url_secrets) {
        let names: Vec<&str> = extensions.iter().map(ExtensionName::as_str).collect();
        arguments.push(Expanded(format!("URL_{number}:{}", names.join(","))));
        let key = SecretKey { name: secret_name(url), key: SECRET_KEY };
        variables.push(Variable::Secret {
            name: format!("URL_{number}"),
            value_from: VariableSource { secret_key_ref: key },
        });
    }
    if is_job {
        let libpq_variables = service.env.iter().filter(|(variable, _)| variable.as_str().starts_with("PG"));
        variables.extend(libpq_variables.filter_map(|(variable, value)| match value {
            Value::Text(text) => Some(Variable::Text { name: variable.to_string(), value: Expanded(text.clone()) }),
            Value::Secret(_) => None,
        }));
    }
    let command = ["sh", "-c", WAIT_FOR_SETUP, "setup"].map(|word| Expanded(word.to_owned())).to_vec();
    let image = image(cluster, &setup.job, job)?;
    let mut container = container(setup.job.to_string(), image, command, arguments, job.user.as_ref());
    container.env = variables;
    if is_job || reads_authority(service) {
        container.volume_mounts.push(secrets_mount());
    }
    Ok(Some(container))
}

/// Returns whether URLs of the service refer to a file with the certificate of an authority.
fn reads_authority(service: &Service) -> bool {
    let authorities = [encryption::AUTHORITY, encryption::POOLER_AUTHORITY];
    service.secret_files.iter().any(|secret| authorities.contains(&secret.as_str()))
}

/// Returns the container that waits for the migrations of a database; it connects with the service's own URL. `None`
/// for a database without migrations.
fn migration_container(
    cluster: &Cluster,
    (name, service): (&ServiceName, &Service),
    migrations: &Migrations,
    path: FieldPath,
) -> Result<Option<Container>, Diagnostic> {
    let Some(last_migration) = migrations.steps.last() else { return Ok(None) };
    let url = migrations.waiters.get(name).filter(|url| cluster.plan.secrets.contains_key(*url));
    let job = cluster.plan.services.get(&migrations.job);
    let (Some(url), Some(job)) = (url, job) else {
        return Err(Diagnostic::error(Code::Unsupported, path)
            .message(
                "the pod waits for migrations by querying the database, but this service has no URL of the database",
            )
            .hint("set the URL: `env.DATABASE_URL = nself.database_url \"main\"`"));
    };
    let key = SecretKey { name: secret_name(url), key: SECRET_KEY };
    let command = ["sh", "-c", WAIT_FOR_MIGRATION, "migrated"].map(|word| Expanded(word.to_owned())).to_vec();
    let argument = vec![Expanded(last_migration.chain.to_string())];
    let image = image(cluster, &migrations.job, job)?;
    let mut container = container(migrations.job.to_string(), image, command, argument, job.user.as_ref());
    container
        .env
        .push(Variable::Secret { name: "DATABASE_URL".into(), value_from: VariableSource { secret_key_ref: key } });
    if reads_authority(service) {
        container.volume_mounts.push(secrets_mount());
    }
    Ok(Some(container))
}

/// The size of the volume into which programs of a different image are copied.
pub const PROGRAMS_SIZE: &str = "192Mi";

/// Returns the container that copies programs of its image into a volume of the pod.
fn copying_container(programs: &Programs, service: &Service) -> Container {
    let command = programs.command.iter().map(|word| Expanded(word.to_string())).collect();
    let (image, user) = (programs.image.to_string(), service.user.as_ref());
    let mut container = container(programs.service.to_string(), image, command, Vec::new(), user);
    let mount_path = programs.folder.to_string();
    container.volume_mounts.push(Mount {
        name: programs.service.to_string(),
        mount_path,
        sub_path: None,
        read_only: false,
    });
    container
}

/// Returns a container with the resources of a small script. Without `user`, it runs as [`NOBODY`].
fn container(
    name: String,
    image: String,
    command: Vec<Expanded>,
    args: Vec<Expanded>,
    user: Option<&UserId>,
) -> Container {
    let amounts = |cpu: &str, ephemeral: &str, memory: &str| {
        let amounts = [("cpu", cpu), ("ephemeral-storage", ephemeral), ("memory", memory)];
        amounts.map(|(resource, amount)| (resource, amount.to_owned())).into()
    };
    let requests: BTreeMap<_, _> = amounts("10m", EPHEMERAL_REQUEST, "16Mi");
    let (user, group) = user.map_or((NOBODY, NOBODY), UserId::ids);
    let (read_only, added_capabilities) = (true, Vec::new());
    let mut security_context = security(read_only, added_capabilities);
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
        env: Vec::new(),
        resources: Resources { requests, limits: amounts("100m", EPHEMERAL_LIMIT, "64Mi") },
        volume_mounts: Vec::new(),
        startup_probe: None,
        readiness_probe: None,
        liveness_probe: None,
        lifecycle: None,
        security_context,
    }
}
