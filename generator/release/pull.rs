//! Pulls a release into a folder. With trusted keys, it accepts only a release that one of these keys signed for the
//! address of the pull, and that is newer than the installed one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::attestation::{self, ENVELOPE, PublicKey};
use super::record::{PullRecord, RECORD_VERSION, Release, WantedRelease};
use super::{ReleaseFiles, address, archive, environments, file_digests, folder, release_error};
use crate::artifact::Sha256;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;
use crate::lock::ImageName;
use crate::registry::{Failure, Registry};
use crate::store::Manifest;

/// The maximum number of attestations of a release that are read.
const MAX_ATTESTATIONS: usize = 100;

/// A release to pull, and the conditions that it must meet.
#[derive(Debug)]
pub struct PullRequest {
    pub address: ImageName,
    /// The exact set of environments that the release must have; empty to accept any.
    pub environments: BTreeSet<String>,
    /// One of these keys must have signed the release; empty to accept a release without a signature.
    pub trusted_keys: Vec<PublicKey>,
    /// Whether to accept a release that is older than the installed one, or whose order is unknown.
    pub allow_downgrade: bool,
}

/// A release that was written to a folder.
#[derive(Debug)]
pub struct PulledRelease {
    pub digest: Sha256,
    /// The release that a trusted key signed; `None` without trusted keys.
    pub release: Option<Release>,
    /// Number of files, without the manifest.
    pub files: usize,
}

/// Pulls a release into a folder, which must be empty or contain an unchanged earlier pull.
///
/// # Errors
/// NS812, NS825, NS826 and NS827 for a release that is refused; NS802 for files that no earlier pull wrote; NS821 to
/// NS824 if the registry fails. Nothing is written then.
pub fn pull(registry: &Registry, request: &PullRequest, target: &Root) -> Result<PulledRelease, Vec<Diagnostic>> {
    let installed_record = PullRecord::read(target).map_err(|finding| vec![finding])?;
    let fetched_release = fetch(registry, &request.address)?;
    check_environments(request, &fetched_release.files).map_err(|finding| vec![finding])?;
    let release = match request.trusted_keys.is_empty() {
        true => None,
        false => Some(attested_release(registry, request, &fetched_release)?),
    };
    let record = PullRecord { version: RECORD_VERSION, digest: fetched_release.digest.clone(), release };
    let is_first_pull = Manifest::read(target).map_err(|finding| vec![finding])?.files.is_empty();
    if !request.allow_downgrade && !is_first_pull {
        record.check_replaces(installed_record.as_ref()).map_err(|finding| vec![finding])?;
    }
    let manifest = folder::check_files(&fetched_release.files)?;
    folder::write(target, &fetched_release.files, &record)?;
    Ok(PulledRelease { digest: record.digest, release: record.release, files: manifest.files.len() })
}

/// A release that was read from a registry.
#[derive(Debug)]
pub struct FetchedRelease {
    /// Digest of the release's manifest.
    pub digest: Sha256,
    /// Size of the release's manifest in bytes.
    pub size: usize,
    pub files: ReleaseFiles,
}

/// Reads a release from a registry, and checks all digests.
///
/// # Errors
/// NS812 if the artifact is not a release, NS821 to NS824 if the registry fails.
pub fn fetch(registry: &Registry, address: &ImageName) -> Result<FetchedRelease, Vec<Diagnostic>> {
    let manifest = registry.manifest(address).map_err(registry_findings)?;
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let layers = document["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let archive_digest = match layers {
        [layer] if layer["mediaType"] == archive::CONTENT => layer_digest(layer),
        _ => None,
    };
    let not_a_release = || {
        let finding = release_error(Code::Release, format!("{address} is not a release of generated files"));
        vec![finding.hint("use the address of a release that `nself publish` published")]
    };
    let archive_digest = archive_digest.ok_or_else(not_a_release)?;
    let archive_bytes = registry.blob(address, &archive_digest).map_err(registry_findings)?;
    let files = archive::unpack(&archive_bytes);
    let files = files.map_err(|error| vec![release_error(Code::Release, format!("{address}: {error}"))])?;
    Ok(FetchedRelease { digest: manifest.digest, size: manifest.bytes.len(), files })
}

/// Returns the digest of a layer in a manifest; `None` if it is missing or malformed.
fn layer_digest(layer: &Value) -> Option<Sha256> {
    layer["digest"].as_str().and_then(|digest| Sha256::try_from(digest.to_owned()).ok())
}

fn registry_findings(failure: Failure) -> Vec<Diagnostic> {
    vec![failure.finding(FieldPath::root())]
}

/// Checks that the release has exactly the environments of the request.
fn check_environments(request: &PullRequest, files: &ReleaseFiles) -> Result<(), Diagnostic> {
    let release_environments = environments(files);
    if request.environments.is_empty() || release_environments == request.environments {
        return Ok(());
    }
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("{} has the environments {}", request.address, list(&release_environments));
    Err(release_error(Code::Release, message).expected(format!("exactly {}", list(&request.environments))))
}

/// Returns the release in a statement that a trusted key signed about exactly these files, for the address of the pull.
fn attested_release(
    registry: &Registry,
    request: &PullRequest,
    fetched_release: &FetchedRelease,
) -> Result<Release, Vec<Diagnostic>> {
    let wanted = WantedRelease {
        repository: request.address.name(),
        tag: address::tag(&request.address),
        environments: request.environments.clone(),
    };
    let digests = file_digests(&fetched_release.files);
    let referrers = registry.referrers(&request.address, &fetched_release.digest).map_err(registry_findings)?;
    let attestations = referrers.into_iter().filter(|referrer| referrer.artifact_type == ENVELOPE);
    let mut last_mismatch = None;
    for attestation in attestations.take(MAX_ATTESTATIONS) {
        let envelope = read_envelope(registry, &request.address, attestation.digest).map_err(registry_findings)?;
        let statement = envelope.and_then(|envelope| request.trusted_keys.iter().find_map(|key| key.open(&envelope)));
        let release =
            statement.and_then(|statement| attestation::release(&statement, &fetched_release.digest, &digests));
        let Some(release) = release else { continue };
        match release.mismatch(&wanted) {
            None => return Ok(release),
            Some(reason) => last_mismatch = Some(reason),
        }
    }
    let release_name = format!("{}@{}", wanted.repository, fetched_release.digest);
    Err(vec![match last_mismatch {
        Some(reason) => release_error(
            Code::ReleaseMismatch,
            format!("no signed statement about {release_name} is for this pull: {reason}"),
        )
        .expected("a statement for the address of the pull")
        .hint("pull it under the address for which it was attested, or run `nself attest` for this address"),
        None => release_error(Code::Release, format!("none of the trusted keys signed {release_name}"))
            .hint("ask the publisher to sign it with `nself attest`, or name the publisher's key with --trust"),
    }])
}

/// Reads the signed envelope of an attestation: the first layer of its manifest. `None` if the manifest has no layer.
fn read_envelope(registry: &Registry, address: &ImageName, digest: Sha256) -> Result<Option<Vec<u8>>, Failure> {
    let manifest = registry.manifest(&ImageName { digest: Some(digest), ..address.clone() })?;
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    layer_digest(&document["layers"][0]).map(|digest| registry.blob(address, &digest)).transpose()
}
