//! Packs a folder as a layer. The same files result in the same bytes on every machine: entries are sorted, belong to
//! root and have the time 1970. gzip is used without compression, since the output of compressors depends on their
//! versions.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::artifact::Sha256;
use crate::files::{EntryKind, FileKind, Folder, SizeBudget};

/// A packed layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The tar archive in gzip format.
    pub packed: Vec<u8>,
    /// Digest of the tar archive before gzip.
    pub diff_id: Sha256,
    /// Regular files with their absolute paths in the image.
    pub files: Vec<(String, Vec<u8>)>,
    /// Paths in the folder that are not in the layer, since they are private.
    pub omitted_paths: Vec<String>,
}

/// Returns whether a file or folder of this name is left out of images: version control, caches and values of secrets.
fn is_private(name: &str) -> bool {
    [".git", ".nself", "secrets"].contains(&name) || name == ".env" || name.starts_with(".env.")
}

/// Packs a folder so that its files are under the absolute path `path` in the image.
///
/// # Errors
/// The folder cannot be read, is too large, contains a pipe, socket or device, or contains a link that leads outside.
pub fn pack(folder: &Folder, path: &str) -> io::Result<Layer> {
    let image_path = path.trim_matches('/');
    let mut archive = Builder::new(Vec::new());
    let mut files = Vec::new();
    let mut omitted_paths = Vec::new();
    // The folder itself and the folders above it: `srv/` and `srv/app/` for `srv/app`.
    let folder_ends = image_path.match_indices('/').map(|(end, _)| end).chain([image_path.len()]);
    for end in folder_ends.filter(|end| *end > 0) {
        add_entry(&mut archive, EntryType::Directory, 0o755, &format!("{}/", &image_path[..end]), &[])?;
    }
    let mut omit_private = |path: &Path, _: EntryKind| {
        let is_private = path.file_name().is_some_and(|name| is_private(&name.to_string_lossy()));
        if is_private {
            omitted_paths.push(path.to_string_lossy().into_owned());
        }
        is_private
    };
    // The layer is built in memory, so its size is limited.
    let mut size_budget = SizeBudget::new(FileKind::ImageContent);
    let entries = folder.list_all(&mut omit_private)?;
    let link_paths = entries.iter().filter(|(_, kind)| *kind == EntryKind::Link).map(|(path, _)| path);
    let link_and_target = |path: &PathBuf| -> io::Result<_> { Ok((path.clone(), folder.link_target(path)?)) };
    let links: BTreeMap<PathBuf, PathBuf> = link_paths.map(link_and_target).collect::<io::Result<_>>()?;
    for (relative, kind) in entries {
        let relative_text = relative.to_str().ok_or_else(|| refused_entry(&relative, "its name is not UTF-8"))?;
        let name = [image_path, relative_text].join("/").trim_start_matches('/').to_owned();
        let removed_meanwhile = || refused_entry(&relative, "it was removed while the folder was packed");
        match kind {
            EntryKind::Folder => add_entry(&mut archive, EntryType::Directory, 0o755, &format!("{name}/"), &[])?,
            EntryKind::File => {
                let is_executable = folder.stat(&relative)?.ok_or_else(removed_meanwhile)?.mode & 0o100 != 0;
                let read = folder.read(&relative, FileKind::ImageContent);
                let bytes = read
                    .map_err(|error| refused_entry(&relative, &error.reason_text()))?
                    .ok_or_else(removed_meanwhile)?;
                size_budget
                    .add(folder, &relative, &bytes)
                    .map_err(|error| refused_entry(&relative, &error.reason_text()))?;
                add_entry(&mut archive, EntryType::Regular, if is_executable { 0o755 } else { 0o644 }, &name, &bytes)?;
                files.push((format!("/{name}"), bytes));
            }
            EntryKind::Link => {
                if !stays_inside(&relative, &links) {
                    return Err(refused_entry(&relative, "the link leads outside of the folder"));
                }
                let mut header = entry_header(EntryType::Symlink, 0o777, 0);
                archive.append_link(&mut header, &name, &links[&relative])?;
            }
            _ => return Err(refused_entry(&relative, "it is not a file, folder or link")),
        }
    }
    let tar = archive.into_inner()?;
    Ok(Layer { diff_id: Sha256::of(&tar), packed: gzip(&tar), files, omitted_paths })
}

fn refused_entry(path: &Path, reason: &str) -> io::Error {
    io::Error::other(format!("{}: {reason}", path.display()))
}

