//! A folder as a layer: the same files give the same bytes on every machine. Sorted, owned by root, from the year
//! 1970; compressed with stored blocks only, since the output of compressors depends on their versions.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

use crate::artifact::Sha256;

/// A layer, packed.
#[derive(Debug, Clone)]
pub struct Layer {
    /// gzip of the tar archive.
    pub packed: Vec<u8>,
    /// Digest of the tar archive itself.
    pub diff_id: Sha256,
    /// Plain files by their paths in the image.
    pub files: Vec<(String, Vec<u8>)>,
    /// What was left out, by its path in the folder.
    pub left_out: Vec<String>,
}

/// Never part of an image: version control, caches, values of secrets.
fn is_private(name: &str) -> bool {
    [".git", ".nself", "secrets"].contains(&name) || name == ".env" || name.starts_with(".env.")
}

/// Packs a folder below `path`, an absolute one inside the image.
///
/// # Errors
/// The folder cannot be read, holds something that is no file, folder or link, or a link leads out of it.
pub fn pack(folder: &Path, path: &str) -> io::Result<Layer> {
    let inside = path.trim_matches('/');
    let mut archive = Builder::new(Vec::new());
    let mut files = Vec::new();
    let mut left_out = Vec::new();
    for (end, _) in inside.match_indices('/').chain([(inside.len(), "")]).filter(|(end, _)| *end > 0) {
        entry(&mut archive, EntryType::Directory, 0o755, &format!("{}/", &inside[..end]), &[])?;
    }
    let mut walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    while let Some(found) = walk.next() {
        let found = found?;
        let relative = found.path().strip_prefix(folder).map_err(io::Error::other)?;
        let shown = relative.to_str().ok_or_else(|| refused(relative, "its name is not UTF-8"))?;
        if is_private(&found.file_name().to_string_lossy()) {
            left_out.push(shown.to_owned());
            if found.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        let name = [inside, shown].join("/").trim_start_matches('/').to_owned();
        if found.file_type().is_dir() {
            entry(&mut archive, EntryType::Directory, 0o755, &format!("{name}/"), &[])?;
        } else if found.file_type().is_file() {
            let executable = found.metadata()?.permissions().mode() & 0o100 != 0;
            let bytes = fs::read(found.path())?;
            entry(&mut archive, EntryType::Regular, if executable { 0o755 } else { 0o644 }, &name, &bytes)?;
            files.push((format!("/{name}"), bytes));
        } else if found.file_type().is_symlink() {
            let target = fs::read_link(found.path())?;
            if !stays_inside(relative, &target) {
                return Err(refused(relative, "the link leads out of the folder"));
            }
            let mut header = header(EntryType::Symlink, 0o777, 0);
            archive.append_link(&mut header, &name, &target)?;
        } else {
            return Err(refused(relative, "it is no file, folder or link"));
        }
    }
    let tar = archive.into_inner()?;
    Ok(Layer { diff_id: Sha256::of(&tar), packed: gzip(&tar), files, left_out })
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}

/// Whether a link at `from`, relative to the folder, stays in it.
fn stays_inside(from: &Path, target: &Path) -> bool {
    let mut depth = from.components().count() - 1;
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

fn entry(archive: &mut Builder<Vec<u8>>, kind: EntryType, mode: u32, name: &str, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(kind, mode, bytes.len() as u64), name, bytes)
}

/// gzip (RFC 1952) of stored blocks (RFC 1951, section 3.2.4).
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, no extra flags, system unknown.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = bytes.chunks(usize::from(u16::MAX)).peekable();
    if chunks.peek().is_none() {
        out.extend([1, 0, 0, 255, 255]);
    }
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(chunk);
    }
    out.extend(crc32fast::hash(bytes).to_le_bytes());
    // The length is kept modulo 2^32.
    out.extend((bytes.len() as u64 & u64::from(u32::MAX)).to_le_bytes().iter().take(4));
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, names) in [(&one, ["a", "b/c", "d"]), (&two, ["d", "b/c", "a"])] {
            fs::create_dir(folder.path().join("b")).unwrap();
            for name in names {
                fs::write(folder.path().join(name), name).unwrap();
            }
            symlink("b/c", folder.path().join("link")).unwrap();
        }
        fs::set_permissions(two.path().join("a"), fs::Permissions::from_mode(0o600)).unwrap();
        let pack_of = |folder: &tempfile::TempDir| pack(folder.path(), "/app").unwrap();
        assert_eq!(pack_of(&one).packed, pack_of(&two).packed);
        assert_eq!(pack_of(&one).files.len(), 3);
        // Known-bad control: what matters shows.
        fs::set_permissions(two.path().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(pack_of(&one).packed, pack_of(&two).packed);
    }

    #[test]
    fn secrets_stay_out_and_links_stay_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), "PASSWORD=canary").unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        fs::write(folder.path().join("secrets/key"), "canary").unwrap();
        fs::write(folder.path().join("main"), "x").unwrap();
        let layer = pack(folder.path(), "/app").unwrap();
        assert_eq!(layer.left_out, [".env", "secrets"]);
        assert!(!layer.packed.windows(6).any(|part| part == b"canary"));
        for bad in ["/etc/passwd", "../x", "a/../../x"] {
            symlink(bad, folder.path().join("link")).unwrap();
            assert!(pack(folder.path(), "/app").is_err(), "{bad}");
            fs::remove_file(folder.path().join("link")).unwrap();
        }
    }
}
