//! The disposable folder beside the stack, as far as the store uses it: the writers' lock and a place for
//! stamps. It may come with a repository, so no link in it is followed and nothing in it is believed blindly.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::stamp::StampFile;
use super::{Generations, Objects};
use crate::artifact::Digest;
use crate::files::{FileError, Folder, Root};
use crate::source::library::make_cache;

/// `.nself` beside the stack. Nothing is created before it is used.
#[derive(Debug, Clone)]
pub struct Cache(Root);

impl Cache {
    /// The cache of the project in this folder.
    pub fn new(project: &Path) -> Self {
        Cache(Root::cache(project))
    }

    /// Waits for other writers and keeps them out until the file is dropped; the system drops it when the
    /// process dies. The folder itself is locked, so no file is opened that came with the project. Nothing when
    /// the cache cannot be used: then renames still keep each file whole.
    pub fn lock(&self) -> Option<File> {
        make_cache(&self.0).ok()?.lock().ok()
    }

    /// Opens the cache; none when there is none yet.
    ///
    /// # Errors
    /// Something else than a folder is in its place.
    pub fn open(&self) -> Result<Option<Folder>, FileError> {
        self.0.open()
    }

    /// Outputs by content.
    pub fn objects(&self) -> Objects {
        Objects::new(self.0.clone())
    }

    /// Records of earlier runs.
    pub fn generations(&self) -> Generations {
        Generations::new(self.0.clone())
    }

    /// Where the stack language's own files are laid out.
    pub fn library(&self) -> PathBuf {
        self.0.path().join("lib")
    }

    /// Where the stamp of one kind of run lies.
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
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let held = cache.lock().unwrap();
        let second = File::open(folder.path().join(".nself")).unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
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
