//! The stack language's own files. They are part of the program and laid out below the project's cache, by
//! the digest of all of them, so that the evaluator and editors find them by import path.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// A folder on disk that holds `nself/main.ncl` and everything it imports.
pub struct Library {
    pub folder: PathBuf,
    /// Removed at the end of the run; when the cache cannot be used.
    temporary: Option<PathBuf>,
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(folder) = &self.temporary {
            let _ = fs::remove_dir_all(folder);
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

/// Whether a file that was read below the library's folder is the library's own, byte for byte. The cache
/// lies in the project, so a change under review can plant files and links there.
pub fn holds(inside: &Path, content: &str) -> bool {
    FILES.iter().any(|(path, bytes)| inside == Path::new("nself").join(path) && content.as_bytes() == *bytes)
}

/// Lays the library out below `cache`, or in a private folder when that cannot be used.
///
/// # Errors
/// Neither place can be written.
pub fn materialise(cache: &Path) -> io::Result<Library> {
    let digest = digest();
    let shelf = cache.join("lib");
    let folder = shelf.join(digest.short());
    if cache_folder(cache).is_ok() && own_folder(&shelf).is_ok() && (complete(&folder) || fill(&folder).is_ok()) {
        return Ok(Library { folder, temporary: None });
    }
    let private = std::env::temp_dir().join(format!("nself-{}", noise()?));
    // Fails on anything that exists: nobody else may own the folder that we read from.
    DirBuilder::new().mode(0o700).create(&private)?;
    let library = Library { folder: private.join("lib"), temporary: Some(private) };
    fill(&library.folder)?;
    Ok(library)
}

/// Makes the cache, which ignores itself in version control.
///
/// # Errors
/// It cannot be made, or something that is no folder stands in its place. A link counts as such: following
/// one that came with the project would write elsewhere.
pub fn cache_folder(cache: &Path) -> io::Result<()> {
    if let Some(parent) = cache.parent() {
        fs::create_dir_all(parent)?;
    }
    own_folder(cache)?;
    match File::create_new(cache.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes one folder, or finds it there.
///
/// # Errors
/// As [`cache_folder`].
pub fn own_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if fs::symlink_metadata(folder)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Every file is there, byte for byte, and no link leads elsewhere.
fn complete(folder: &Path) -> bool {
    let plain = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    plain(folder)
        && FILES.iter().all(|(path, bytes)| {
            let path = folder.join("nself").join(path);
            let inner = path.ancestors().skip(1).take_while(|parent| *parent != folder);
            inner.into_iter().all(plain)
                && fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes.len() as u64)
                && fs::read(&path).is_ok_and(|content| content == *bytes)
        })
}

/// Writes into a folder of its own and moves it into place, so that a reader sees all or nothing.
fn fill(folder: &Path) -> io::Result<()> {
    let temporary = folder.with_file_name(format!(".{}", noise()?));
    fs::create_dir(&temporary)?;
    let written = write(&temporary);
    if written.is_ok() && folder.symlink_metadata().is_ok() && !complete(folder) {
        // Takes a link away without following it.
        fs::remove_dir_all(folder).or_else(|_| fs::remove_file(folder))?;
    }
    let moved = written.and_then(|()| fs::rename(&temporary, folder));
    let _ = fs::remove_dir_all(&temporary);
    // Another run may have been faster; what counts is that the library is there.
    if complete(folder) { Ok(()) } else { moved.and(Err(io::Error::other("the library changed while it was written"))) }
}

fn write(folder: &Path) -> io::Result<()> {
    for (path, bytes) in FILES {
        let path = folder.join("nself").join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        File::create_new(&path)?.write_all(bytes)?;
    }
    Ok(())
}

/// Sixteen digits that nobody else has.
///
/// # Errors
/// The system gives no random numbers.
pub fn noise() -> io::Result<String> {
    let mut noise = [0_u8; 8];
    getrandom::fill(&mut noise).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(noise)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

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

    #[test]
    fn links_in_the_cache_are_not_followed() {
        let elsewhere = tempfile::tempdir().unwrap();
        let project = tempfile::tempdir().unwrap();
        let cache = project.path().join(".nself");
        let untouched = || fs::read_dir(elsewhere.path()).unwrap().next().is_none();

        symlink(elsewhere.path(), &cache).unwrap();
        assert!(complete(&materialise(&cache).unwrap().folder));
        assert!(untouched(), "the cache is a link");

        fs::remove_file(&cache).unwrap();
        fs::create_dir(&cache).unwrap();
        symlink(elsewhere.path(), cache.join("lib")).unwrap();
        symlink(elsewhere.path().join("new"), cache.join(".gitignore")).unwrap();
        assert!(complete(&materialise(&cache).unwrap().folder));
        assert!(untouched(), "a folder or file of the cache is a link");

        fs::remove_file(cache.join("lib")).unwrap();
        let folder = cache.join("lib").join(digest().short());
        fs::create_dir_all(&folder).unwrap();
        symlink(elsewhere.path(), folder.join("nself")).unwrap();
        let library = materialise(&cache).unwrap();
        assert_eq!(library.folder, folder);
        assert!(complete(&folder) && untouched(), "a folder of the library is a link");
    }

    #[test]
    fn the_private_folder_is_private() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let library = materialise(&file.path().join("cache")).unwrap();
        let private = library.temporary.clone().unwrap();
        assert_eq!(fs::metadata(private).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn only_the_embedded_bytes_are_the_library() {
        let (path, bytes) = FILES[0];
        let text = std::str::from_utf8(bytes).unwrap();
        let inside = Path::new("nself").join(path);
        assert!(holds(&inside, text));
        assert!(!holds(&inside, &format!("{text} ")));
        assert!(!holds(Path::new("nself/planted.ncl"), text));
        assert!(!holds(Path::new(path), text));
    }
}
