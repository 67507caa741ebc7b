//! Verification: compares every generated file with the manifest, every object of the cache with the digest that is its
//! name and, on request, all files with the stack. A difference is a finding and does not end the verification.

use std::collections::BTreeSet;

use super::{Findings, Request, generate};
use crate::artifact::{ArtifactPath, Artifacts, Digest, mode};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;
use crate::store::{self, Cache, Manifest, Objects};

/// The optional steps of a verification, after the comparison with the manifest.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyOptions {
    /// Generates the files again from the stack, and compares them with the manifest.
    pub rebuild: bool,
    /// Restores files that differ from the manifest, and moves damaged objects to the quarantine.
    pub repair: bool,
}

/// The result of [`verify`].
#[derive(Debug)]
pub struct Verification {
    /// The number of files in the manifest.
    pub files: usize,
    /// The number of intact objects in the cache.
    pub objects: usize,
    /// Names of damaged objects.
    pub damaged: Vec<String>,
    /// Files that were restored.
    pub repaired: Vec<ArtifactPath>,
    pub findings: Findings,
    /// Whether a difference or a damaged object remains.
    pub differs: bool,
}

/// Verifies the output folder of a request.
///
/// # Errors
/// A manifest that cannot be read or that records no file, and a stack that cannot be generated.
pub fn verify(request: &Request, options: VerifyOptions) -> Result<Verification, Findings> {
    let out = request.output_folder();
    let cache = Cache::new(&request.project());
    let lock = if options.repair { cache.lock() } else { None };
    let manifest = Manifest::read(&out).and_then(Manifest::without_conflicts).map_err(|finding| vec![finding])?;
    if manifest.files.is_empty() {
        return Err(vec![empty_manifest(request)]);
    }
    let new_artifacts = if options.rebuild { Some(regenerate(request, &out, &manifest)?) } else { None };
    let objects = cache.objects();
    let copies = CopySource { new_artifacts: new_artifacts.as_ref(), objects: &objects };
    let (mut findings, mut repaired) = (Vec::new(), Vec::new());
    for (path, digest) in &manifest.files {
        match verify_file(&out, (path, digest), options.repair.then_some(&copies)) {
            FileState::Intact => {}
            FileState::Repaired => repaired.push(path.clone()),
            FileState::Different(finding) => findings.push(*finding),
        }
    }
    findings.extend(new_artifacts.iter().flat_map(|new_artifacts| compare_with_manifest(new_artifacts, &manifest)));
    let (intact_objects, damaged) = objects.check_all();
    if options.repair {
        objects.quarantine(&damaged);
    } else {
        findings.extend(damaged.iter().map(|name| {
            Diagnostic::warning(Code::Object, FieldPath::root())
                .message(format!("the copy {name} of a generated file in the cache .nself is damaged"))
                .hint("move it to the quarantine with `nself verify --repair`; nself does not use it")
        }));
    }
    drop(lock);
    let differs = findings.iter().any(Diagnostic::is_error) || (!options.repair && !damaged.is_empty());
    Ok(Verification { files: manifest.files.len(), objects: intact_objects, damaged, repaired, findings, differs })
}

/// Returns the finding for a manifest that records no file, such as that of a wrong output folder.
fn empty_manifest(request: &Request) -> Diagnostic {
    Diagnostic::error(Code::Manifest, FieldPath::root())
        .message(format!("{}: the manifest records no files", request.output_path().display()))
        .hint("run `nself gen` first, or name the output folder with --out")
}

/// The result of comparing a file with the manifest.
enum FileState {
    /// The file has the recorded digest.
    Intact,
    /// The file differed and was restored.
    Repaired,
    /// The file differs; the finding says how.
    Different(Box<Diagnostic>),
}

/// Compares a file with its digest. With `copies`, a file that differs is restored from a copy.
fn verify_file(out: &Root, (path, digest): (&ArtifactPath, &Digest), copies: Option<&CopySource>) -> FileState {
    let difference = match store::read(out, path.as_str()) {
        Ok(Some(bytes)) if Digest::of(&bytes) == *digest => return verify_mode(out, path, copies.is_some()),
        Ok(Some(_)) => format!("{path} differs from the manifest"),
        Ok(None) => format!("{path} is missing"),
        // A link or an unreadable file; nothing is written there.
        Err(finding) => return FileState::Different(Box::new(finding)),
    };
    let copy = copies.and_then(|copies| copies.copy_of(path, digest));
    match copy.map(|bytes| store::write(out, path.as_str(), &bytes)) {
        Some(Ok(())) => FileState::Repaired,
        Some(Err(finding)) => FileState::Different(Box::new(finding)),
        None => {
            let hint = match copies {
                Some(_) => {
                    "no copy exists to restore the file: look at the difference with `nself check`, then write the file again with `nself gen --force`"
                }
                None => "look at the difference with `nself check`, or restore the file with `nself verify --repair`",
            };
            let finding = Diagnostic::error(Code::HandEdited, FieldPath::root());
            FileState::Different(Box::new(finding.message(difference).hint(hint)))
        }
    }
}

