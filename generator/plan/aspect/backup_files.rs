//! Plans snapshots of volumes and buckets: checks what the stack names, and wires the jobs with the volumes of services and
//! the credentials of the object store.

use super::backup_buckets;
use super::secrets::{DeclaredSecrets, NeededValue};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::lock::ImageName;
use crate::path;
use crate::plan::addresses::Addresses;
use crate::plan::backup_services::{FILE_JOBS, TARGET_CLIENTS, buckets, volumes, writers};
use crate::plan::inputs::Inputs;
use crate::plan::model::{Value, VolumeMount};
use crate::plan::object_store::{OBJECT_STORES, ObjectStore};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::secret_list::secret_path;
use crate::plan::service_names::{BACKUP_TOOLS, FILES_BACKUP, FILES_RESTORE, FILES_VERIFY, WAL_RECEIVER, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::Stack;
use crate::values::url_host::host_of_url;
use crate::values::{Checked, ContainerPath, SecretName, ServiceName, VariableName, VolumeName};
use crate::words;

/// The folder of the volumes in the jobs.
const VOLUMES: &str = "/volumes";
/// Words in the names of images of database engines, whose files cannot be copied while they run.
const ENGINES: [&str; 22] = [
    "cassandra",
    "clickhouse",
    "cockroach",
    "couchdb",
    "elasticsearch",
    "etcd",
    "influxdb",
    "mariadb",
    "meilisearch",
    "mongo",
    "mysql",
    "neo4j",
    "opensearch",
    "percona",
    "prometheus",
    "qdrant",
    "rabbitmq",
    "redis",
    "scylla",
    "typesense",
    "valkey",
    "weaviate",
];
/// The same for images of PostgreSQL.
const POSTGRES: [&str; 5] = ["postgres", "postgis", "pgvector", "timescale", "citus"];

/// Checks the volumes and buckets that the stack names, and wires the jobs.
pub fn plan(inputs: Inputs, roster: &Roster, addresses: &Addresses, declared: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    let stack = inputs.stack;
    planned.findings.extend(check_names(stack, roster));
    planned.findings.extend(check_own_store(stack, roster, addresses));
    planned.findings.extend(check_volume_users(stack, roster));
    // The volumes, each with the service that owns it, and the buckets.
    let (volumes, buckets) = (volumes(stack, roster), buckets(stack, roster));
    let volume_sources = volumes.keys().map(|volume| format!("volume-{volume}"));
    let sources: Vec<String> = volume_sources.chain(buckets.iter().map(|bucket| format!("bucket-{bucket}"))).collect();
    if sources.is_empty() {
        return planned;
    }
    for name in FILE_JOBS.into_iter().chain([WAL_RECEIVER]).filter(|name| roster.contains_key(&service_name(name))) {
        planned.wirings.push(variable_wiring(name, "NSELF_BACKUP_FILES", &sources.join(" ")));
    }
    for (volume, owner) in &volumes {
        planned.wirings.extend(wire_volume(volume, owner, &roster[*owner]));
    }
    let writer_addresses: Vec<String> = volumes
        .iter()
        .flat_map(|(volume, owner)| {
            let services = writers(roster, volume, owner).into_iter();
            services.map(move |writer| format!("{volume}/{}", address(roster, &writer)))
        })
        .collect();
    if !writer_addresses.is_empty() {
        planned.wirings.push(variable_wiring(FILES_RESTORE, "NSELF_BACKUP_WRITERS", &writer_addresses.join(" ")));
    }
    if let Some(store) = ObjectStore::in_environment(stack, roster).filter(|_| !buckets.is_empty()) {
        let store_access = wire_store(store, roster, declared);
        planned.wirings.extend(store_access.wirings);
        planned.findings.extend(store_access.findings);
    }
    // The stack may disable a job, and only services of the roster can have wirings.
    planned.wirings.retain(|wiring| roster.contains_key(&wiring.service));
    planned
}

/// Checks the names of volumes and buckets.
pub fn check_names(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    check_volumes(stack, roster).into_iter().chain(backup_buckets::check(stack)).collect()
}

/// Returns the wiring that sets a variable of a job.
fn variable_wiring(service: &str, variable: &str, value: &str) -> Wiring {
    let variable = VariableName::wrap(variable.to_owned());
    let addition = Addition::Variable(variable, Value::Text(value.to_owned()));
    Wiring::new(&service_name(service), addition, &path!("backups"))
}

/// Returns the name of a service with its first port, such as `orders:8080`. A job connects to it to find out whether the
/// service runs.
fn address(roster: &Roster, service: &ServiceName) -> String {
    match roster[service].service.all_ports().values().next() {
        Some(port) => format!("{service}:{port}"),
        None => service.to_string(),
    }
}

/// Returns the wirings of a volume: the job that copies it reads it, and the one that restores it writes to it.
fn wire_volume(volume: &VolumeName, owner: &ServiceName, member: &PlannedService) -> [Wiring; 2] {
    let mount = VolumeMount {
        volume: volume.clone(),
        path: ContainerPath::wrap(format!("{VOLUMES}/{volume}")),
        read_only: true,
        owner_group: member.service.user.as_ref().map(|user| user.ids().1),
        stopped_owner: None,
        running_owner: Some(owner.clone()),
    };
    let writable_mount =
        VolumeMount { read_only: false, stopped_owner: Some(owner.clone()), running_owner: None, ..mount.clone() };
    [(FILES_BACKUP, mount), (FILES_RESTORE, writable_mount)]
        .map(|(job, mount)| Wiring::new(&service_name(job), Addition::Volume(mount), &path!("backups", "volumes")))
}

/// Plans the wirings with which the jobs use the object store. Reports credentials that the stack does not declare.
fn wire_store(store: &ObjectStore, roster: &Roster, declared: &DeclaredSecrets) -> Planned<()> {
    let mut planned = Planned::default();
    let ports = roster[&service_name(store.service)].service.all_ports();
    let port = ports.iter().find(|(name, _)| name.as_str() == "http").map_or(store.port, |(_, port)| *port);
    let field = path!("backups", "buckets");
    for job in [FILES_BACKUP, FILES_RESTORE] {
        let variables = [
            ("RCLONE_CONFIG_STACK_TYPE", "s3".to_owned()),
            ("RCLONE_CONFIG_STACK_PROVIDER", store.provider.to_owned()),
            ("RCLONE_CONFIG_STACK_ENDPOINT", format!("http://{}:{port}", store.service)),
        ];
        planned.wirings.extend(variables.map(|(variable, value)| variable_wiring(job, variable, &value)));
        let credentials =
            [("NSELF_STORE_USER_FILE", store.access_key), ("NSELF_STORE_PASSWORD_FILE", store.secret_key)];
        for (variable, secret) in credentials {
            let secret = SecretName::wrap(secret.to_owned());
            match declared.require(&secret, NeededValue::Any, &field) {
                Ok(()) => {
                    planned.wirings.push(variable_wiring(job, variable, &secret_path(&secret)));
                    planned.wirings.push(Wiring::new(&service_name(job), Addition::SecretFile(secret), &field));
                }
                // The jobs need the same secrets, so findings for one of the jobs are enough.
                Err(finding) if job == FILES_BACKUP => planned.findings.push(finding),
                Err(_) => {}
            }
        }
    }
    planned
}

/// Checks that each volume belongs to a service of the stack, and contains files that can be copied while it runs.
fn check_volumes(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let is_backup_service =
        |name: &ServiceName| TARGET_CLIENTS.contains(&name.as_str()) || name.as_str() == BACKUP_TOOLS;
    let (backup_services, members): (Vec<_>, Vec<_>) = roster.iter().partition(|(name, _)| is_backup_service(name));
    let has_volume = |member: &PlannedService, volume| member.service.volumes.contains_key(volume);
    let mut findings = Vec::new();
    for (i, volume) in stack.backups.volumes.iter().enumerate() {
        let path = path!("backups", "volumes").index(i);
        if let Some((name, member)) = members.iter().find(|(_, member)| has_volume(member, volume)) {
            findings.extend(check_live_database_files(volume, name, member, path));
        } else if let Some((name, member)) = backup_services.iter().find(|(_, member)| has_volume(member, volume)) {
            findings.push(
                Diagnostic::error(Code::BackupSource, path)
                    .message(format!(
                        "`{volume}` is the volume of `{name}`, a backup service, so it cannot be backed up"
                    ))
                    .expected("a volume with files of the stack")
                    .hint("remove it")
                    .related(member.path.key("volumes").key(volume.as_str()), "the volume"),
            );
        } else if !stack.services.values().any(|service| service.volumes.contains_key(volume)) {
            // A volume of a service that the environment excludes has no files in this environment.
            findings.push(unknown_volume(volume, &members, path));
        }
    }
    findings
}

/// Returns the finding for a volume that no service of the stack declares.
fn unknown_volume(volume: &VolumeName, members: &[(&ServiceName, &PlannedService)], path: FieldPath) -> Diagnostic {
    let volumes = members
        .iter()
        .flat_map(|(name, member)| member.service.volumes.keys().map(move |volume| (volume, *name, *member)));
    // The message does not name volumes that would be refused, too.
    let is_refused = |(volume, owner, member): &(&VolumeName, &ServiceName, &PlannedService)| {
        check_live_database_files(volume, owner, member, path.clone()).is_some_and(|finding| finding.is_error())
    };
    let names: Vec<&str> = volumes.filter(|volume| !is_refused(volume)).map(|(volume, ..)| volume.as_str()).collect();
    let near = words::nearest(volume.as_str(), names.iter().copied());
    Diagnostic::error(Code::BackupSource, path)
        .message(format!("no service has a volume `{volume}`"))
        .expected(if names.is_empty() { "a volume of a service".into() } else { words::one_of(&names) })
        .hint(near.map_or_else(
            || format!("declare it, for example `services.files.volumes.{volume} = {{ path = \"/data\" }}`"),
            |near| format!("did you mean `{near}`?"),
        ))
}

/// Refuses a volume with the live files of a database that has a better backup, and warns of live files of other databases.
fn check_live_database_files(
    volume: &VolumeName,
    owner: &ServiceName,
    member: &PlannedService,
    path: FieldPath,
) -> Option<Diagnostic> {
    let image = member.service.image.as_ref().map(|image| ImageName::new(image).repository).unwrap_or_default();
    // Only the last part of the name counts: `acme-postgres/files` is not PostgreSQL. Exporters and other companions of an
    // engine have no database files.
    let image = image.rsplit('/').next().unwrap_or_default();
    let is_companion = ["postgrest", "exporter", "backup"].iter().any(|word| image.contains(word));
    let is_image_of = |words: &[&str]| !is_companion && words.iter().any(|word| image.contains(word));
    let volume_field = member.path.key("volumes").key(volume.as_str());
    let finding = if is_image_of(&POSTGRES) {
        Diagnostic::error(Code::LiveDatabaseFiles, path)
            .message(format!("`{volume}` has the live files of PostgreSQL: copies of files that change are no backup"))
            .hint("remove the name from `backups.volumes`: `backups.enabled = true` backs up the database server with base backups and its log")
    } else if !is_companion && OBJECT_STORES.iter().any(|store| image.contains(store.image_word)) {
        Diagnostic::error(Code::LiveDatabaseFiles, path)
            .message(format!("`{volume}` has the live files of the object store, which only the store can read"))
            .hint("name its buckets instead: `backups.buckets = [\"…\"]`")
    } else if is_image_of(&ENGINES) {
        Diagnostic::warning(Code::LiveDatabaseFiles, path)
            .message(format!(
                "`{volume}` has the live files of the database `{owner}`: copies of files that change may be unusable"
            ))
            .hint("let the database write a dump to a volume, and name that volume")
    } else {
        return None;
    };
    Some(finding.related(volume_field, "the volume"))
}

/// Warns of a target that is the object store of the stack.
fn check_own_store(stack: &Stack, roster: &Roster, addresses: &Addresses) -> Option<Diagnostic> {
    let endpoint = stack.backups.target.s3.as_ref()?.endpoint.as_ref()?;
    let host = host_of_url(endpoint.as_str())?;
    let is_host_of = |store: &ServiceName, member: &PlannedService| {
        host == store.as_str()
            || member.service.aliases.iter().any(|alias| alias.as_str() == host)
            || addresses.serves_host(store, host)
    };
    let mut stores = OBJECT_STORES.iter().map(|store| service_name(store.service));
    stores.any(|store| roster.get(&store).is_some_and(|member| is_host_of(&store, member))).then(|| {
        Diagnostic::warning(Code::BackupOwnStore, path!("backups", "target", "s3", "endpoint"))
            .message("the backups are in the object store of the stack, and are lost together with it")
            .expected("a store outside of this stack")
            .hint("set the endpoint of a different provider or machine")
    })
}

/// Refuses volumes of several users on clusters, where one job reads all of them as their owner.
fn check_volume_users(stack: &Stack, roster: &Roster) -> Option<Diagnostic> {
    let owners_by_volume = volumes(stack, roster);
    let mut users: Vec<String> =
        owners_by_volume.values().filter_map(|owner| Some(roster[*owner].service.user.as_ref()?.to_string())).collect();
    users.sort();
    users.dedup();
    (stack.kubernetes.enabled && users.len() > 1 && roster.contains_key(&service_name(FILES_VERIFY))).then(|| {
        Diagnostic::error(Code::VolumeGroups, path!("backups", "volumes"))
            .message(format!(
                "on a cluster, one job reads all these volumes as one user, but they belong to the users {}",
                users.join(" and ")
            ))
            .hint("give the services that own them the same `user`, or name volumes of one user only")
    })
}
