//! What a run leaves in the cache: its outputs, its record, its stamp.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json as document;

use super::{Made, Run};
use crate::artifact::{ArtifactPath, Digest};
use crate::cli::output;
use crate::files::{FileKind, look_at, read_named};
use crate::store::{self, Change, Changes, Generation, Manifest, Outputs, StampWriter, State, Watch};
use crate::terminal::Lines;

impl Run<'_> {
    /// Keeps the outputs and what they were made from; the run is none the worse when the cache cannot be written.
    pub(super) fn archive(&self, made: &Made, changes: &Changes, inputs: &[Watch]) {
        // What was left as it was, is kept already.
        let outputs = changes
            .changes
            .iter()
            .filter_map(|change| Some((changes.manifest.files.get(change.path.as_str())?, change.new.as_deref()?)));
        let manifest = (&changes.digest, changes.text.as_slice());
        let derivations = self.derivations(made, changes).to_bytes();
        let derivations_digest = Digest::of(&derivations);
        let lists = [manifest, (&derivations_digest, derivations.as_slice())];
        if self.cache.objects().put(outputs.chain(lists)).is_err() {
            return;
        }
        let read = inputs.iter().filter_map(|watch| match watch {
            Watch::File(path) => {
                let shown = path.strip_prefix(&self.project).unwrap_or(path).to_string_lossy().into_owned();
                Some((shown, Digest::of(&read_named(path, FileKind::Input).ok()?)))
            }
            _ => None,
        });
        let parts = made.plans.iter().flat_map(|planned| planned.parts.clone()).collect();
        let _ =
            self.cache.generations().add(&Generation::new(changes.digest, derivations_digest, read.collect(), parts));
    }

    /// The derivation of each recorded file, in the manifest's format; those of environments that were not selected come
    /// from the generation before.
    fn derivations(&self, made: &Made, changes: &Changes) -> Manifest {
        let before = made.selected.as_ref().and_then(|_| self.cache.generations().latest()).unwrap_or_default();
        let derivation = |path: &ArtifactPath| match made.artifacts.get(path.as_str()) {
            Some(artifact) => Some(artifact.derivation),
            None => before.derivations.get(path).copied(),
        };
        let paths = changes.manifest.files.keys();
        let files = paths.filter_map(|path| Some((path.clone(), derivation(path)?))).collect();
        Manifest { files, ..Manifest::default() }
    }

    pub(super) fn remember(&self, recorder: StampWriter, changes: &Changes, made: &Made, inputs: &[Watch]) {
        let findings = &made.findings;
        let mut folders = changes.folders.clone();
        let mut changed = BTreeSet::new();
        for change in changes.changes.iter().filter(|change| change.state.differs()) {
            let above = Path::new(&change.path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            changed.extend(above.map(|folder| self.out.path().join(folder).into_os_string()));
        }
        for folder in &changed {
            // One that was made for new files holds nothing else, one that lost its last file is gone.
            if look_at(Path::new(folder)).is_ok_and(|stat| stat.is_folder()) {
                folders.entry(folder.clone()).or_insert(true);
            } else {
                folders.remove(folder);
            }
        }
        let ours = |path: &ArtifactPath| store::is_selected(made.selected.as_ref(), path);
        let files = changes.manifest.files.keys().filter(|path| ours(path)).count();
        let foreign: Vec<Change> =
            changes.changes.iter().filter(|change| change.state == State::Foreign).cloned().collect();
        let mut counts = store::counts(&foreign);
        counts.insert(State::Same.name(), files);
        let result = document!({
            "version": 1, "status": "same", "counts": counts, "rendered": 0, "files": store::states(&foreign),
            "diagnostics": findings,
        });
        let mut remarks = Lines::default();
        for finding in findings {
            remarks.append(&output::render(finding, false));
        }
        remarks.append(&store::foreign(&foreign));
        let said = document!({ "result": result, "remarks": remarks.as_str(), "files": files });
        let outputs = Outputs {
            out: &self.out,
            manifest: &changes.manifest,
            digest: changes.digest,
            derivation: &|path| made.artifacts.get(path.as_str()).map(|artifact| artifact.derivation),
            folders,
            changed,
        };
        recorder.save(inputs.iter().cloned(), outputs, made.known.stamp.as_ref(), &said.to_string());
    }
}
