//! The cache `.nself` next to the stack: the writers' lock, objects, records of runs and stamps. A repository of
//! someone else may contain this folder, so no symbolic link in it is followed, and its content is checked before use.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::stamp::StampFile;
use super::{Generations, Objects};
use crate::artifact::Digest;
use crate::files::{FileError, Folder, Root};

/// The cache of a project. It is created when it is first written.
#[derive(Debug, Clone)]
pub struct Cache(Root);

impl Cache {
    /// Returns the cache of the project in this folder.
    pub fn new(project: &Path) -> Self {
        Cache(Root::cache(project))
    }

    /// Waits for the writers' lock and holds it until the returned file is dropped; the system releases it when the
    /// process ends. The lock is on the folder, so it needs no file. Returns `None` if the cache cannot be used.
    /// Writers then continue without the lock; no file can end up half written, since each is replaced in one step.
    pub fn lock(&self) -> Option<File> {
        self.0.create_cache().ok()?.lock().ok()
    }

    /// Opens the cache; `None` if it does not exist.
    ///
    /// # Errors
    /// Something other than a folder is in its place.
    pub fn open(&self) -> Result<Option<Folder>, FileError> {
        self.0.open()
    }

    /// Returns the store of outputs by their content.
    pub fn objects(&self) -> Objects {
        Objects::new(self.0.clone())
    }

    /// Returns the records of earlier runs.
    pub fn generations(&self) -> Generations {
        Generations::new(self.0.clone())
    }

    /// Returns the folder into which the library of the stack language is written.
    pub fn library(&self) -> PathBuf {
        self.0.path().join("lib")
    }

    /// Returns the place of the stamp of one command line: the record that lets an unchanged run repeat its output.
    /// `request` is the digest of the command line.
    pub fn stamp(&self, request: &Digest) -> StampFile {
        StampFile { cache: self.0.clone(), name: request.short().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_one_process_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let lock = cache.lock().unwrap();
        let second = File::open(folder.path().join(".nself")).unwrap();
        assert!(second.try_lock().is_err());
        drop(lock);
        assert!(second.try_lock().is_ok());
    }

    #[test]
    fn a_cache_that_is_a_link_is_not_used() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), folder.path().join(".nself")).unwrap();
        assert!(Cache::new(folder.path()).lock().is_none());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
