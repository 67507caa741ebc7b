//! Signs a release: compares its files with the files that a stack generates, and stores a signed statement about them
//! next to the release.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::attestation::{self, ENVELOPE, SigningKey};
use super::pull::FetchedRelease;
use super::record::Release;
use super::{ReleaseFiles, address, environments, file_digests, release_error};
use crate::artifact::{Artifacts, Sha256};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, read_operator_file};
use crate::lock::ImageName;
use crate::registry::{Registry, Subject};
use crate::store::{MANIFEST, Manifest};

/// The maximum number of paths in the finding about files that differ.
const MAX_PATHS: usize = 5;

/// The files that a stack generates.
#[derive(Debug)]
pub struct GeneratedFiles {
    /// The files, with their manifest.
    pub files: ReleaseFiles,
    /// Digests of the project's files that the generation read, by path.
    pub inputs: BTreeMap<String, Sha256>,
    /// Name of the project.
    pub project: String,
}

impl GeneratedFiles {
    /// Collects the files and their manifest. `inputs` are the files that the generation read, `folder` is the folder
    /// of the project.
    pub fn new(artifacts: &Artifacts, inputs: &[PathBuf], folder: &Path, project: String) -> Self {
        let mut manifest = Manifest::default();
        let mut files = ReleaseFiles::new();
        for (path, artifact) in artifacts.iter() {
            manifest.files.insert(path.clone(), artifact.digest());
            files.insert(path.to_string(), artifact.bytes().unwrap_or_default().to_vec());
        }
        files.insert(MANIFEST.to_owned(), manifest.to_bytes());
        let input_digests = inputs.iter().filter_map(|path| {
            let path_in_project = path.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
            Some((path_in_project, Sha256::of(&read_operator_file(path, FileKind::Input).ok()?)))
        });
        GeneratedFiles { files, inputs: input_digests.collect(), project }
    }
}

/// The result of [`attest`]: a release, with the digests of the signed statement about it.
#[derive(Debug)]
pub struct Attestation {
    /// Digest of the manifest of the signed statement in the registry.
    pub manifest_digest: Sha256,
    /// Digest of the statement itself.
    pub statement_digest: Sha256,
    pub release: Release,
}

/// Signs a release and stores the statement in the registry. `fetched` is the release in the registry, `generated` are the
/// files with which it is compared, and `serial` is the serial number of the release.
///
/// # Errors
/// NS812 if the stack generates different files, NS821 to NS824 if the registry fails or refuses the statement.
pub fn attest(
    registry: &Registry,
    address: &ImageName,
    fetched: &FetchedRelease,
    generated: &GeneratedFiles,
    key: &SigningKey,
    serial: Option<u64>,
) -> Result<Attestation, Vec<Diagnostic>> {
    let differing_paths = differing_paths(&fetched.files, &generated.files);
    if !differing_paths.is_empty() {
        let message = format!("the stack generates different files than {address}: {}", differing_paths.join(", "));
        return Err(vec![
            release_error(Code::Release, message)
                .hint("publish the files that the stack generates now, or run `nself attest` with the stack from which the release was generated"),
        ]);
    }
    let release = Release {
        repository: address.name(),
        tag: address::tag(address),
        project: generated.project.clone(),
        environments: environments(&fetched.files),
        serial,
    };
    let digests = file_digests(&fetched.files);
    let statement = attestation::statement(&release, &fetched.digest, &digests, &generated.inputs);
    let envelope = key.seal(&statement);
    let subject = Subject { digest: &fetched.digest, size: fetched.size };
    let push_result = registry.push_referrer(address, subject, ENVELOPE, &envelope);
    let manifest_digest = push_result.map_err(|failure| vec![failure.finding(FieldPath::root())])?;
    Ok(Attestation { manifest_digest, statement_digest: Sha256::of(&statement), release })
}

/// Returns up to [`MAX_PATHS`] paths whose contents differ or which only one side has.
fn differing_paths(release: &ReleaseFiles, generated: &ReleaseFiles) -> Vec<String> {
    let changed = release.iter().filter(|(path, bytes)| generated.get(*path) != Some(bytes)).map(|(path, _)| path);
    let missing = generated.keys().filter(|path| !release.contains_key(*path));
    changed.chain(missing).take(MAX_PATHS).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_additional_files_are_different() {
        let files = |entries: &[(&str, &str)]| -> ReleaseFiles {
            entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let release = files(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert!(differing_paths(&release, &release).is_empty());
        assert_eq!(differing_paths(&release, &files(&[("a", "1"), ("b", "x"), ("d", "4")])), ["b", "c", "d"]);
    }
}
