//! Plans backups. The backup services of the library get the target with its secrets and the role with which they copy the
//! server. A restore gets the server's data folder, which it replaces.

use super::secrets::{DeclaredSecrets, NeededValue};
use super::{backup_files, server_files, setup};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::backup_services::{FOLDER, TARGET_CLIENTS, backups_are_on};
use crate::plan::inputs::Inputs;
use crate::plan::model::{Backups, ConfigMount, Value, VolumeMount};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{
    BACKUP, BACKUP_RESTORE, BACKUP_VERIFY, DATABASE, FILES_BACKUP, WAL_RECEIVER, service_name,
};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{Condition, EnvValue, Profile, S3Target};
use crate::values::folders::is_in_folder;
use crate::values::{Checked, SecretName, SqlIdent, VariableName};

/// The role with which backup services connect to the server, named after the receiver of the write-ahead log.
const ROLE: &str = "backup_wal";
/// The secret with the password of this role.
const PASSWORD: &str = "backup_wal_password";
/// The secret with the key of the backups, unless the stack names a different secret.
const KEY: &str = "backup_key";
/// The folder of the scripts below `/etc/nself` in the containers.
const SCRIPTS: &str = "backups";

/// Plans backups, and wires their services and the server. The value is `None` for an environment without backups.
pub fn plan(inputs: Inputs, roster: &Roster, declared: &DeclaredSecrets) -> Planned<Option<Backups>> {
    let mut planned = Planned::default();
    if !backups_are_on(roster) {
        if inputs.stack.backups.enabled == Some(true) && !roster.contains_key(&service_name(DATABASE)) {
            planned.findings.push(
                Diagnostic::error(Code::BackupServer, path!("backups", "enabled"))
                    .message("the environment has no database server to back up")
                    .hint("set `backups.enabled = false` in this environment"),
            );
        }
        // The names are checked so that a mistake does not wait for the day on which backups are enabled.
        planned.findings.extend(backup_files::check_names(inputs.stack, roster));
        return planned;
    }
    let (password, cause) = (SecretName::wrap(PASSWORD.to_owned()), path!("backups"));
    planned.findings.extend(check_target(inputs));
    let setup_job = service_name(setup::JOB);
    planned.wirings.push(Wiring::new(&setup_job, Addition::SecretFile(password.clone()), &cause));
    // The job creates the role with which the receiver of the log connects to the server.
    let log_receiver = service_name(WAL_RECEIVER);
    planned.wirings.push(Wiring::new(&log_receiver, Addition::Dependency(setup_job, Condition::Completed), &cause));
    let secrets = secret_files(inputs, declared);
    planned.findings.extend(secrets.findings);
    let scripts =
        ConfigMount { source: "backups/scripts".to_owned(), target: server_files::folder(SCRIPTS), reloads: false };
    let variables = target_variables(inputs);
    for name in TARGET_CLIENTS.map(service_name).iter().filter(|name| roster.contains_key(*name)) {
        planned.wirings.push(Wiring::new(name, Addition::Config(scripts.clone()), &cause));
        planned
            .wirings
            .extend(variables.iter().map(|(variable, value)| variable_wiring(name.as_str(), variable, value)));
        for (variable, secret, path) in &secrets.value {
            planned.wirings.push(Wiring::new(name, Addition::SecretFile(secret.clone()), path));
            planned.wirings.push(variable_wiring(name.as_str(), variable, &format!("/run/secrets/{secret}")));
        }
    }
    let retention = &inputs.stack.backups.retention;
    let pruning_services = [WAL_RECEIVER, BACKUP, FILES_BACKUP];
    for name in pruning_services.into_iter().filter(|name| roster.contains_key(&service_name(name))) {
        let count = retention.count.map(|count| ("NSELF_BACKUP_KEEP_COUNT", count.to_string()));
        let age = retention.age.map(|age| ("NSELF_BACKUP_KEEP_SECONDS", age.seconds().to_string()));
        planned.wirings.extend(
            [count, age].into_iter().flatten().map(|(variable, value)| variable_wiring(name, variable, &value)),
        );
    }
    let recovery = wire_recovery(&roster[&service_name(DATABASE)]);
    planned.wirings.extend(recovery.wirings);
    planned.findings.extend(recovery.findings);
    planned.value = Some(Backups { role: SqlIdent::wrap(ROLE.to_owned()), password });
    planned
}

/// Returns the wiring that sets a variable of a service.
fn variable_wiring(service: &str, variable: &str, value: &str) -> Wiring {
    let variable = VariableName::wrap(variable.to_owned());
    let addition = Addition::Variable(variable, Value::Text(value.to_owned()));
    Wiring::new(&service_name(service), addition, &path!("backups"))
}

/// Checks that the stack sets exactly one target. Warns of a folder on the server's machine, which is lost together with it.
fn check_target(inputs: Inputs) -> Option<Diagnostic> {
    let target = &inputs.stack.backups.target;
    let field = path!("backups", "target");
    match (&target.s3, &target.folder) {
        (Some(_), None) => None,
        (None, Some(folder)) => (folder.host.is_none() && inputs.profile == Profile::Prod).then(|| {
            Diagnostic::warning(Code::BackupOnHost, field.key("folder"))
                .message("the backups are on the machine of the database, and are lost together with it")
                .expected("a bucket, or a folder of the host on a different machine or disk")
                .hint("set `backups.target.s3 = { bucket = \"…\", … }` or `backups.target.folder.host = \"/mnt/backups\"`")
        }),
        _ => Some(
            Diagnostic::error(Code::BackupTarget, field)
                .message("backups need exactly one target")
                .lacks(path!("backups", "target"))
                .expected("`s3` or `folder`")
                .hint("for example `backups.target.s3 = { bucket = \"…\", access_key = nself.secret \"…\", secret_key = nself.secret \"…\" }`"),
        ),
    }
}

