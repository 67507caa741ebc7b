//! Updates the cache after a run: the objects, the generation (the record of the run) and the stamp.

use std::collections::BTreeSet;
use std::path::Path;

use super::Report;
use crate::artifact::{ArtifactPath, Digest};
use crate::files::{FileKind, read_operator_file, stat_path};
use crate::store::{Cache, Generation, Manifest, Outputs, StampWriter};

/// Stores the changed outputs, the manifest and the derivations as objects, and adds a generation, which has their
/// digests and the digests of the inputs. A cache that cannot be written is not an error.
pub fn archive(cache: &Cache, project: &Path, report: &Report) {
    let (output, changes) = (&report.output, &report.changes);
    // Unchanged outputs are already in the cache.
    let changed_outputs = changes
        .changes
        .iter()
        .filter_map(|change| Some((changes.manifest.files.get(change.path.as_str())?, change.new.as_deref()?)));
    let manifest_record = (&changes.digest, changes.manifest_bytes.as_slice());
    let derivations = derivations(cache, report).to_bytes();
    let derivations_digest = Digest::of(&derivations);
    let records = [manifest_record, (&derivations_digest, derivations.as_slice())];
    if cache.objects().put(changed_outputs.chain(records)).is_err() {
        return;
    }
    let input_digests = output.inputs().filter_map(|path| {
        let name = path.strip_prefix(project).unwrap_or(path).to_string_lossy().into_owned();
        Some((name, Digest::of(&read_operator_file(path, FileKind::Input).ok()?)))
    });
    let part_digests = output.plans.iter().flat_map(|planned| planned.parts.clone()).collect();
    let _ = cache.generations().add(&Generation::new(
        changes.digest,
        derivations_digest,
        input_digests.collect(),
        part_digests,
    ));
}

/// Returns a manifest whose digests are the derivations of the files: the digests of everything from which a file is
/// generated. The derivations of environments that were not selected are copied from the previous generation.
fn derivations(cache: &Cache, report: &Report) -> Manifest {
    let Report { output, changes, .. } = report;
    // A run of all environments needs no previous generation.
    let is_selection = output.selected.is_some();
    let previous = if is_selection { cache.generations().latest().unwrap_or_default() } else { Generation::default() };
    let derivation = |path: &ArtifactPath| match output.artifacts.get(path.as_str()) {
        Some(artifact) => Some(artifact.derivation),
        None => previous.derivations.get(path).copied(),
    };
    let paths = changes.manifest.files.keys();
    let files = paths.filter_map(|path| Some((path.clone(), derivation(path)?))).collect();
    Manifest { files, ..Manifest::default() }
}

/// Saves the stamp with `saved_report`, the text that a later run returns if no input and no output changed.
pub fn save_stamp(writer: StampWriter, report: &Report, saved_report: &str) {
    let Report { output, changes, out, .. } = report;
    let mut folders = changes.folders.clone();
    let mut changed_folders = BTreeSet::new();
    for change in changes.changes.iter().filter(|change| change.state.differs()) {
        let parents = Path::new(&change.path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        changed_folders.extend(parents.map(|folder| out.path().join(folder).into_os_string()));
    }
    for folder in &changed_folders {
        // A folder that this run created contains only generated files, which the flag `true` records. A folder whose
        // last file was deleted no longer exists.
        if stat_path(Path::new(folder)).is_ok_and(|stat| stat.is_folder()) {
            folders.entry(folder.clone()).or_insert(true);
        } else {
            folders.remove(folder);
        }
    }
    let outputs = Outputs {
        out,
        manifest: &changes.manifest,
        digest: changes.digest,
        derivation: &|path| output.artifacts.get(path.as_str()).map(|artifact| artifact.derivation),
        folders,
        changed: changed_folders,
    };
    writer.save(output.watches.iter().cloned(), outputs, output.previous.stamp.as_ref(), saved_report);
}
