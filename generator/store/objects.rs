//! Objects: files in the cache that are named by the digest of their content. `verify --repair` restores outputs from
//! them. Every read checks the digest; an object with a wrong digest is moved to the quarantine and counts as missing.
//! `gen` never reads objects, so an object that came with a checkout cannot become an output.

use std::io;

use crate::artifact::Digest;
use crate::files::{FileError, FileKind, Folder, Root, Stat, random_suffix};

/// The folder of objects. Its number is the version of the layout: a release of nself with a different layout uses a
/// different folder.
const FOLDER: &str = "objects1";
/// The folder of damaged objects.
const QUARANTINE: &str = "quarantine";

/// The objects of one cache.
#[derive(Debug, Clone)]
pub struct Objects {
    cache: Root,
}

impl Objects {
    /// Returns the objects in this cache.
    pub fn new(cache: Root) -> Self {
        Objects { cache }
    }

    /// Returns the folder of the objects; `None` if it does not exist or cannot be used.
    fn folder(&self) -> Option<Folder> {
        self.cache.open().ok()??.folder(FOLDER).ok()?
    }

    /// Writes each object unless it exists. Checks existing objects, so that a damaged one is replaced.
    ///
    /// # Errors
    /// The cache cannot be written; no object is left incomplete.
    pub fn put<'a>(&self, objects: impl IntoIterator<Item = (&'a Digest, &'a [u8])>) -> io::Result<()> {
        let folder = self.cache.create_cache()?.make_folder(FOLDER, 0o755)?;
        let temporary_name = format!(".{}", random_suffix()?);
        for (digest, bytes) in objects {
            if self.read_object(&folder, digest).is_none() {
                let result = folder
                    .create(&temporary_name, bytes, 0o444)
                    .and_then(|()| folder.rename(&temporary_name, &folder, digest.as_str()));
                result.inspect_err(|_| {
                    let _ = folder.remove_file(&temporary_name);
                })?;
            }
        }
        Ok(())
    }

    /// Returns the bytes of a digest; `None` if the object is missing or damaged.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.read_object(&self.folder()?, digest)
    }

    /// Reads an object; a damaged one is moved to the quarantine, and `None` is returned.
    fn read_object(&self, folder: &Folder, digest: &Digest) -> Option<Vec<u8>> {
        match folder.read(digest.as_str(), FileKind::Output) {
            Ok(None) => None,
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => Some(bytes),
            _ => {
                self.move_to_quarantine(folder, digest.as_str());
                None
            }
        }
    }

    /// Checks all objects and returns the number of intact objects and the names of damaged objects.
    pub fn check_all(&self) -> (usize, Vec<String>) {
        let mut damaged_names = Vec::new();
        let mut intact_count = 0;
        let Some(folder) = self.folder() else { return (intact_count, damaged_names) };
        for entry in folder.list().unwrap_or_default() {
            let name = entry.name.to_string_lossy().into_owned();
            // Temporary files begin with a dot.
            if name.starts_with('.') {
                continue;
            }
            let bytes = folder.read(&entry.name, FileKind::Output).ok().flatten();
            let is_intact = bytes.is_some_and(|bytes| Digest::of(&bytes).as_str() == name);
            if is_intact { intact_count += 1 } else { damaged_names.push(name) }
        }
        (intact_count, damaged_names)
    }

    /// Moves damaged objects to the quarantine. An object that cannot be moved stays and is still never used.
    pub fn quarantine(&self, names: &[String]) {
        if let Some(folder) = self.folder() {
            names.iter().for_each(|name| self.move_to_quarantine(&folder, name));
        }
    }

    /// Moves an object to the quarantine, under a name that is not in use.
    fn move_to_quarantine(&self, folder: &Folder, name: &str) {
        let move_object = || -> io::Result<()> {
            let quarantine = self.cache.create_cache()?.make_folder(QUARANTINE, 0o755)?;
            Ok(folder.rename(name, &quarantine, format!("{name}.{}", random_suffix()?))?)
        };
        let _ = move_object();
    }

    /// Deletes objects for which `keep` returns false and that are older than `grace` seconds by the clock of the file
    /// system. Younger objects may belong to a run that has not recorded them yet. Returns the number of deleted
    /// objects and their size in bytes.
    ///
    /// # Errors
    /// The cache cannot be used: a symbolic link in place of one of its folders is not followed.
    pub fn sweep(&self, keep: &dyn Fn(&str) -> bool, grace: u64) -> Result<(usize, u64), FileError> {
        let cache = self.cache.create_cache()?;
        let grace_nanoseconds = i64::try_from(grace).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let deletion_limit = file_system_time(&cache)?.saturating_sub(grace_nanoseconds);
        let is_old = |stat: &Stat| stat.modified <= deletion_limit;
        let (mut deleted_count, mut deleted_bytes) = (0, 0);
        for name in [FOLDER, QUARANTINE] {
            let Some(folder) = cache.folder(name)? else { continue };
            for entry in folder.list()? {
                let Some(stat) = folder.stat(&entry.name)? else { continue };
                let is_kept = name == FOLDER && keep(&entry.name.to_string_lossy());
                if !is_kept && is_old(&stat) && folder.remove_file(&entry.name).is_ok() {
                    deleted_count += 1;
                    deleted_bytes += stat.size;
                }
            }
        }
        Ok((deleted_count, deleted_bytes))
    }
}

/// Returns the time of the file system in nanoseconds since 1970: the modification time of a new file.
fn file_system_time(cache: &Folder) -> Result<i64, FileError> {
    let name = format!(".{}", random_suffix().unwrap_or_default());
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
    fn a_damaged_object_is_moved_to_the_quarantine_and_written_again() {
        let project = tempfile::tempdir().unwrap();
        let (objects, cache) = objects_in(project.path());
        let digest = Digest::of(b"one");
        let object_path = cache.join(FOLDER).join(digest.as_str());
        objects.put([(&digest, &b"one"[..])]).unwrap();
        assert_eq!(objects.get(&digest).unwrap(), b"one");
        assert_eq!(fs::metadata(&object_path).unwrap().mode() & 0o777, 0o444);
        fs::remove_file(&object_path).unwrap();
        for damaged_bytes in [&b"two"[..], b"", b"one and more"] {
            fs::write(&object_path, damaged_bytes).unwrap();
            assert_eq!(objects.check_all(), (0, vec![digest.to_string()]));
            assert_eq!(objects.get(&digest), None);
            // A damaged object is replaced.
            fs::write(&object_path, damaged_bytes).unwrap();
            objects.put([(&digest, &b"one"[..])]).unwrap();
            assert_eq!(objects.check_all(), (1, vec![]));
            fs::remove_file(&object_path).unwrap();
        }
        assert_eq!(fs::read_dir(cache.join(QUARANTINE)).unwrap().count(), 6);
    }

    #[test]
    fn sweeping_keeps_wanted_and_young_objects() {
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
