//! Packs a release as an artifact that Flux and other clients of registries can read: the files of the manifest and the
//! manifest itself in one layer. No manifest records values of secrets, so a release has none.

use std::collections::BTreeSet;
use std::io::{self, Read};

use serde_json::json;
use tar::{Archive, Builder, EntryType};

use super::ReleaseFiles;
use crate::artifact::{ArtifactPath, Sha256, mode};
use crate::backend::Backend;
use crate::image::IMAGE_MANIFEST;
use crate::image::layer::{add_entry, gzip};
use crate::image::{Blobs, EPOCH};

/// Flux's media type of the configuration, <https://fluxcd.io/flux/cheatsheets/oci-artifacts/>.
pub const CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
/// Flux's media type of the layer.
pub const CONTENT: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";

/// Returns the blobs of a release, which are its configuration, layer and manifest, and the digest of the manifest.
///
/// # Errors
/// A path that a tar archive cannot contain.
pub fn pack(title: &str, files: &ReleaseFiles) -> io::Result<(Blobs, Sha256)> {
    let mut archive = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, bytes) in files {
        // Each folder of the path is an entry before its first file: `a/` and `a/b/` for `a/b/c`.
        for (end, _) in path.match_indices('/') {
            if folders.insert(&path[..end]) {
                add_entry(&mut archive, EntryType::Directory, 0o755, &format!("{}/", &path[..end]), &[])?;
            }
        }
        add_entry(&mut archive, EntryType::Regular, mode::of_path(path), path, bytes)?;
    }
    let packed_layer = gzip(&archive.into_inner()?);
    let mut blobs = Blobs::default();
    let layer_size = packed_layer.len();
    let layer_digest = blobs.add(packed_layer);
    let (config_digest, config_size) = blobs.add_json(&json!({ "created": EPOCH }));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE_MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config_digest, "size": config_size },
        "layers": [{ "mediaType": CONTENT, "digest": layer_digest, "size": layer_size }],
        "annotations": {
            "org.opencontainers.image.created": EPOCH,
            "org.opencontainers.image.title": title,
        },
    });
    let (digest, _) = blobs.add_json(&manifest);
    Ok((blobs, digest))
}

/// Hidden files that nself generates, with the only content that they can have. A `.gitignore` with other content could
/// let git commit secrets.
const HIDDEN_FILES: [(&str, &str); 2] = [(".gitattributes", "* -text\n"), (".gitignore", "/.env\n/secrets/\n")];

/// Returns whether nself can generate a file of this path with this content.
pub fn is_generated(path: &str, bytes: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let has_other_content = |(hidden_name, content): &(&str, &str)| *hidden_name == name && content.as_bytes() != bytes;
    ArtifactPath::new(path).is_ok_and(|path| Backend::of_output(&path).is_some())
        && !HIDDEN_FILES.iter().any(has_other_content)
}

/// The maximum size of all unpacked files, in bytes.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// Returns the files of a layer.
///
/// # Errors
/// A layer that nself did not write, that is too large, or that contains a link, a device or a path that leads outside
/// of the folder.
pub fn unpack(layer: &[u8]) -> io::Result<ReleaseFiles> {
    let tar = unpack_stored(layer).ok_or_else(|| io::Error::other("the layer was not written by nself"))?;
    let mut files = ReleaseFiles::new();
    let mut total_bytes = 0;
    for entry in Archive::new(tar.as_slice()).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        match entry.header().entry_type() {
            EntryType::Directory => {}
            EntryType::Regular => {
                ArtifactPath::new(path.as_str()).map_err(io::Error::other)?;
                let mut bytes = Vec::new();
                entry.by_ref().take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut bytes)?;
                total_bytes += bytes.len() as u64;
                if total_bytes > MAX_UNPACKED_BYTES {
                    return Err(io::Error::other(format!(
                        "the files together are larger than {MAX_UNPACKED_BYTES} bytes"
                    )));
                }
                if files.insert(path.clone(), bytes).is_some() {
                    return Err(io::Error::other(format!("{path} occurs twice")));
                }
            }
            _ => return Err(io::Error::other(format!("{path}: neither a file nor a folder"))),
        }
    }
    Ok(files)
}

/// Returns the content of gzip data that consists of stored (uncompressed) blocks, as `image::layer::gzip` writes it;
/// `None` for any other data. A block begins with 1 if it is the last one, otherwise 0, then its length and the
/// complement of the length (RFC 1951). A checksum and the size end the data (RFC 1952).
fn unpack_stored(packed: &[u8]) -> Option<Vec<u8>> {
    let mut remaining = packed.strip_prefix(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
    let mut content = Vec::new();
    loop {
        let (header, after_header) = remaining.split_first_chunk::<5>()?;
        let length = u16::from_le_bytes([header[1], header[2]]);
        if header[0] > 1 || length != !u16::from_le_bytes([header[3], header[4]]) {
            return None;
        }
        let (block, after_block) = after_header.split_at_checked(usize::from(length))?;
        content.extend(block);
        remaining = after_block;
        if header[0] == 1 {
            break;
        }
    }
    // Four bytes of checksum and four bytes of size.
    (remaining.get(..4)? == crc32fast::hash(&content).to_le_bytes() && remaining.len() == 8).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> ReleaseFiles {
        ReleaseFiles::from([("a/b.txt".to_owned(), vec![7; 200_000]), ("a/c/d".to_owned(), Vec::new())])
    }

    #[test]
    fn files_survive_the_round_trip() {
        let (blobs, digest) = pack("shop", &files()).unwrap();
        let layer = blobs.0.values().find(|bytes| bytes.starts_with(&[0x1f])).unwrap();
        assert_eq!(unpack(layer).unwrap(), files());
        assert_eq!(pack("shop", &files()).unwrap().1, digest);
        assert!(blobs.0.contains_key(&digest));
        for cut in [0, 9, 14, 1000, layer.len() - 1] {
            assert!(unpack(&layer[..cut]).is_err(), "{cut}");
        }
        let mut flipped = layer.clone();
        flipped[5000] ^= 1;
        assert!(unpack(&flipped).is_err());
    }

    #[test]
    fn hidden_files_of_the_golden_stacks_have_the_content_that_is_expected() {
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/minimal/out/prod");
        for (name, text) in HIDDEN_FILES {
            assert_eq!(std::fs::read_to_string(golden.join(name)).unwrap(), text);
            assert!(is_generated(&format!("prod/{name}"), text.as_bytes()));
            assert!(!is_generated(&format!("prod/{name}"), b"!/.env\n"));
        }
        assert!(is_generated("prod/compose.yaml", b"x") && !is_generated("prod/.env", b"x"));
    }

    #[test]
    fn paths_that_lead_outside_and_links_are_refused() {
        let hostile = |name: &str, kind: EntryType| {
            let mut archive = Builder::new(Vec::new());
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(0);
            // The name is written into the header, because the builder refuses such names.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, std::io::empty()).unwrap();
            unpack(&gzip(&archive.into_inner().unwrap()))
        };
        assert!(hostile("good", EntryType::Regular).is_ok());
        for path in ["../x", "/etc/x", "a/../../x", "a b"] {
            assert!(hostile(path, EntryType::Regular).is_err(), "{path}");
        }
        assert!(hostile("good", EntryType::Symlink).is_err());
        assert!(hostile("good", EntryType::Fifo).is_err());
    }
}