/// Compares the mode of a file with the mode that its path implies. Only the executable bit of files with a declared
/// mode counts, so neither git nor the umask of a copy causes a difference. With `repair`, a different mode is corrected.
fn verify_mode(out: &Root, path: &ArtifactPath, repair: bool) -> FileState {
    let folder = out.open().ok().flatten();
    let Some(folder) = folder.filter(|folder| !store::has_mode(Some(folder), path.as_str())) else {
        return FileState::Intact;
    };
    let expected = mode::of_path(path.as_str());
    if repair {
        return match folder.set_mode(path.as_str(), expected) {
            Ok(()) => FileState::Repaired,
            Err(error) => FileState::Different(Box::new(error.into())),
        };
    }
    let difference = if expected & 0o100 == 0 { "is executable" } else { "is not executable" };
    FileState::Different(Box::new(
        Diagnostic::error(Code::HandEdited, FieldPath::root())
            .message(format!("{path} {difference}, but was generated with the mode {expected:04o}"))
            .hint("restore the mode with `nself gen` or `nself verify --repair`"),
    ))
}

/// The sources of copies of recorded files.
struct CopySource<'a> {
    /// The files that were generated again.
    new_artifacts: Option<&'a Artifacts>,
    objects: &'a Objects,
}

impl CopySource<'_> {
    /// Returns the content of a file with this digest; `None` if no source has it.
    fn copy_of(&self, path: &ArtifactPath, digest: &Digest) -> Option<Vec<u8>> {
        let artifact = self.new_artifacts.and_then(|new_artifacts| new_artifacts.get(path.as_str()));
        let bytes = artifact.and_then(|artifact| artifact.bytes()).map(<[u8]>::to_vec);
        bytes.filter(|bytes| Digest::of(bytes) == *digest).or_else(|| self.objects.get(digest))
    }
}

/// Generates the environments of the manifest again. Files contain the relative path to the project, so if the files
/// for this output folder differ, they are also generated for the default folder: a release may have been generated
/// there and then pulled into this folder.
fn regenerate(request: &Request, out: &Root, manifest: &Manifest) -> Result<Artifacts, Findings> {
    let environments: BTreeSet<&str> = manifest.files.keys().map(ArtifactPath::top).collect();
    let environments: Vec<String> = environments.into_iter().map(str::to_owned).collect();
    let for_this_folder = Request { environments, out: Some(out.path().to_owned()), ..request.clone() };
    let artifacts = generate(&for_this_folder)?.artifacts;
    if request.out.is_some() && !compare_with_manifest(&artifacts, manifest).is_empty() {
        let for_default_folder = generate(&Request { out: None, ..for_this_folder })?.artifacts;
        if compare_with_manifest(&for_default_folder, manifest).is_empty() {
            return Ok(for_default_folder);
        }
    }
    Ok(artifacts)
}

/// Returns a finding for each difference between the files that were generated again and the manifest.
fn compare_with_manifest(new_artifacts: &Artifacts, manifest: &Manifest) -> Findings {
    let difference = |message: String| {
        Diagnostic::error(Code::NotReproduced, FieldPath::root())
            .message(message)
            .hint("the stack, the lock or nself itself has changed since the last generation: look at the difference with `nself check`, then run `nself gen`")
    };
    let new_or_changed = new_artifacts.iter().filter_map(|(path, artifact)| match manifest.files.get(path) {
        None => Some(difference(format!("{path} is generated now but missing from the manifest"))),
        Some(digest) if *digest != artifact.digest() => {
            Some(difference(format!("{path} is generated with different content")))
        }
        Some(_) => None,
    });
    let missing = manifest.files.keys().filter(|path| new_artifacts.get(path.as_str()).is_none());
    let missing = missing.map(|path| difference(format!("{path} is in the manifest but no longer generated")));
    new_or_changed.chain(missing).collect()
}
