//! Outputs by their content, below the cache: what `verify --repair` restores from. Nothing is read without being
//! digested anew; what does not fit its name is put aside and counts as absent. Generating never reads here, so no
//! object, whoever left it, can become an output.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::source::library::{cache_folder, noise, own_folder};

/// The number is that of the layout: another release with another layout uses other folders.
const FOLDER: &str = "objects1";
const QUARANTINE: &str = "quarantine";

/// The folder of objects of one cache.
#[derive(Debug, Clone)]
pub struct Objects {
    cache: PathBuf,
}

impl Objects {
    pub fn new(cache: &Path) -> Self {
        Objects { cache: cache.to_owned() }
    }

    fn folder(&self) -> PathBuf {
        self.cache.join(FOLDER)
    }

    fn at(&self, digest: &Digest) -> PathBuf {
        self.folder().join(digest.as_str())
    }

    /// Keeps bytes under their digests. What is there already is looked at, or its damage would spread.
    ///
    /// # Errors
    /// The cache cannot be written; nothing half-written is left under a name.
    pub fn put<'a>(&self, all: impl IntoIterator<Item = (&'a Digest, &'a [u8])>) -> io::Result<()> {
        cache_folder(&self.cache)?;
        own_folder(&self.folder())?;
        let temporary = self.folder().join(format!(".{}", noise()?));
        for (digest, bytes) in all {
            if self.get(digest).is_none() {
                self.write(&temporary, digest, bytes)?;
            }
        }
        Ok(())
    }

    fn write(&self, temporary: &Path, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let written = || {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o444).open(temporary)?;
            file.write_all(bytes)?;
            file.set_permissions(fs::Permissions::from_mode(0o444))?;
            drop(file);
            fs::rename(temporary, self.at(digest))
        };
        written().inspect_err(|_| {
            let _ = fs::remove_file(temporary);
        })
    }

    /// The bytes of a digest, if they are there and whole.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        let path = self.at(digest);
        let meta = fs::symlink_metadata(&path).ok()?;
        let bytes = meta.is_file().then(|| fs::read(&path).ok()).flatten();
        match bytes {
            Some(bytes) if Digest::of(&bytes) == *digest => Some(bytes),
            _ => {
                self.put_aside(&path);
                None
            }
        }
    }

    /// Looks at all of them; gives the number of whole ones and the names of the others.
    pub fn look(&self) -> (usize, Vec<String>) {
        let mut bad = Vec::new();
        let mut good = 0;
        for (name, path) in self.names() {
            let whole = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file())
                && fs::read(&path).is_ok_and(|bytes| Digest::of(&bytes).as_str() == name);
            if whole { good += 1 } else { bad.push(name) }
        }
        (good, bad)
    }

    /// Puts damaged ones aside; those that could not be moved stay and are still never used.
    pub fn quarantine(&self, names: &[String]) {
        for name in names {
            self.put_aside(&self.folder().join(name));
        }
    }

    fn put_aside(&self, path: &Path) {
        let place = self.cache.join(QUARANTINE);
        if let (Ok(()), Ok(noise), Some(name)) = (own_folder(&place), noise(), path.file_name()) {
            let _ = fs::rename(path, place.join(format!("{}.{noise}", name.to_string_lossy())));
        }
    }

    /// Every object by its name, in order; temporary files are no objects.
    fn names(&self) -> Vec<(String, PathBuf)> {
        if !fs::symlink_metadata(self.folder()).is_ok_and(|meta| meta.is_dir()) {
            return Vec::new();
        }
        let entries = fs::read_dir(self.folder()).into_iter().flatten().filter_map(Result::ok);
        let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
        let mut names: Vec<_> = named.filter(|(name, _)| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Deletes what `keep` does not name and is older than `grace` seconds, by the clock of the file system itself:
    /// younger ones may belong to a run that is about to record them. Gives how many went and how many bytes.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn sweep(&self, keep: &dyn Fn(&str) -> bool, grace: u64) -> io::Result<(usize, u64)> {
        cache_folder(&self.cache)?;
        let now = self.now()?;
        let old = |meta: &fs::Metadata| meta.mtime() <= now.saturating_sub(i64::try_from(grace).unwrap_or(i64::MAX));
        let mut swept = (0, 0);
        let aside = self.cache.join(QUARANTINE);
        let folders = [self.folder(), aside].into_iter().filter(|folder| folder.is_dir());
        for entry in folders.flat_map(fs::read_dir).flatten().filter_map(Result::ok) {
            let meta = fs::symlink_metadata(entry.path());
            let Ok(meta) = meta else { continue };
            let wanted = entry.path().starts_with(self.folder()) && keep(&entry.file_name().to_string_lossy());
            if !wanted && old(&meta) && fs::remove_file(entry.path()).is_ok() {
                swept = (swept.0 + 1, swept.1 + meta.len());
            }
        }
        Ok(swept)
    }

    /// The file system's time, from a file that is made now.
    fn now(&self) -> io::Result<i64> {
        let path = self.cache.join(format!(".{}", noise()?));
        let time = fs::File::create_new(&path)?.metadata().map(|meta| meta.mtime());
        let _ = fs::remove_file(&path);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_put_aside_and_written_anew() {
        let cache = tempfile::tempdir().unwrap();
        let objects = Objects::new(cache.path());
        let digest = Digest::of(b"one");
        objects.put([(&digest, &b"one"[..])]).unwrap();
        assert_eq!(objects.get(&digest).unwrap(), b"one");
        assert_eq!(fs::metadata(objects.at(&digest)).unwrap().mode() & 0o777, 0o444);
        fs::remove_file(objects.at(&digest)).unwrap();
        for bad in [&b"two"[..], b"", b"one and more"] {
            fs::write(objects.at(&digest), bad).unwrap();
            assert_eq!(objects.look(), (0, vec![digest.to_string()]));
            assert_eq!(objects.get(&digest), None);
            // A hit that is damaged is no hit.
            fs::write(objects.at(&digest), bad).unwrap();
            objects.put([(&digest, &b"one"[..])]).unwrap();
            assert_eq!(objects.look(), (1, vec![]));
            fs::remove_file(objects.at(&digest)).unwrap();
        }
        assert_eq!(fs::read_dir(cache.path().join(QUARANTINE)).unwrap().count(), 6);
    }

    #[test]
    fn sweeping_spares_what_is_wanted_and_what_is_young() {
        let cache = tempfile::tempdir().unwrap();
        let objects = Objects::new(cache.path());
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
        let (cache, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), cache.path().join(FOLDER)).unwrap();
        let objects = Objects::new(cache.path());
        assert!(objects.put([(&Digest::of(b"a"), &b"a"[..])]).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
