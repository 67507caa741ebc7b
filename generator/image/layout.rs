//! An OCI image layout: a folder with the blobs of an image, and additional files such as `index.json`.

use std::collections::BTreeMap;

use oci_spec::image::MediaType;

use super::Blobs;
use super::build::Descriptor;
use crate::files::{FileError, Folder, Reason, Root, random_suffix};

/// The folder with one runtime configuration for each platform. It is not part of the OCI image layout.
const RUNTIME_FOLDER: &str = "runtime";

/// The files of an image layout.
#[derive(Debug)]
pub struct ImageLayout {
    /// The image, or the index over the images of all platforms.
    pub image: Descriptor,
    /// Files next to the blobs, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    pub blobs: Blobs,
}

impl ImageLayout {
    /// Returns `index` for an image with several platforms, else `image`.
    pub fn kind(&self) -> &'static str {
        if self.image.media_type == MediaType::ImageIndex { "index" } else { "image" }
    }

    /// Writes the layout to a folder: first under a temporary name, then renamed. An existing layout is replaced.
    ///
    /// # Errors
    /// A file cannot be written, or `target` exists and is not an image layout.
    pub fn write(&self, target: &Root) -> Result<(), FileError> {
        let (parent, name) = target.split()?;
        let parent = parent.open_or_create(0o755)?;
        let failure = |reason: String| FileError {
            path: target.path().to_owned(),
            scope: parent.scope(),
            reason: Reason::System(std::io::Error::other(reason)),
        };
        let temporary = format!(".{}", random_suffix().map_err(|error| failure(error.to_string()))?);
        // The temporary folder is deleted if a step of this function fails.
        let write_and_rename = || {
            self.write_files(&parent.create_folder(&temporary, 0o755)?)?;
            match parent.stat(&name)? {
                None => {}
                Some(stat)
                    if stat.is_folder()
                        && parent.folder(&name)?.is_some_and(|existing| existing.has_file("oci-layout")) =>
                {
                    parent.remove_all(&name)?;
                }
                Some(_) => {
                    return Err(failure(
                        "it already exists and is not an image layout; nself did not change it".into(),
                    ));
                }
            }
            parent.rename(&temporary, &parent, &name)
        };
        write_and_rename().inspect_err(|_| {
            let _ = parent.remove_all(&temporary);
        })
    }

    /// Writes the blobs and the files next to them into an empty folder.
    fn write_files(&self, folder: &Folder) -> Result<(), FileError> {
        for subfolder in ["blobs/sha256", RUNTIME_FOLDER] {
            folder.make_folder(subfolder, 0o755)?;
        }
        for (digest, bytes) in &self.blobs.0 {
            folder.create(format!("blobs/sha256/{}", digest.hex()), bytes, 0o644)?;
        }
        self.files.iter().try_for_each(|(path, bytes)| folder.create(path, bytes, 0o644))
    }
}
