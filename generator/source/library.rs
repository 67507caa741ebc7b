//! The library: Nickel files that are embedded in the program. They are written below the project's cache, in a folder
//! that is named after their digest, so that the evaluator and editors find them by import path.

use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::files::{FileKind, Folder, Root, random_suffix};

// Defines `FILES`: the path below `nself/` and the bytes of each embedded file.
include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// A folder on disk with `nself/main.ncl` and its imports.
pub struct Library {
    pub folder: PathBuf,
    /// Parent and name of the private folder that is used if the cache cannot be written. It is removed on drop.
    temporary: Option<(Folder, String)>,
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some((parent, name)) = &self.temporary {
            let _ = parent.remove_all(name);
        }
    }
}

/// Returns the digest of the embedded library.
pub fn digest() -> Digest {
    let mut content = Vec::new();
    for (path, bytes) in FILES {
        content.extend_from_slice(path.as_bytes());
        content.push(0);
        content.extend_from_slice(bytes);
        content.push(0);
    }
    Digest::of(&content)
}

/// Returns whether the content equals the embedded file at a path below the library's folder. The cache is in the
/// project, so an untrusted checkout can contain other files or links there.
pub fn is_embedded(path_in_library: &Path, content: &str) -> bool {
    let Ok(embedded_path) = path_in_library.strip_prefix("nself") else { return false };
    FILES.iter().any(|(path, bytes)| content.as_bytes() == *bytes && embedded_path == Path::new(path))
}

/// Writes the library to a cache, or to a private folder if the cache cannot be used.
///
/// # Errors
/// Neither folder can be written.
pub fn write_to_cache(cache: &Root) -> io::Result<Library> {
    let digest = digest();
    let name = digest.short();
    let parent_folder = cache.create_cache().and_then(|cache| cache.make_folder("lib", 0o755));
    if let Ok(parent_folder) = parent_folder
        && (is_complete(&parent_folder, name) || write_library(&parent_folder, name).is_ok())
    {
        return Ok(Library { folder: parent_folder.path().join(name), temporary: None });
    }
    let temp_folder = Root::named(&std::env::temp_dir()).open()?.ok_or(io::ErrorKind::NotFound)?;
    let private_name = format!("nself-{}", random_suffix()?);
    // An existing folder is an error, since a different user may own it.
    let parent_folder = temp_folder.create_folder(&private_name, 0o700)?;
    let library = Library { folder: parent_folder.path().join("lib"), temporary: Some((temp_folder, private_name)) };
    write_library(&parent_folder, "lib")?;
    Ok(library)
}

/// Returns whether the folder `name` in `parent_folder` has every file of the library with the embedded bytes, and no links
/// in the paths of these files.
fn is_complete(parent_folder: &Folder, name: &str) -> bool {
    let Ok(Some(folder)) = parent_folder.folder(name) else { return false };
    let content = |path: &str| folder.read(Path::new("nself").join(path), FileKind::Input);
    FILES.iter().all(|(path, bytes)| matches!(content(path), Ok(Some(content)) if content == *bytes))
}

/// Writes the library to the folder `name` in `parent_folder`: first to a temporary folder, which is then renamed, so that
/// readers find all files or none.
fn write_library(parent_folder: &Folder, name: &str) -> io::Result<()> {
    let temporary = format!(".{}", random_suffix()?);
    let folder = parent_folder.create_folder(&temporary, 0o755)?;
    let write_result = FILES.iter().try_for_each(|(path, bytes)| folder.write(Path::new("nself").join(path), bytes));
    if write_result.is_ok() && parent_folder.stat(name)?.is_some() && !is_complete(parent_folder, name) {
        // Removes a link without following it.
        parent_folder.remove_all(name)?;
    }
    let rename_result = write_result.and_then(|()| parent_folder.rename(&temporary, parent_folder, name));
    let _ = parent_folder.remove_all(&temporary);
    match (is_complete(parent_folder, name), rename_result) {
        // A parallel run may have written the library first.
        (true, _) => Ok(()),
        (false, Err(error)) => Err(error.into()),
        (false, Ok(())) => Err(io::Error::other("a different program changed the library while it was written")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::files::Scope;

    fn write_to_cache(cache: &Path) -> io::Result<Library> {
        super::write_to_cache(&Root::at(cache, Scope::Cache))
    }

    fn complete(folder: &Path) -> bool {
        let parent_folder = Root::named(folder.parent().unwrap()).open().unwrap().unwrap();
        is_complete(&parent_folder, folder.file_name().unwrap().to_str().unwrap())
    }

    #[test]
    fn a_damaged_library_is_written_again() {
        let cache = tempfile::tempdir().unwrap();
        let first = write_to_cache(cache.path()).unwrap();
        let file = first.folder.join("nself/main.ncl");
        fs::write(&file, "{}").unwrap();
        assert!(!complete(&first.folder));
        let second = write_to_cache(cache.path()).unwrap();
        assert_eq!(first.folder, second.folder);
        assert!(complete(&second.folder));
        assert_eq!(fs::read_to_string(cache.path().join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn a_private_folder_replaces_a_cache_that_cannot_be_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let library = write_to_cache(&file.path().join("cache")).unwrap();
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
        assert!(complete(&write_to_cache(&cache).unwrap().folder));
        assert!(untouched(), "the cache is a link");

        fs::remove_file(&cache).unwrap();
        fs::create_dir(&cache).unwrap();
        symlink(elsewhere.path(), cache.join("lib")).unwrap();
        symlink(elsewhere.path().join("new"), cache.join(".gitignore")).unwrap();
        assert!(complete(&write_to_cache(&cache).unwrap().folder));
        assert!(untouched(), "a folder or file of the cache is a link");

        fs::remove_file(cache.join("lib")).unwrap();
        let folder = cache.join("lib").join(digest().short());
        fs::create_dir_all(&folder).unwrap();
        symlink(elsewhere.path(), folder.join("nself")).unwrap();
        let library = write_to_cache(&cache).unwrap();
        assert_eq!(library.folder, folder);
        assert!(complete(&folder) && untouched(), "a folder of the library is a link");
    }

    #[test]
    fn only_its_owner_can_read_the_private_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let library = write_to_cache(&file.path().join("cache")).unwrap();
        let (parent, name) = library.temporary.as_ref().unwrap();
        assert_eq!(fs::metadata(parent.path().join(name)).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn only_the_embedded_bytes_are_the_library() {
        let (path, bytes) = FILES[0];
        let text = std::str::from_utf8(bytes).unwrap();
        let inside = Path::new("nself").join(path);
        assert!(is_embedded(&inside, text));
        assert!(!is_embedded(&inside, &format!("{text} ")));
        assert!(!is_embedded(Path::new("nself/planted.ncl"), text));
        assert!(!is_embedded(Path::new(path), text));
    }
}
