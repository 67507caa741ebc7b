//! The folder of a pulled release: reads its record, checks a new release, and writes it over the earlier one. nself
//! replaces only files that an earlier pull wrote.

use super::record::{PullRecord, RECORD_VERSION};
use super::{ReleaseFiles, archive, release_error};
use crate::artifact::{Digest, json};
use crate::diagnostic::{Code, Diagnostic};
use crate::files::{FileError, FileKind, Folder, Root};
use crate::store::{MANIFEST, Manifest};

/// The record of a pull, next to the manifest.
const RECORD: &str = "nself.pull.json";
/// The hint for a release that is incomplete or differs from its manifest.
const PUBLISH_AGAIN: &str = "do not use this release; ask the publisher to run `nself publish` again";

impl PullRecord {
    /// Reads the record of a folder; `None` if no release was pulled there.
    ///
    /// # Errors
    /// NS805 if it is damaged or was written by a newer version of nself.
    pub fn read(folder: &Root) -> Result<Option<Self>, Diagnostic> {
        let Some(text) = folder.read(RECORD, FileKind::Manifest)? else { return Ok(None) };
        let unusable_record = |reason: String| {
            let path = folder.path().join(RECORD);
            release_error(Code::Manifest, format!("{} cannot be used: {reason}", path.display()))
                .hint("pull into an empty folder")
        };
        let record: PullRecord = serde_json::from_slice(&text).map_err(|error| unusable_record(error.to_string()))?;
        if record.version == RECORD_VERSION {
            Ok(Some(record))
        } else {
            Err(unusable_record("it was written by a newer version of nself".to_owned()))
        }
    }
}

/// Checks that a release contains exactly the files of its manifest, and only files that nself generates. Returns the
/// manifest.
///
/// # Errors
/// NS827 for each file that nself never generates, NS812 for files that differ from the manifest, NS805 for a manifest
/// that cannot be used.
pub fn check_files(files: &ReleaseFiles) -> Result<Manifest, Vec<Diagnostic>> {
    let missing_manifest =
        || vec![release_error(Code::Release, format!("the release has no {MANIFEST}")).hint(PUBLISH_AGAIN)];
    let manifest_bytes = files.get(MANIFEST).ok_or_else(missing_manifest)?;
    let findings: Vec<Diagnostic> = files.iter().filter_map(|(path, bytes)| check_path(path, bytes)).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let manifest =
        Manifest::parse(manifest_bytes).and_then(Manifest::without_conflicts).map_err(|finding| vec![finding])?;
    let is_recorded = |(path, bytes): (&String, &Vec<u8>)| {
        path == MANIFEST || manifest.files.get(path.as_str()).is_some_and(|digest| *digest == Digest::of(bytes))
    };
    // The manifest does not record itself, so the release has one more file than it records.
    if files.len() != manifest.files.len() + 1 || !files.iter().all(is_recorded) {
        return Err(vec![
            release_error(Code::Release, "the files of the release differ from its manifest").hint(PUBLISH_AGAIN),
        ]);
    }
    Ok(manifest)
}

/// Returns a finding if nself never generates a file of this path with this content.
fn check_path(path: &str, bytes: &[u8]) -> Option<Diagnostic> {
    (path != MANIFEST && !archive::is_generated(path, bytes)).then(|| {
        release_error(
            Code::ReleasePath,
            format!("the release contains `{path}`, which `nself gen` never writes with this content"),
        )
        .expected("generated files in a folder for each environment")
        .hint("do not use this release; find out who published it")
    })
}

/// Writes a checked release to a folder and deletes files of an earlier pull that the release no longer has. The
/// manifest is written last.
///
/// # Errors
/// NS802 for each file that no earlier pull wrote; nothing is written then. NS804 if a file cannot be written.
pub fn write(target: &Root, files: &ReleaseFiles, record: &PullRecord) -> Result<(), Vec<Diagnostic>> {
    let old_manifest = Manifest::read(target).map_err(|finding| vec![finding])?;
    let foreign_findings = foreign_file_findings(target, files, &old_manifest)?;
    if !foreign_findings.is_empty() {
        return Err(foreign_findings);
    }
    let write_all = || -> Result<(), FileError> {
        let folder = target.open_or_create(0o755)?;
        for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
            folder.write(path, bytes)?;
        }
        delete_old_files(&folder, files, &old_manifest)?;
        folder.write(RECORD, &json::to_pretty(record))?;
        folder.write(MANIFEST, files.get(MANIFEST).map(Vec::as_slice).unwrap_or_default())
    };
    write_all().map_err(|error| vec![error.into()])
}

/// Deletes files of an earlier pull that the release no longer has, unless they were edited.
fn delete_old_files(folder: &Folder, files: &ReleaseFiles, old_manifest: &Manifest) -> Result<(), FileError> {
    for (path, digest) in old_manifest.files.iter().filter(|(path, _)| !files.contains_key(path.as_str())) {
        let bytes = folder.read(path.as_str(), FileKind::Output)?;
        if bytes.is_some_and(|bytes| Digest::of(&bytes) == *digest) {
            let _ = folder.remove_file(path.as_str());
        }
    }
    Ok(())
}

