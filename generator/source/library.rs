//! The stack language's own files. They are part of the program and laid out below the project's cache, by
//! the digest of all of them, so that the evaluator and editors find them by import path.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::artifact::Digest;

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// A folder on disk that holds `nself/main.ncl` and everything it imports.
pub struct Library {
    pub folder: PathBuf,
    /// Removed at the end of the run; when the cache cannot be written.
    temporary: bool,
}

impl Drop for Library {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The digest of the embedded library.
pub fn digest() -> Digest {
    let mut all = Vec::new();
    for (path, bytes) in FILES {
        all.extend_from_slice(path.as_bytes());
        all.push(0);
        all.extend_from_slice(bytes);
        all.push(0);
    }
    Digest::of(&all)
}

/// Lays the library out below `cache`, or in a private folder when that cannot be written.
///
/// # Errors
/// Neither place can be written.
pub fn materialise(cache: &Path) -> io::Result<Library> {
    let digest = digest();
    let folder = cache.join("lib").join(digest.short());
    if complete(&folder) || (prepare(cache).is_ok() && fill(&folder).is_ok()) {
        return Ok(Library { folder, temporary: false });
    }
    let folder = std::env::temp_dir().join(format!("nself-{}-{}", digest.short(), std::process::id()));
    fill(&folder)?;
    Ok(Library { folder, temporary: true })
}

/// Every file is there, byte for byte, and no link leads elsewhere.
fn complete(folder: &Path) -> bool {
    FILES.iter().all(|(path, bytes)| {
        let path = folder.join("nself").join(path);
        fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes.len() as u64)
            && fs::read(&path).is_ok_and(|content| content == *bytes)
    })
}

/// The cache ignores itself in version control.
fn prepare(cache: &Path) -> io::Result<()> {
    fs::create_dir_all(cache)?;
    let ignore = cache.join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(())
}

/// Writes into a folder of its own and moves it into place, so that a reader sees all or nothing.
fn fill(folder: &Path) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    let mut noise = [0_u8; 8];
    getrandom::fill(&mut noise).map_err(io::Error::other)?;
    let temporary = parent.join(format!(".{:016x}", u64::from_ne_bytes(noise)));
    for (path, bytes) in FILES {
        let path = temporary.join("nself").join(path);
        fs::create_dir_all(path.parent().unwrap_or(&temporary))?;
        fs::File::create(&path)?.write_all(bytes)?;
    }
    if folder.symlink_metadata().is_ok() && !complete(folder) {
        fs::remove_dir_all(folder).or_else(|_| fs::remove_file(folder))?;
    }
    let moved = fs::rename(&temporary, folder);
    let _ = fs::remove_dir_all(&temporary);
    // Another run may have been faster; what counts is that the library is there.
    if complete(folder) { Ok(()) } else { moved.and(Err(io::Error::other("the library changed while it was written"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_library_is_laid_out_again() {
        let cache = tempfile::tempdir().unwrap();
        let first = materialise(cache.path()).unwrap();
        let file = first.folder.join("nself/main.ncl");
        fs::write(&file, "{}").unwrap();
        assert!(!complete(&first.folder));
        let second = materialise(cache.path()).unwrap();
        assert_eq!(first.folder, second.folder);
        assert!(complete(&second.folder));
        assert_eq!(fs::read_to_string(cache.path().join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_obstacle() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let library = materialise(&file.path().join("cache")).unwrap();
        assert!(library.folder.join("nself/main.ncl").is_file());
        let folder = library.folder.clone();
        drop(library);
        assert!(!folder.exists());
    }
}