/// The maximum number of links that the system follows in a path; a path with more of them cannot be opened.
const MAX_FOLLOWED_LINKS: u32 = 40;

/// Returns whether the target of a link is in the folder that is packed. `link` is relative to that folder, and `links`
/// contains the target of each link in it: the parent of a folder behind a link is not the parent of the link.
fn stays_inside(link: &Path, links: &BTreeMap<PathBuf, PathBuf>) -> bool {
    let mut place = link.to_owned();
    // The parts that follow `place`; the next one is the last of the list.
    let mut next_parts: Vec<Component> = Vec::new();
    let mut followed_links = 0;
    loop {
        if let Some(target) = links.get(&place) {
            followed_links += 1;
            if followed_links > MAX_FOLLOWED_LINKS {
                return true;
            }
            place.pop();
            next_parts.extend(target.components().rev());
        }
        match next_parts.pop() {
            None => return true,
            Some(Component::Normal(name)) => place.push(name),
            Some(Component::CurDir) => {}
            Some(Component::ParentDir) if !place.as_os_str().is_empty() => _ = place.pop(),
            Some(Component::ParentDir | Component::RootDir | Component::Prefix(_)) => return false,
        }
    }
}

/// Returns the header of an entry that belongs to root and has the time 1970.
fn entry_header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// Adds an entry with the header of `entry_header`.
///
/// # Errors
/// A name that a tar archive cannot contain.
pub fn add_entry(
    archive: &mut Builder<Vec<u8>>,
    kind: EntryType,
    mode: u32,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    archive.append_data(&mut entry_header(kind, mode, bytes.len() as u64), name, bytes)
}

/// Returns gzip data (RFC 1952) that consists of stored (uncompressed) blocks (RFC 1951, section 3.2.4).
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // The header: two magic bytes, method deflate, no flags, no time, no extra flags, unknown operating system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    // A block begins with 1 if it is the last one, otherwise 0, then its length and the complement of the length.
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
    // The length modulo 2^32, in four bytes.
    out.extend((bytes.len() as u64 & u64::from(u32::MAX)).to_le_bytes().iter().take(4));
    out
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::files::Root;

    fn pack_app(folder: &Path) -> io::Result<Layer> {
        pack(&Root::project(folder).open()?.unwrap(), "/app")
    }

    #[test]
    fn the_same_files_result_in_the_same_bytes() {
        let (first, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, names) in [(&first, ["a", "b/c", "d"]), (&two, ["d", "b/c", "a"])] {
            fs::create_dir(folder.path().join("b")).unwrap();
            for name in names {
                fs::write(folder.path().join(name), name).unwrap();
            }
            symlink("b/c", folder.path().join("link")).unwrap();
        }
        fs::set_permissions(two.path().join("a"), fs::Permissions::from_mode(0o600)).unwrap();
        let layer = |folder: &tempfile::TempDir| pack_app(folder.path()).unwrap();
        assert_eq!(layer(&first).packed, layer(&two).packed);
        assert_eq!(layer(&first).files.len(), 3);
        // Control: a different executable bit results in different bytes.
        fs::set_permissions(two.path().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(layer(&first).packed, layer(&two).packed);
    }

    #[test]
    fn secrets_are_left_out_and_links_must_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), "PASSWORD=canary").unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        fs::write(folder.path().join("secrets/key"), "canary").unwrap();
        fs::write(folder.path().join("main"), "x").unwrap();
        let layer = pack_app(folder.path()).unwrap();
        assert_eq!(layer.omitted_paths, [".env", "secrets"]);
        assert!(!layer.packed.windows(6).any(|part| part == b"canary"));
        for target in ["/etc/passwd", "../x", "a/../../x"] {
            symlink(target, folder.path().join("link")).unwrap();
            assert!(pack_app(folder.path()).is_err(), "{target}");
            fs::remove_file(folder.path().join("link")).unwrap();
        }
    }

    #[test]
    fn links_are_followed_through_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        symlink(".", folder.path().join("here")).unwrap();
        symlink("a/b", folder.path().join("deep")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        for (target, is_accepted) in [
            ("here/../etc/passwd", false),
            ("here/here/../x", false),
            ("deep/../../../x", false),
            ("deep/../x", true),
            ("deep/../../x", true),
            ("here/a/b/../../x", true),
            ("loop/../../x", true),
        ] {
            symlink(target, folder.path().join("link")).unwrap();
            assert_eq!(pack_app(folder.path()).is_ok(), is_accepted, "{target}");
            fs::remove_file(folder.path().join("link")).unwrap();
        }
    }
}