/// Returns the variables that describe the target for rclone.
fn target_variables(inputs: Inputs) -> Vec<(&'static str, String)> {
    let Some(s3) = &inputs.stack.backups.target.s3 else {
        return vec![
            ("NSELF_BACKUP_PLACE", format!("store:{FOLDER}")),
            ("RCLONE_CONFIG_STORE_TYPE", "local".to_owned()),
        ];
    };
    let S3Target { bucket, endpoint, region, .. } = s3;
    let path = s3.path_of(&inputs.stack.project, inputs.environment);
    let provider = if endpoint.is_some() { "Other" } else { "AWS" };
    let mut variables = vec![
        ("NSELF_BACKUP_PLACE", format!("store:{bucket}/{path}")),
        ("RCLONE_CONFIG_STORE_TYPE", "s3".to_owned()),
        ("RCLONE_CONFIG_STORE_PROVIDER", provider.to_owned()),
        // The credentials need no right to create buckets.
        ("RCLONE_CONFIG_STORE_NO_CHECK_BUCKET", "true".to_owned()),
    ];
    variables.extend(endpoint.as_ref().map(|endpoint| ("RCLONE_CONFIG_STORE_ENDPOINT", endpoint.to_string())));
    variables.extend(region.as_ref().map(|region| ("RCLONE_CONFIG_STORE_REGION", region.to_string())));
    variables
}

/// Returns the secrets of the target and the secret with the key. Each element consists of the variable with the path
/// of the secret's file, the secret, and its field in the stack.
fn secret_files(inputs: Inputs, declared: &DeclaredSecrets) -> Planned<Vec<(&'static str, SecretName, FieldPath)>> {
    let mut planned = Planned::<Vec<_>>::default();
    let settings = &inputs.stack.backups;
    let target_secrets = settings.target.secrets().map(|(field, reference)| {
        let variable = match field {
            "access_key" => "NSELF_BACKUP_ACCESS_KEY_FILE",
            "secret_key" => "NSELF_BACKUP_SECRET_KEY_FILE",
            _ => "NSELF_BACKUP_AUTHORITY_FILE",
        };
        (variable, NeededValue::Issued, reference.secret.clone(), path!("backups", "target", "s3", field))
    });
    let key_name = settings.key.as_ref().map_or_else(|| SecretName::wrap(KEY.to_owned()), |key| key.secret.clone());
    let key_secret = ("NSELF_BACKUP_KEY_FILE", NeededValue::Any, key_name, path!("backups", "key"));
    for (variable, needed, secret, path) in target_secrets.chain([key_secret]) {
        match declared.require(&secret, needed, &path) {
            Ok(()) => planned.value.push((variable, secret, path)),
            Err(finding) => planned.findings.push(finding),
        }
    }
    planned
}

/// Plans the script that keeps the server from starting while a restore replaces its data folder. It must run before
/// all other scripts of the server, since one of them could create an empty database there. Scripts run in the reverse
/// order of planning, so this one must be planned last.
pub fn start_guard(roster: &Roster) -> Planned<()> {
    if !backups_are_on(roster) {
        return Planned::default();
    }
    let folder =
        ConfigMount { source: "backups/server".to_owned(), target: server_files::folder(SCRIPTS), reloads: false };
    let additions = [Addition::Config(folder), server_files::script(SCRIPTS, "guard.sh")];
    let wirings = additions.map(|addition| Wiring::new(&service_name(DATABASE), addition, &path!("backups")));
    Planned { wirings: wirings.into(), ..Planned::default() }
}

/// Plans the wirings of the jobs that replay the log. Both jobs get the name of the superuser. The job that restores
/// also gets the path of the data and the server's volume. The data must be in a subfolder of the volume, so that the
/// restore can create a second folder next to it and then swap the two.
fn wire_recovery(server: &PlannedService) -> Planned<()> {
    let text_variable = |name: &str| match server.service.env.get(&VariableName::wrap(name.to_owned())) {
        Some(EnvValue::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    // For the data folder `/var/lib/postgresql/data/pgdata`, a volume must contain `/var/lib/postgresql/data`.
    let data_folder = text_variable("PGDATA").unwrap_or_default();
    let parent = data_folder.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent);
    let volume = server.service.volumes.iter().find(|(_, volume)| is_in_folder(parent, volume.path.as_str()));
    let Some((name, volume)) = volume else {
        let finding = Diagnostic::error(Code::BackupServer, server.path.key("env").key("PGDATA"))
            .message(
                "a restore creates a folder next to the server's data, so the data must be in a subfolder of a volume",
            )
            .expected("`PGDATA` as a path below the path of the server's volume")
            .hint("remove `PGDATA` and the `path` of the volume: the library sets both");
        return Planned::without_wirings((), vec![finding]);
    };
    let mount = VolumeMount {
        volume: name.clone(),
        path: volume.path.clone(),
        read_only: false,
        owner_group: server.service.user.as_ref().map(|user| user.ids().1),
        stopped_owner: Some(service_name(DATABASE)),
        running_owner: None,
    };
    let superuser = text_variable("POSTGRES_USER").unwrap_or_else(|| "postgres".to_owned());
    let wirings = vec![
        Wiring::new(&service_name(BACKUP_RESTORE), Addition::Volume(mount), &path!("backups")),
        variable_wiring(BACKUP_RESTORE, "PGDATA", data_folder.trim_end_matches('/')),
        variable_wiring(BACKUP_RESTORE, "NSELF_BACKUP_SUPERUSER", &superuser),
        variable_wiring(BACKUP_VERIFY, "NSELF_BACKUP_SUPERUSER", &superuser),
    ];
    Planned { value: (), wirings, findings: Vec::new() }
}
