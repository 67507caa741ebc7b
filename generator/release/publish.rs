//! Publishes the generated files of an output folder. It publishes only files that the manifest records and that are
//! unchanged, so values of secrets cannot be part of a release.

use std::collections::BTreeSet;

use super::{ReleaseFiles, archive, release_error, sbom};
use crate::artifact::{ArtifactPath, Digest, Sha256, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, Root};
use crate::lock::ImageName;
use crate::registry::{Failure, Registry, Subject, media};
use crate::store::{MANIFEST, Manifest};
use crate::words;

/// A published release.
#[derive(Debug)]
pub struct PublishedRelease {
    /// Digest of the release's manifest in the registry.
    pub digest: Sha256,
    pub tag: String,
    /// Digest of the manifest of the bill of materials.
    pub sbom: Sha256,
}

/// Reads the files that the manifest of an output folder records, and returns them with their manifest. Selects the
/// files of `environments`; an empty list selects all files.
///
/// # Errors
/// NS110 for each environment without files, NS812 if no file is recorded or a file was changed, NS805 for a manifest
/// that cannot be used.
pub fn read_files(output: &Root, environments: &[String]) -> Result<ReleaseFiles, Vec<Diagnostic>> {
    let recorded_manifest =
        Manifest::read(output).and_then(Manifest::without_conflicts).map_err(|finding| vec![finding])?;
    let unknown_findings = unknown_environments(&recorded_manifest, environments);
    if !unknown_findings.is_empty() {
        return Err(unknown_findings);
    }
    let is_selected =
        |path: &ArtifactPath| environments.is_empty() || environments.iter().any(|name| path.top() == name.as_str());
    let mut manifest = Manifest::default();
    manifest.files.extend(recorded_manifest.files.into_iter().filter(|(path, _)| is_selected(path)));
    if manifest.files.is_empty() {
        let message = format!("{}: the manifest records no files to publish", output.path().display());
        return Err(vec![release_error(Code::Release, message).hint("run `nself gen` first")]);
    }
    let mut files = ReleaseFiles::new();
    let mut findings = Vec::new();
    for (path, digest) in &manifest.files {
        match output.read(path.as_str(), FileKind::Output) {
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => drop(files.insert(path.to_string(), bytes)),
            Ok(None) => findings.push(
                release_error(Code::Release, format!("{path} is missing")).hint("write it again with `nself gen`"),
            ),
            Ok(Some(_)) => findings
                .push(release_error(Code::Release, format!("{path} differs from the manifest")).hint(
                    "look at the difference with `nself check`; only unchanged generated files can be published",
                )),
            Err(error) => findings.push(error.into()),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    files.insert(MANIFEST.to_owned(), manifest.to_bytes());
    Ok(files)
}

/// Returns a finding for each requested environment of which the manifest records no file. A manifest without files
/// has a different finding.
fn unknown_environments(manifest: &Manifest, requested: &[String]) -> Vec<Diagnostic> {
    let known: BTreeSet<&str> = manifest.files.keys().map(ArtifactPath::top).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let unknown: BTreeSet<&str> = requested.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    let unknown = unknown.into_iter().filter(|_| !known.is_empty());
    let finding_about = |name: &str| {
        release_error(
            Code::UnknownEnvironment,
            format!("the output folder has no generated files of an environment `{name}`"),
        )
        .expected(words::one_of(&known))
        .hint(words::suggestion_or(name, known.iter().copied(), "run `nself gen` if the stack declares it"))
    };
    unknown.map(finding_about).collect()
}

/// Writes files and their bill of materials to a registry. The tag is written last, so that the release cannot be
/// pulled by its tag before it is complete.
///
/// # Errors
/// NS821 to NS824 if the registry fails or refuses the release; NS812 if a path cannot be part of an archive.
pub fn publish(
    registry: &Registry,
    address: &ImageName,
    files: &ReleaseFiles,
) -> Result<PublishedRelease, Vec<Diagnostic>> {
    let title = address.repository.rsplit('/').next().unwrap_or_default();
    let pack_result = archive::pack(title, files);
    let (blobs, manifest_digest) =
        pack_result.map_err(|error| vec![release_error(Code::Release, error.to_string())])?;
    let push = || -> Result<PublishedRelease, Failure> {
        for (_, bytes) in blobs.0.iter().filter(|(blob, _)| **blob != manifest_digest) {
            registry.push_blob(address, bytes)?;
        }
        // The manifest is one of the blobs. A registry accepts it only as a manifest, after the other blobs.
        let image_manifest = &blobs.0[&manifest_digest];
        registry.push_manifest(address, None, media::IMAGE_MANIFEST, image_manifest)?;
        let bill_of_materials = json::to_canonical(&sbom::spdx(title, &manifest_digest, files));
        let subject = Subject { digest: &manifest_digest, size: image_manifest.len() };
        let sbom = registry.push_referrer(address, subject, sbom::SPDX, &bill_of_materials)?;
        let tag = address.tag.clone().unwrap_or_else(|| "latest".to_owned());
        registry.push_manifest(address, Some(&tag), media::IMAGE_MANIFEST, image_manifest)?;
        Ok(PublishedRelease { digest: manifest_digest.clone(), tag, sbom })
    };
    push().map_err(|failure| vec![failure.finding(FieldPath::root())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scope;

    #[test]
    fn an_environment_without_files_is_refused_before_anything_is_published() {
        let temporary = tempfile::tempdir().unwrap();
        let output = Root::at(temporary.path(), Scope::Output);
        let mut manifest = Manifest::default();
        let folder = output.open().unwrap().unwrap();
        for path in ["local/compose.yaml", "prod/compose.yaml"] {
            folder.write(path, path.as_bytes()).unwrap();
            manifest.files.insert(ArtifactPath::new(path).unwrap(), Digest::of(path.as_bytes()));
        }
        folder.write(MANIFEST, &manifest.to_bytes()).unwrap();
        let read = |names: &[&str]| read_files(&output, &names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read(&["local"]).unwrap().len(), 2, "a file and the manifest");
        assert_eq!(read(&[]).unwrap().len(), 3);
        let findings = read(&["local", "prdo", "prdo"]).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].code, Code::UnknownEnvironment);
        assert_eq!(findings[0].expected, "one of local, prod");
        assert_eq!(findings[0].hint, "did you mean `prod`?");
        // Without any generated file, the remedy is different.
        folder.write(MANIFEST, b"").unwrap();
        assert_eq!(read(&["prdo"]).unwrap_err()[0].code, Code::Release);
    }
}
