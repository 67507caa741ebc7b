//! Finds the files that git tracks, by reading the index of each repository that contains a folder. It does not run
//! git, because the configuration of an untrusted repository can name programs, and it changes nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::files::{self, FileKind};

/// The files of a folder that git tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracking {
    /// The paths of the tracked files, relative to the folder.
    Known(BTreeSet<PathBuf>),
    /// The folder is not in a repository.
    NoRepository,
    /// The index of a repository cannot be read. The text is the reason.
    Unknown(String),
}

impl Tracking {
    /// Reads the index of every repository that contains the folder: an outer repository can track files of an inner
    /// one.
    pub fn of_folder(folder: &Path) -> Tracking {
        let Ok(folder) = files::real_path(folder) else { return Tracking::NoRepository };
        let mut tracked = BTreeSet::new();
        let mut repositories = 0;
        for root in folder.ancestors() {
            let Some(index) = read_index(root) else { continue };
            repositories += 1;
            let path_in_repository = folder.strip_prefix(root).unwrap_or(Path::new(""));
            match index.and_then(|index| paths_in_folder(&index, path_in_repository)) {
                Ok(paths) => tracked.extend(paths),
                Err(reason) => return Tracking::Unknown(format!("the index of {}: {reason}", root.display())),
            }
        }
        if repositories == 0 { Tracking::NoRepository } else { Tracking::Known(tracked) }
    }
}

/// Reads the index of the repository with this root. `None` if there is no repository; empty if the repository has no
/// index yet.
fn read_index(root: &Path) -> Option<Result<Vec<u8>, String>> {
    let git = root.join(".git");
    let folder = match files::stat_target(&git).ok()? {
        stat if stat.is_folder() => git,
        // In a worktree or submodule, `.git` is a file that names the folder.
        _ => {
            // This kind has the smallest limit of the size, which suffices for one line.
            let text = files::read_operator_file(&git, FileKind::Secret).ok()?;
            let text = String::from_utf8(text).ok()?;
            root.join(text.strip_prefix("gitdir:")?.trim())
        }
    };
    let index = folder.join("index");
    Some(match files::stat_target(&index) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
        Ok(_) => files::read_operator_file(&index, FileKind::Input).map_err(|error| error.reason_text()),
    })
}

/// Returns the paths of an index that are in a folder, relative to the folder. The digests of an index have 20 bytes
/// (SHA-1) or 32 bytes (SHA-256). The index does not say which, and parsing fails with the wrong length.
fn paths_in_folder(index: &[u8], folder: &Path) -> Result<BTreeSet<PathBuf>, String> {
    if index.is_empty() {
        return Ok(BTreeSet::new());
    }
    let entries = [20, 32].into_iter().find_map(|digest_length| IndexReader { index, digest_length }.entries());
    let (entries, is_whole) = entries.ok_or("its format is unknown")?;
    if !is_whole {
        return Err("it is a split index; `git update-index --no-split-index` joins it".into());
    }
    let mut paths = BTreeSet::new();
    for name in entries {
        let path = Path::new(OsStr::from_bytes(&name));
        // In a sparse checkout, an entry can be a folder that represents all files in it.
        if name.ends_with(b"/") && folder.starts_with(path) {
            return Err(format!("{} is not checked out", path.display()));
        }
        if let Ok(path) = path.strip_prefix(folder) {
            paths.insert(path.to_owned());
        }
    }
    Ok(paths)
}

/// Reads the format of `gitformat-index(5)`, versions 2 to 4.
struct IndexReader<'a> {
    index: &'a [u8],
    /// Length of a digest in bytes.
    digest_length: usize,
}

impl IndexReader<'_> {
    /// Returns the paths of all entries, and whether the index is whole: a split index has additional entries in a shared
    /// file. `None` for an unknown format.
    fn entries(&self) -> Option<(Vec<Vec<u8>>, bool)> {
        let read_number = |offset: usize| Some(u32::from_be_bytes(*self.index.get(offset..)?.first_chunk()?));
        let (version, count) = (read_number(4)?, usize::try_from(read_number(8)?).ok()?);
        if self.index.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
            return None;
        }
        // The count may be wrong. The length of the index limits the allocation, since each entry is longer than its
        // digest.
        let mut paths: Vec<Vec<u8>> = Vec::with_capacity(count.min(self.index.len() / self.digest_length));
        let mut offset = 12;
        for _ in 0..count {
            let previous_path = paths.last().map(Vec::as_slice).unwrap_or_default();
            let (path, next_offset) = self.entry(offset, version, previous_path)?;
            paths.push(path);
            offset = next_offset;
        }
        let is_whole = self.is_whole(offset)?;
        // An entry without a path is only valid in a split index, where it replaces an entry of the shared index.
        let has_valid_paths = !is_whole || paths.iter().all(|path| !path.is_empty());
        has_valid_paths.then_some((paths, is_whole))
    }

    /// Returns the path of the entry that begins at `start`, and the start of the next entry. 40 bytes of times and
    /// numbers, a digest and flags precede the path.
    fn entry(&self, start: usize, version: u32, previous_path: &[u8]) -> Option<(Vec<u8>, usize)> {
        let flags_offset = start + 40 + self.digest_length;
        let flags = u16::from_be_bytes(*self.index.get(flags_offset..)?.first_chunk()?);
        // The bit 0x4000 announces two more bytes of flags.
        let mut offset = flags_offset + if version >= 3 && flags & 0x4000 != 0 { 4 } else { 2 };
        let mut path = Vec::new();
        if version == 4 {
            // The entry begins with the number of bytes to remove from the end of the previous path.
            let (removed_count, number_length) = read_compressed_number(self.index.get(offset..)?)?;
            path.extend_from_slice(previous_path.get(..previous_path.len().checked_sub(removed_count)?)?);
            offset += number_length;
        }
        // The path ends with a zero byte.
        let remaining = self.index.get(offset..)?;
        let path_length = remaining.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(&remaining[..path_length]);
        // The flags contain the length of the path, or 0xfff for a longer path.
        let recorded_length = usize::from(flags & 0xfff);
        let has_recorded_length =
            if recorded_length == 0xfff { path.len() >= recorded_length } else { path.len() == recorded_length };
        let end = offset + path_length;
        // Before version 4, each entry is padded with zeros to a multiple of 8 bytes.
        let next_start = if version == 4 { end + 1 } else { start + (end - start + 8) / 8 * 8 };
        has_recorded_length.then_some((path, next_start))
    }

    /// Reads the extensions after the entries, and returns whether none of them links to a shared index; `None` if they
    /// do not end where the digest at the end of the file begins.
    fn is_whole(&self, mut offset: usize) -> Option<bool> {
        let end = self.index.len().checked_sub(self.digest_length)?;
        let mut is_whole = true;
        while offset < end {
            is_whole &= self.index.get(offset..offset + 4)? != b"link";
            let extension_length = u32::from_be_bytes(*self.index.get(offset + 4..)?.first_chunk()?);
            offset = offset.checked_add(8)?.checked_add(usize::try_from(extension_length).ok()?)?;
        }
        (offset == end).then_some(is_whole)
    }
}

/// Reads a number in groups of seven bits, in the encoding of offsets in git's packs. Returns the number and the count of
/// its bytes: `[0x05]` is 5 in one byte, `[0x80, 0x00]` is 128 in two.
fn read_compressed_number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
        value += 1;
    }
    None
}
