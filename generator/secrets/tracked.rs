//! Which files git tracks, read from the index of each repository around a folder. git itself is not run: the
//! configuration of an untrusted repository can name programs. Nothing of the repository is changed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::files::{self, FileKind};

/// What is known about the files of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracking {
    /// The paths of tracked files, relative to the folder.
    Known(BTreeSet<PathBuf>),
    /// No repository is around the folder.
    NoRepository,
    /// The index cannot be read, for this reason.
    Unknown(String),
}

impl Tracking {
    /// Looks at the repositories around a folder: an inner one does not hide what an outer one tracks.
    pub fn of(folder: &Path) -> Tracking {
        let Ok(folder) = files::real_path(folder) else { return Tracking::NoRepository };
        let mut tracked = BTreeSet::new();
        let mut repositories = 0;
        for root in folder.ancestors() {
            let Some(index) = index_of(root) else { continue };
            repositories += 1;
            let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
            match index.and_then(|index| paths_below(&index, below)) {
                Ok(paths) => tracked.extend(paths),
                Err(reason) => return Tracking::Unknown(format!("the index of {}: {reason}", root.display())),
            }
        }
        if repositories == 0 { Tracking::NoRepository } else { Tracking::Known(tracked) }
    }
}

/// The index of the repository whose root this is; empty when nothing has been added.
fn index_of(root: &Path) -> Option<Result<Vec<u8>, String>> {
    let git = root.join(".git");
    let folder = match files::look_behind(&git).ok()? {
        stat if stat.is_folder() => git,
        // A worktree or submodule names its folder.
        _ => {
            let text = files::read_named(&git, FileKind::Secret).ok()?;
            let text = String::from_utf8(text).ok()?;
            root.join(text.strip_prefix("gitdir:")?.trim())
        }
    };
    let index = folder.join("index");
    Some(match files::look_behind(&index) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
        Ok(_) => files::read_named(&index, FileKind::Input).map_err(|error| error.why()),
    })
}

/// Paths of an index below a folder. Digests have 20 bytes, or 32 in repositories with SHA-256; one of the two fits.
fn paths_below(index: &[u8], folder: &Path) -> Result<BTreeSet<PathBuf>, String> {
    if index.is_empty() {
        return Ok(BTreeSet::new());
    }
    let entries = [20, 32].into_iter().find_map(|digest| Reader { index, digest }.entries());
    let (entries, is_whole) = entries.ok_or("its format is not known")?;
    if !is_whole {
        return Err("it is split, and only a part of it is there; `git update-index --no-split-index` joins it".into());
    }
    let mut below = BTreeSet::new();
    for name in entries {
        let path = Path::new(OsStr::from_bytes(&name));
        // A folder stands for all that is in it where the checkout is sparse.
        if name.ends_with(b"/") && folder.starts_with(path) {
            return Err(format!("{} is not checked out", path.display()));
        }
        if let Ok(path) = path.strip_prefix(folder) {
            below.insert(path.to_owned());
        }
    }
    Ok(below)
}

/// Reads the format of `gitformat-index(5)`, versions 2 to 4.
struct Reader<'a> {
    index: &'a [u8],
    /// Bytes of a digest.
    digest: usize,
}

impl Reader<'_> {
    /// The paths of all entries, and whether these are all of the index.
    fn entries(&self) -> Option<(Vec<Vec<u8>>, bool)> {
        let number = |at: usize| Some(u32::from_be_bytes(*self.index.get(at..)?.first_chunk()?));
        let (version, count) = (number(4)?, usize::try_from(number(8)?).ok()?);
        if self.index.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
            return None;
        }
        // An entry takes more bytes than its digest, so the count cannot exceed what is there.
        let mut paths: Vec<Vec<u8>> = Vec::with_capacity(count.min(self.index.len() / self.digest));
        let mut at = 12;
        for _ in 0..count {
            let last = paths.last().map(Vec::as_slice).unwrap_or_default();
            let (path, next) = self.entry(at, version, last)?;
            paths.push(path);
            at = next;
        }
        let is_whole = self.is_whole(at)?;
        // In a part of a split index, an entry without a path replaces one of the other part.
        let is_complete = !is_whole || paths.iter().all(|path| !path.is_empty());
        is_complete.then_some((paths, is_whole))
    }

    /// The path of one entry, and where the next begins. Before the path are times, numbers, a digest and flags.
    fn entry(&self, start: usize, version: u32, last: &[u8]) -> Option<(Vec<u8>, usize)> {
        let flags_at = start + 40 + self.digest;
        let flags = u16::from_be_bytes(*self.index.get(flags_at..)?.first_chunk()?);
        let mut at = flags_at + if version >= 3 && flags & 0x4000 != 0 { 4 } else { 2 };
        let mut path = Vec::new();
        if version == 4 {
            // How much of the path before is not repeated.
            let (cut, length) = variable_length(self.index.get(at..)?)?;
            path.extend_from_slice(last.get(..last.len().checked_sub(cut)?)?);
            at += length;
        }
        let rest = self.index.get(at..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(&rest[..length]);
        let said = usize::from(flags & 0xfff);
        let fits = if said == 0xfff { path.len() >= said } else { path.len() == said };
        let end = at + length;
        let next = if version == 4 { end + 1 } else { start + (end - start + 8) / 8 * 8 };
        fits.then_some((path, next))
    }

    /// Whether the extensions behind the entries end with the file, and none names a second part of the index.
    fn is_whole(&self, mut at: usize) -> Option<bool> {
        let end = self.index.len().checked_sub(self.digest)?;
        let mut whole = true;
        while at < end {
            whole &= self.index.get(at..at + 4)? != b"link";
            let length = u32::from_be_bytes(*self.index.get(at + 4..)?.first_chunk()?);
            at = at.checked_add(8)?.checked_add(usize::try_from(length).ok()?)?;
        }
        (at == end).then_some(whole)
    }
}

/// A number in groups of seven bits, as offsets of git's packs are written; and how many bytes it takes.
fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
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
