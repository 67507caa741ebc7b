//! Checks the buckets of which backups take snapshots.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::object_store::ObjectStore;
use crate::stack::{Service, Stack};
use crate::values::{BucketName, ServiceName, Text};
use crate::words;

/// The catalogue entry of the job of `nself.s3_buckets`, which creates buckets.
const BUCKETS_JOB: &str = "s3-buckets";
/// The object store in which this job creates them.
const STORE_OF_JOB: &str = "s3";

/// Checks that the stack has an object store for its buckets, and that they are created there.
pub fn check(stack: &Stack) -> Vec<Diagnostic> {
    missing_store(stack).into_iter().chain(unknown_buckets(stack)).collect()
}

/// Warns of buckets that no job of the library creates, in a stack with such a job. Programs can create more buckets.
fn unknown_buckets(stack: &Stack) -> Vec<Diagnostic> {
    let is_job = |service: &&Service| service.catalogue.as_ref().map(ServiceName::as_str) == Some(BUCKETS_JOB);
    let jobs: Vec<&Service> = stack.services.values().filter(is_job).collect();
    let created: BTreeSet<&str> = jobs.iter().flat_map(|job| job.command.iter().flatten()).map(Text::as_str).collect();
    let uses_store_of_job = ObjectStore::of_stack(stack).is_some_and(|store| store.service == STORE_OF_JOB);
    if created.is_empty() || !uses_store_of_job {
        return Vec::new();
    }
    let buckets = stack.backups.buckets.iter().enumerate();
    let unknown = buckets.filter(|(_, bucket)| !created.contains(bucket.as_str()));
    let finding = |(i, bucket): (usize, &BucketName)| {
        Diagnostic::warning(Code::BackupSource, path!("backups", "buckets").index(i))
            .message(format!("`nself.s3_buckets` creates no bucket `{bucket}`, and a backup of a missing bucket fails"))
            .hint(words::suggestion_or(
                bucket.as_str(),
                created.iter().copied(),
                "add it to the list of `nself.s3_buckets`, unless a program creates it",
            ))
    };
    unknown.map(finding).collect()
}

/// Refuses buckets without an object store.
fn missing_store(stack: &Stack) -> Option<Diagnostic> {
    (!stack.backups.buckets.is_empty() && ObjectStore::of_stack(stack).is_none()).then(|| {
        Diagnostic::error(Code::BackupSource, path!("backups", "buckets"))
            .message("the stack has no object store, neither `s3` nor `minio`")
            .hint("add one, `services.s3 = nself.services.s3`, or remove `buckets`")
    })
}
