//! The disposable folder beside the stack, as far as the store uses it: the writers' lock and a place for
//! stamps. It may come with a repository, so no link in it is followed and nothing in it is believed blindly.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;

/// `.nself` beside the stack. Nothing is created before it is used.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Cache(folder.into())
    }

    /// Waits for other writers and keeps them out until the file is dropped; the system drops it when the
    /// process dies. Nothing when the cache cannot be used: then renames still keep each file whole.
    pub fn lock(&self) -> Option<File> {
        plain_folder(&self.0).ok()?;
        let path = self.0.join("lock");
        // A link would open a file elsewhere, a pipe would wait for a reader.
        if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
            return None;
        }
        let file = File::options().write(true).create(true).truncate(false).open(&path).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Where the stack language's own files are laid out.
    pub fn library(&self) -> PathBuf {
        self.0.join("lib")
    }

    /// Where the stamp of one kind of run lies.
    pub fn stamp(&self, request: &Digest) -> PathBuf {
        self.0.join("stamps").join(request.short())
    }
}

/// Makes the folder, or finds it there; what is above it must exist.
///
/// # Errors
/// It cannot be made, or something else, such as a link, has its name.
pub(super) fn plain_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if fs::symlink_metadata(path)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Sixteen digits that nobody else has.
pub(super) fn noise() -> io::Result<String> {
    let mut noise = [0_u8; 8];
    getrandom::fill(&mut noise).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(noise)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join(".nself"));
        let held = cache.lock().unwrap();
        let second = File::options().write(true).open(folder.path().join(".nself/lock")).unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
        assert!(second.try_lock().is_ok());
    }

    #[test]
    fn a_cache_of_links_is_not_used() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), folder.path().join("cache")).unwrap();
        assert!(Cache::new(folder.path().join("cache")).lock().is_none());
        let plain = folder.path().join("plain");
        fs::create_dir(&plain).unwrap();
        symlink(elsewhere.path().join("new"), plain.join("lock")).unwrap();
        assert!(Cache::new(&plain).lock().is_none());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
