//! Outputs by their content, below the cache: what `verify --repair` restores from. Nothing is read without being
//! digested anew; what does not fit its name is put aside and counts as absent. Generating never reads here, so no
//! object, whoever left it, can become an output.

use std::io;

use crate::artifact::Digest;
use crate::files::{FileError, FileKind, Folder, Root, Stat, random_name};
use crate::source::library::make_cache;

/// The number is that of the layout: another release with another layout uses other folders.
const FOLDER: &str = "objects1";
const QUARANTINE: &str = "quarantine";

/// The folder of objects of one cache.
#[derive(Debug, Clone)]
pub struct Objects {
    cache: Root,
}

impl Objects {
    pub fn new(cache: Root) -> Self {
        Objects { cache }
    }

    fn folder(&self) -> Option<Folder> {
        self.cache.open().ok()??.folder(FOLDER).ok()?
    }

    /// Keeps bytes under their digests. What is there already is looked at, or its damage would spread.
    ///
    /// # Errors
    /// The cache cannot be written; nothing half-written is left under a name.
    pub fn put<'a>(&self, all: impl IntoIterator<Item = (&'a Digest, &'a [u8])>) -> io::Result<()> {
        let folder = make_cache(&self.cache)?.make_folder(FOLDER, 0o755)?;
        let temporary = format!(".{}", random_name()?);
        for (digest, bytes) in all {
            if self.get_from(&folder, digest).is_none() {
                let written = folder.create(&temporary, bytes, 0o444);
                let moved = written.and_then(|()| folder.rename(&temporary, &folder, digest.as_str()));
                moved.inspect_err(|_| {
                    let _ = folder.remove_file(&temporary);
                })?;
            }
        }
        Ok(())
    }

    /// The bytes of a digest, if they are there and whole.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.get_from(&self.folder()?, digest)
    }

    fn get_from(&self, folder: &Folder, digest: &Digest) -> Option<Vec<u8>> {
        match folder.read(digest.as_str(), FileKind::Output) {
            Ok(None) => None,
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => Some(bytes),
            _ => {
                self.put_aside(folder, digest.as_str());
                None
            }
        }
    }

    /// Looks at all of them; gives the number of whole ones and the names of the others.
    pub fn look(&self) -> (usize, Vec<String>) {
        let mut bad = Vec::new();
        let mut good = 0;
        let Some(folder) = self.folder() else { return (good, bad) };
        for entry in folder.list().unwrap_or_default() {
            let name = entry.name.to_string_lossy().into_owned();
            // Temporary files are no objects.
            if name.starts_with('.') {
                continue;
            }
            let bytes = folder.read(&entry.name, FileKind::Output).ok().flatten();
            let is_whole = bytes.is_some_and(|bytes| Digest::of(&bytes).as_str() == name);
            if is_whole { good += 1 } else { bad.push(name) }
        }
        (good, bad)
    }

    /// Puts damaged ones aside; those that could not be moved stay and are still never used.
    pub fn quarantine(&self, names: &[String]) {
        if let Some(folder) = self.folder() {
            names.iter().for_each(|name| self.put_aside(&folder, name));
        }
    }

    fn put_aside(&self, folder: &Folder, name: &str) {
        let moved = || -> io::Result<()> {
            let place = make_cache(&self.cache)?.make_folder(QUARANTINE, 0o755)?;
            Ok(folder.rename(name, &place, format!("{name}.{}", random_name()?))?)
        };
        let _ = moved();
    }

    /// Deletes what `keep` does not name and is older than `grace` seconds, by the clock of the file system itself:
    /// younger ones may belong to a run that is about to record them. Gives how many went and how many bytes.
    ///
    /// # Errors
    /// The cache cannot be used: a link in place of one of its folders is not followed.
    pub fn sweep(&self, keep: &dyn Fn(&str) -> bool, grace: u64) -> Result<(usize, u64), FileError> {
        let cache = make_cache(&self.cache)?;
        let grace = i64::try_from(grace).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let limit = now(&cache)?.saturating_sub(grace);
        let is_old = |stat: &Stat| stat.modified <= limit;
        let mut swept = (0, 0);
        for name in [FOLDER, QUARANTINE] {
            let Some(folder) = cache.folder(name)? else { continue };
            for entry in folder.list()? {
                let Some(stat) = folder.stat(&entry.name)? else { continue };
                let is_wanted = name == FOLDER && keep(&entry.name.to_string_lossy());
                if !is_wanted && is_old(&stat) && folder.remove_file(&entry.name).is_ok() {
                    swept = (swept.0 + 1, swept.1 + stat.size);
                }
            }
        }
        Ok(swept)
    }
}

/// The file system's time in nanoseconds since 1970, from a file that is made now.
fn now(cache: &Folder) -> Result<i64, FileError> {
    let name = format!(".{}", random_name().unwrap_or_default());
    cache.create(&name, b"", 0o644)?;
    let time = cache.stat(&name)?.map_or(i64::MIN, |stat| stat.modified);
    let _ = cache.remove_file(&name);
    Ok(time)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use super::*;

    fn objects_in(project: &Path) -> (Objects, PathBuf) {
        (Objects::new(Root::cache(project)), project.join(".nself"))
    }

    #[test]
    fn what_is_damaged_is_put_aside_and_written_anew() {
        let project = tempfile::tempdir().unwrap();
        let (objects, cache) = objects_in(project.path());
        let digest = Digest::of(b"one");
        let at = cache.join(FOLDER).join(digest.as_str());
        objects.put([(&digest, &b"one"[..])]).unwrap();
        assert_eq!(objects.get(&digest).unwrap(), b"one");
        assert_eq!(fs::metadata(&at).unwrap().mode() & 0o777, 0o444);
        fs::remove_file(&at).unwrap();
        for bad in [&b"two"[..], b"", b"one and more"] {
            fs::write(&at, bad).unwrap();
            assert_eq!(objects.look(), (0, vec![digest.to_string()]));
            assert_eq!(objects.get(&digest), None);
            // A hit that is damaged is no hit.
            fs::write(&at, bad).unwrap();
            objects.put([(&digest, &b"one"[..])]).unwrap();
            assert_eq!(objects.look(), (1, vec![]));
            fs::remove_file(&at).unwrap();
        }
        assert_eq!(fs::read_dir(cache.join(QUARANTINE)).unwrap().count(), 6);
    }

    #[test]
    fn sweeping_spares_what_is_wanted_and_what_is_young() {
        let project = tempfile::tempdir().unwrap();
        let (objects, _) = objects_in(project.path());
        let digests = [b"a", b"b"].map(|bytes| {
            let digest = Digest::of(bytes);
            objects.put([(&digest, &bytes[..])]).unwrap();
            digest
        });
        assert_eq!(objects.sweep(&|_| false, 3600).unwrap(), (0, 0));
        assert_eq!(objects.sweep(&|name| name == digests[0].as_str(), 0).unwrap(), (1, 1));
        assert!(objects.get(&digests[0]).is_some() && objects.get(&digests[1]).is_none());
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_used() {
        let (project, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (objects, cache) = objects_in(project.path());
        fs::create_dir(&cache).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), cache.join(FOLDER)).unwrap();
        fs::write(elsewhere.path().join("canary"), "").unwrap();
        assert!(objects.put([(&Digest::of(b"a"), &b"a"[..])]).is_err());
        assert!(objects.sweep(&|_| false, 0).is_err());
        fs::rename(cache.join(FOLDER), cache.join(QUARANTINE)).unwrap();
        assert!(objects.sweep(&|_| false, 0).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    }
}
