//! Tests the aspects of backups: their target, the snapshots of volumes and buckets, the copies of the server.

use super::{additions, declared_secrets, name, stack, with_roster};
use crate::diagnostic::Code;
use crate::plan::Value as PlannedValue;
use crate::plan::addresses::Addresses;
use crate::plan::aspect::{backup_files, backups};
use crate::plan::backup_services;
use crate::plan::wiring::Addition;
use serde_json::{Value, json};

#[test]
fn backups_wire_their_target_and_the_folder_of_the_server() {
    // The place of the backups, whether `backup-restore` mounts the volume of the server, whether `backup-wal` may leave
    // the network of the project, and the codes of the findings.
    let backups_to = |target: Value, data: &str| {
        let secrets = json!({ "backup_key": { "random": 43 }, "backup_wal_password": { "random": 43 } });
        let mut stack = stack(&json!({
            "backup-wal": { "catalogue": "backup-wal", "secrets": secrets },
            "backup-restore": { "catalogue": "backup-restore", "run": "on_request" },
        }));
        stack["services"]["postgres"]["env"] = json!({ "PGDATA": data });
        stack["backups"] = json!({ "enabled": true, "target": target });
        with_roster(&stack, |inputs, roster| {
            let declared_secrets = declared_secrets(inputs, roster);
            let planned = backups::plan(inputs, roster, &declared_secrets);
            let restore_additions = additions(&planned, "backup-restore");
            let mounts_server = restore_additions
                .iter()
                .any(|addition| matches!(addition, Addition::Volume(mount) if mount.stopped_owner.is_some()));
            let place = restore_additions.iter().find_map(|addition| match addition {
                Addition::Variable(name, PlannedValue::Text(text)) if name.as_str() == "NSELF_BACKUP_PLACE" => {
                    Some(text.clone())
                }
                _ => None,
            });
            let egress = roster[&name("backup-wal")].service.egress.unwrap_or_default();
            let codes: Vec<Code> = planned.findings.iter().map(|finding| finding.code).collect();
            (place.unwrap_or_default(), mounts_server, egress, codes)
        })
    };
    let inside = "/var/lib/postgresql/data/pgdata";
    let key = json!({ "secret": "postgres_password" });
    let bucket = json!({ "s3": { "bucket": "ledger", "access_key": key, "secret_key": key } });
    assert_eq!(backups_to(bucket, inside), ("store:ledger/shop/prod".into(), true, true, vec![]));
    let host = json!({ "folder": { "host": "/mnt/backups" } });
    assert_eq!(backups_to(host, inside), ("store:/backups".into(), true, false, vec![]));
    let here = json!({ "folder": {} });
    assert_eq!(backups_to(here.clone(), inside).3, [Code::BackupOnHost]);
    assert_eq!(backups_to(here, "/var/lib/postgresql/data").3, [Code::BackupOnHost, Code::BackupServer]);
    assert_eq!(backups_to(json!({}), inside).3, [Code::BackupTarget]);
}

/// The snapshots that are planned for a stack.
struct Snapshots {
    /// Path, whether it is read-only, and whether the owner must be stopped.
    copied: Vec<(String, bool, bool)>,
    restored: Vec<(String, bool, bool)>,
    /// The services that write to the volumes, as `backup-files-restore` receives them.
    writers: String,
    codes: Vec<Code>,
    has_jobs: bool,
}

/// Plans the snapshots of volumes and buckets with these settings of `backups`.
fn plan_snapshots(settings: Value) -> Snapshots {
    let job = |name: &str| json!({ "catalogue": name, "run": "on_request", "user": "0:0" });
    let mut stack = stack(&json!({
        "backup-wal": { "catalogue": "backup-wal" },
        "backup-files": job("backup-files"),
        "backup-files-restore": job("backup-files-restore"),
        "files": { "image": "a/files:1", "port": 8001, "user": "10001:10001", "volumes": {
            "uploads": { "path": "/uploads", "writers": { "worker": "/uploads" } } } },
        "worker": { "image": "a/worker:1" },
        "reports": { "image": "docker.io/pgvector/pgvector:pg17", "volumes": { "reports": { "path": "/data" } } },
        "events": { "image": "docker.io/library/mongo:8", "volumes": { "events": { "path": "/data" } } },
        "gone": { "enabled": false, "image": "a/gone:1", "volumes": { "gone": { "path": "/data" } } },
    }));
    stack["backups"] = settings;
    with_roster(&stack, |inputs, roster| {
        let declared_secrets = declared_secrets(inputs, roster);
        let addresses = Addresses::plan(inputs, roster).value;
        let planned = backup_files::plan(inputs, roster, &addresses, &declared_secrets);
        let mounts = |job: &str| {
            let mounts = additions(&planned, job).into_iter().filter_map(|addition| match addition {
                Addition::Volume(mount) => {
                    Some((mount.path.to_string(), mount.read_only, mount.stopped_owner.is_some()))
                }
                _ => None,
            });
            mounts.collect()
        };
        let writers = additions(&planned, "backup-files-restore").into_iter().find_map(|addition| match addition {
            Addition::Variable(variable, PlannedValue::Text(text)) if variable.as_str() == "NSELF_BACKUP_WRITERS" => {
                Some(text)
            }
            _ => None,
        });
        Snapshots {
            copied: mounts("backup-files"),
            restored: mounts("backup-files-restore"),
            writers: writers.unwrap_or_default(),
            codes: planned.findings.iter().map(|finding| finding.code).collect(),
            has_jobs: roster.contains_key(&name("backup-files")),
        }
    })
}

#[test]
fn snapshots_mount_volumes_of_services_and_check_their_names() {
    let volumes = |names: Value| plan_snapshots(json!({ "enabled": true, "volumes": names }));
    let planned = volumes(json!(["uploads", "gone"]));
    assert_eq!(planned.copied, [("/volumes/uploads".to_owned(), true, false)]);
    assert_eq!(planned.restored, [("/volumes/uploads".to_owned(), false, true)]);
    assert_eq!(planned.writers, "uploads/files:8001 uploads/worker");
    assert_eq!(planned.codes, []);
    assert!(planned.has_jobs);
    assert!(!volumes(json!([])).has_jobs, "without volumes and buckets");
    assert_eq!(volumes(json!(["upload"])).codes, [Code::BackupSource]);
    assert_eq!(volumes(json!(["reports", "events"])).codes, [Code::LiveDatabaseFiles, Code::LiveDatabaseFiles]);
    let without_store = plan_snapshots(json!({ "enabled": true, "buckets": ["invoices"] }));
    assert_eq!((without_store.codes, without_store.has_jobs), (vec![Code::BackupSource], false));
}

#[test]
fn only_services_of_the_library_copy_the_server() {
    let clients = |catalogue: Value| {
        let service = json!({ "catalogue": catalogue, "image": "a/wal:1" });
        with_roster(&stack(&json!({ "backup-wal": service })), |_, roster| {
            backup_services::replication_clients(roster).len()
        })
    };
    assert_eq!(clients(json!("backup-wal")), 2);
    assert_eq!(clients(json!(null)), 0);
}