/// Returns a finding for each existing file that the release would replace and that no earlier pull wrote. `Err` if the
/// folder cannot be opened.
fn foreign_file_findings(
    target: &Root,
    files: &ReleaseFiles,
    old_manifest: &Manifest,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let Some(folder) = target.open().map_err(|error| vec![error.into()])? else { return Ok(findings) };
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        match folder.read(path, FileKind::Output) {
            Ok(None) => {}
            Ok(Some(existing)) => {
                let is_from_earlier_pull =
                    old_manifest.files.get(path.as_str()).is_some_and(|digest| *digest == Digest::of(&existing));
                if existing != *bytes && !is_from_earlier_pull {
                    let path = target.path().join(path);
                    findings.push(
                        release_error(Code::Foreign, format!("{} was not written by an earlier pull", path.display()))
                            .hint("pull into an empty folder"),
                    );
                }
            }
            Err(error) => findings.push(error.into()),
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::artifact::{ArtifactPath, Sha256};
    use crate::files::Scope;

    fn release(entries: &[(&str, &str)]) -> ReleaseFiles {
        let mut manifest = Manifest::default();
        let mut files = ReleaseFiles::new();
        for (path, text) in entries {
            manifest.files.insert(ArtifactPath::new(*path).unwrap(), Digest::of(text.as_bytes()));
            files.insert((*path).to_owned(), text.as_bytes().to_vec());
        }
        files.insert(MANIFEST.to_owned(), manifest.to_bytes());
        files
    }

    fn code(result: Result<Manifest, Vec<Diagnostic>>) -> Code {
        result.unwrap_err()[0].code
    }

    #[test]
    fn a_release_contains_exactly_the_files_of_its_manifest() {
        let valid = release(&[("prod/compose.yaml", "a"), ("prod/health.json", "b")]);
        assert_eq!(check_files(&valid).unwrap().files.len(), 2);
        let code_after = |change: &dyn Fn(&mut ReleaseFiles)| {
            let mut files = valid.clone();
            change(&mut files);
            code(check_files(&files))
        };
        assert_eq!(code_after(&|files| drop(files.remove(MANIFEST))), Code::Release);
        assert_eq!(code_after(&|files| drop(files.remove("prod/health.json"))), Code::Release);
        assert_eq!(code_after(&|files| drop(files.insert("prod/compose.yaml".into(), b"x".to_vec()))), Code::Release);
        assert_eq!(code_after(&|files| drop(files.insert("local/compose.yaml".into(), b"a".to_vec()))), Code::Release);
        assert_eq!(code_after(&|files| drop(files.insert("prod/.env".into(), b"a".to_vec()))), Code::ReleasePath);
    }

    #[test]
    fn only_files_of_an_earlier_pull_are_replaced_and_deleted() {
        let temporary = tempfile::tempdir().unwrap();
        let target = Root::at(temporary.path(), Scope::Output);
        let record = PullRecord { version: RECORD_VERSION, digest: Sha256::of(b"x"), release: None };
        let first = release(&[("prod/compose.yaml", "1"), ("prod/health.json", "1"), ("prod/secrets.json", "1")]);
        write(&target, &first, &record).unwrap();
        assert_eq!(PullRecord::read(&target).unwrap(), Some(record.clone()));
        // The next release has only one of the files. Of the two other files, the edited one stays.
        fs::write(temporary.path().join("prod/secrets.json"), "edited").unwrap();
        write(&target, &release(&[("prod/compose.yaml", "2")]), &record).unwrap();
        assert_eq!(fs::read(temporary.path().join("prod/compose.yaml")).unwrap(), b"2");
        assert!(!temporary.path().join("prod/health.json").exists());
        assert_eq!(fs::read(temporary.path().join("prod/secrets.json")).unwrap(), b"edited");
        fs::write(temporary.path().join("prod/compose.yaml"), "edited").unwrap();
        let findings = write(&target, &release(&[("prod/compose.yaml", "3")]), &record).unwrap_err();
        assert_eq!(findings[0].code, Code::Foreign);
        assert_eq!(fs::read(temporary.path().join("prod/compose.yaml")).unwrap(), b"edited");
    }

    #[test]
    fn a_damaged_or_newer_record_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let target = Root::at(temporary.path(), Scope::Output);
        assert_eq!(PullRecord::read(&target).unwrap(), None);
        let newer = format!(r#"{{"version": 2, "digest": "{}", "release": null}}"#, Sha256::of(b"x"));
        for text in ["{", newer.as_str()] {
            fs::write(temporary.path().join(RECORD), text).unwrap();
            assert_eq!(PullRecord::read(&target).unwrap_err().code, Code::Manifest, "{text}");
        }
    }
}
