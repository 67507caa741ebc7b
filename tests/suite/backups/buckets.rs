//! Snapshots of buckets with a real store.

use std::fs;

use super::store::{ACCESS_KEY, SECRET_KEY, Store};
use super::volume::{Files, fill};
use super::{assert_fails, assert_works, now, seconds_pass};

/// Sets the variables of the backup scripts: they store snapshots of the bucket `invoices` in a different bucket.
fn set_bucket_variables(files: &mut Files, store: &Store) {
    fs::write(files.path("access"), ACCESS_KEY).unwrap();
    fs::write(files.path("secret"), SECRET_KEY).unwrap();
    let file = |name: &str| files.path(name).display().to_string();
    let certificate = store.certificate.display().to_string();
    let variables = [
        ("RCLONE_CONFIG_STORE_TYPE", "s3".to_owned()),
        ("RCLONE_CONFIG_STORE_PROVIDER", "Other".to_owned()),
        ("RCLONE_CONFIG_STORE_NO_CHECK_BUCKET", "true".to_owned()),
        ("RCLONE_CONFIG_STORE_ENDPOINT", store.endpoint.clone()),
        ("NSELF_BACKUP_PLACE", "store:ledger-backups/ledger/prod".to_owned()),
        ("NSELF_BACKUP_ACCESS_KEY_FILE", file("access")),
        ("NSELF_BACKUP_SECRET_KEY_FILE", file("secret")),
        ("NSELF_BACKUP_AUTHORITY_FILE", certificate),
        ("RCLONE_CONFIG_STACK_TYPE", "s3".to_owned()),
        ("RCLONE_CONFIG_STACK_PROVIDER", "SeaweedFS".to_owned()),
        ("RCLONE_CONFIG_STACK_ENDPOINT", store.endpoint.clone()),
        ("NSELF_STORE_USER_FILE", file("access")),
        ("NSELF_STORE_PASSWORD_FILE", file("secret")),
        ("NSELF_BACKUP_FILES", "volume-uploads bucket-invoices".to_owned()),
    ];
    for (name, value) in variables {
        files.set(name, &value);
    }
}

#[test]
fn a_bucket_is_restored_to_each_of_two_times() {
    let Some(mut files) = Files::new() else { return };
    let Some(store) = Store::start(files.folder.path()) else { return };
    for bucket in ["ledger-backups", "invoices"] {
        store.create_bucket(bucket);
    }
    set_bucket_variables(&mut files, &store);
    fill(&files.volume());
    let put = |name: &str, text: &str| {
        fs::write(files.path("object"), text).unwrap();
        // All objects have the same time, so a change that keeps the size is visible in the content only.
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        fs::File::options().append(true).open(files.path("object")).unwrap().set_modified(time).unwrap();
        let object = files.path("object").display().to_string();
        let target = format!(":s3:invoices/{name}");
        let metadata = ["--metadata-set", "content-type=text/x-invoice", "--metadata-set", "customer=7"];
        let mut arguments = vec!["copyto", "--metadata", "--ignore-times", &object, &target];
        arguments.extend(metadata);
        let output = store.rclone(&arguments);
        assert_works(&output);
    };
    let contents = |bucket: &str| {
        let output = store.rclone(&["hashsum", "sha256", "--download", &format!(":s3:{bucket}")]);
        let mut lines: Vec<String> = output.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    put("2026/one and a half.pdf", "one");
    put("übergröße", "two");
    put("-rf", "three");
    let first = contents("invoices");
    assert_eq!(first.len(), 3);
    files.backup(&[]);
    seconds_pass();
    let moment = now();
    seconds_pass();
    put("-rf", "THREE");
    put("later", "later");
    assert_works(&store.rclone(&["deletefile", ":s3:invoices/übergröße"]));
    let second = contents("invoices");
    files.backup(&[]);
    assert_works(&files.script("files-verify.sh", &[]));

    assert_works(&store.rclone(&["delete", ":s3:invoices"]));
    assert_works(&files.restore(&["BUCKET=invoices"]));
    assert_eq!(contents("invoices"), second);
    assert_works(&files.restore(&["BUCKET=invoices", &format!("TARGET_TIME={moment}")]));
    assert_eq!(contents("invoices"), first);
    let listing = store.rclone(&["lsjson", "--metadata", "-R", ":s3:invoices"]).stdout;
    assert_eq!(listing.matches("\"content-type\":\"text/x-invoice\"").count(), 3, "{listing}");
    assert_eq!(listing.matches("\"customer\":\"7\"").count(), 3, "{listing}");
    let buckets = store.rclone(&["lsf", ":s3:"]).stdout;
    let old_buckets: Vec<&str> = buckets.lines().filter(|name| name.starts_with("invoices-before-")).collect();
    let old_objects: Vec<String> =
        old_buckets.iter().flat_map(|bucket| contents(bucket.trim_end_matches('/'))).collect();
    assert!(
        old_objects.iter().any(|line| line.ends_with("later")),
        "objects that a restore removes stay: {buckets} {old_objects:?}"
    );

    let objects =
        store.rclone(&["lsf", "-R", "--files-only", ":s3:ledger-backups/ledger/prod/files/bucket-invoices"]).stdout;
    let object = objects.lines().filter(|name| name.contains("/objects/")).max().unwrap();
    assert_works(
        &store.rclone(&["deletefile", &format!(":s3:ledger-backups/ledger/prod/files/bucket-invoices/{object}")]),
    );
    assert_fails(&files.script("files-verify.sh", &["BUCKET=invoices"]), "missing or different");
    assert_fails(&files.restore(&["BUCKET=invoices"]), "missing or different");
    assert_eq!(contents("invoices"), first, "a restore that fails changes nothing");
    files.set("NSELF_BACKUP_FILES", "bucket-absent");
    assert_ne!(files.script("files-backup.sh", &[]).code, 0, "a bucket that does not exist");
}

#[test]
fn an_empty_bucket_is_restored_from_a_folder() {
    let Some(mut files) = Files::new() else { return };
    let Some(store) = Store::start(files.folder.path()) else { return };
    store.create_bucket("invoices");
    set_bucket_variables(&mut files, &store);
    files.set("RCLONE_CONFIG_STORE_TYPE", "local");
    files.set("NSELF_BACKUP_PLACE", &format!("store:{}", files.path("target").display()));
    files.set("NSELF_BACKUP_FILES", "bucket-invoices");
    files.backup(&[]);
    assert_works(&files.script("files-verify.sh", &[]));
    fs::write(files.path("object"), "later").unwrap();
    let object = files.path("object").display().to_string();
    assert_works(&store.rclone(&["copyto", &object, ":s3:invoices/later"]));
    assert_works(&files.restore(&[]));
    assert_eq!(store.rclone(&["lsf", ":s3:invoices"]).stdout, "");
    let buckets = store.rclone(&["lsf", ":s3:"]).stdout;
    let old_bucket = buckets.lines().find(|name| name.starts_with("invoices-before-")).unwrap();
    assert_eq!(store.rclone(&["cat", &format!(":s3:{old_bucket}later")]).stdout, "later");
}
