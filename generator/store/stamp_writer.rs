//! A stamp in the making.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;

use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::folder_scan::Folders;
use super::stamp::{self, SeenOutput, Stamp, StampFile, identity, modified};
use super::{MANIFEST, Manifest, stamp_format};
use crate::artifact::{ArtifactPath, Digest};
use crate::files::{FileKind, Folder, Root, random_name};
use crate::source::library::make_cache;

/// A stamp in the making. It exists before the first input is read, so that an input which is saved while it
/// is evaluated shows as younger.
#[derive(Debug)]
pub struct StampWriter {
    /// The folder of the stamps.
    folder: Folder,
    name: String,
    temporary: String,
    file: File,
    began: i64,
    identity: String,
}

/// What a run leaves in the output folder.
pub struct Outputs<'a> {
    pub out: &'a Root,
    pub manifest: &'a Manifest,
    /// Of the manifest's bytes.
    pub digest: Digest,
    /// The derivation of a file of this run; files of other environments are recorded, and not looked at.
    pub derivation: &'a dyn Fn(&ArtifactPath) -> Option<Digest>,
    /// Folders around the files, and whether nothing is in them that is not ours.
    pub folders: Folders,
    /// Those in which the run wrote or deleted something.
    pub changed: BTreeSet<OsString>,
}

impl StampWriter {
    /// Nothing when stamps cannot be kept there; then the next run is only slower.
    pub fn begin(place: &StampFile) -> Option<Self> {
        let folder = make_cache(&place.cache).ok()?.make_folder(stamp::FOLDER, 0o755).ok()?;
        let temporary = format!(".{}", random_name().ok()?);
        let file = folder.create_open(&temporary, 0o644).ok()?;
        let meta = file.metadata().ok();
        let seen = meta.and_then(|meta| Some((modified(&meta), identity(&meta)?)));
        let Some((began, identity)) = seen else {
            let _ = folder.remove_file(&temporary);
            return None;
        };
        Some(StampWriter { folder, name: place.name.clone(), temporary, file, began, identity })
    }

    /// Remembers what the run said, to be said again while all of this stays: `inputs` as they were read, outputs as
    /// they should be, folders as they are now. Anything that moved meanwhile leaves no stamp. What `before` knows of
    /// an output with this digest still holds: if the file moves, its times are not those.
    pub fn save(
        mut self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        before: Option<&Stamp>,
        said: &str,
    ) {
        if let Some(text) = self.text(inputs, outputs, before, said)
            && self.file.write_all(text.as_bytes()).is_ok()
        {
            let _ = self.folder.rename(&self.temporary, &self.folder, &self.name);
        }
    }

    fn text(
        &self,
        inputs: impl IntoIterator<Item = Watch>,
        outputs: Outputs,
        before: Option<&Stamp>,
        said: &str,
    ) -> Option<String> {
        let inputs =
            inputs.into_iter().map(|watch| Fingerprint::now(watch).filter(|seen| seen.meta.is_before(self.began)));
        let out = outputs.out.open().ok()??;
        let manifest = Fingerprint::now(Watch::File(out.path().join(MANIFEST)));
        let manifest = manifest.filter(|seen| seen.digest == outputs.digest.as_str());
        let folders = before.into_iter().flat_map(Stamp::folders).map(|seen| (seen.watch.path().as_os_str(), seen));
        let known: BTreeMap<&OsStr, &Fingerprint> =
            folders.filter(|(path, _)| !outputs.changed.contains(*path)).collect();
        let around = outputs.folders.into_iter().map(|(path, clean)| {
            let again = known.get(path.as_os_str()).map(|seen| (seen.meta, seen.digest.clone()));
            let watch = if clean { Watch::Clean(path.into()) } else { Watch::Folder(path.into()) };
            match again {
                Some((meta, digest)) => Some(Fingerprint { watch, meta, digest }),
                None => Fingerprint::now(watch),
            }
        });
        let mut old = before.into_iter().flat_map(|stamp| &stamp.outputs).peekable();
        let files = outputs.manifest.files.iter().map(|(path, digest)| {
            let Some(derivation) = (outputs.derivation)(path) else { return Some((path, digest, None)) };
            while old.next_if(|old| old.path < *path).is_some() {}
            let again = old.peek().filter(|old| old.path == *path && old.digest == *digest);
            let see = || {
                // Content first: whatever changes it afterwards changes the times too.
                let bytes = out.read(path.as_str(), FileKind::Output).ok()??;
                (Digest::of(&bytes) == *digest).then(|| FileStat::of_file(&out, path.as_str()))?
            };
            let meta = again.and_then(|old| old.seen).map(|seen| seen.meta).or_else(see)?;
            Some((path, digest, Some(SeenOutput { meta, derivation })))
        });
        let seen: Vec<Fingerprint> = inputs.chain([manifest]).chain(around).collect::<Option<_>>()?;
        stamp_format::write(&self.identity, said, &seen, out.path(), files)
    }
}

impl Drop for StampWriter {
    fn drop(&mut self) {
        let _ = self.folder.remove_file(&self.temporary);
    }
}
