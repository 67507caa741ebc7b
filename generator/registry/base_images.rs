//! Fetches base images: manifest, configuration and layers for each platform, all by digest.

use std::fmt::Display;

use oci_spec::image::{ImageConfiguration, ImageManifest};

use super::failure::Failure;
use super::transport::Registry;
use crate::artifact::Sha256;
use crate::codes::Code;
use crate::image::Blobs;
use crate::image::build::{Base, BaseImages};
use crate::lock::ImageName;
use crate::values::Platform;

/// Beginnings of the media types of layers that nself can copy: tar archives, compressed or not.
const LAYER_TYPES: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"];

impl Registry {
    /// Fetches a base image, which is named by its digest, for these platforms.
    ///
    /// # Errors
    /// NS811 if the base lacks a platform, NS821 to NS824 if the registry fails.
    pub fn base_images(&self, base: &ImageName, platforms: &[Platform]) -> Result<BaseImages, Failure> {
        let pin = self.resolve(base)?;
        let mut images = BaseImages::default();
        for platform in platforms {
            let Some(digest) = pin.platforms.get(platform.as_str()) else {
                let available: Vec<&str> = pin.platforms.keys().map(String::as_str).collect();
                let message = format!("{base} has no image for {platform}, only for {}", available.join(", "));
                return Err(Failure::new(Code::Image, message));
            };
            let image = ImageName { digest: Some(digest.clone()), ..base.clone() };
            images.platforms.push((platform.clone(), Some(self.base_image(&image, &mut images.blobs)?)));
        }
        Ok(images)
    }

    /// Fetches the base image of one platform, which is named by its digest, and adds its layers to `blobs`.
    fn base_image(&self, image: &ImageName, blobs: &mut Blobs) -> Result<Base, Failure> {
        let malformed = |reason: &dyn Display| Failure::new(Code::RegistryContent, format!("{image}: {reason}"));
        let manifest_bytes = self.manifest(image)?.bytes;
        let manifest: ImageManifest = serde_json::from_slice(&manifest_bytes).map_err(|error| malformed(&error))?;
        for layer in manifest.layers() {
            let media_type = layer.media_type().to_string();
            if !LAYER_TYPES.iter().any(|prefix| media_type.starts_with(prefix)) {
                return Err(malformed(&format!("the media type {media_type} of a layer is not supported")));
            }
            let digest = Sha256::try_from(layer.digest().to_string()).map_err(|reason| malformed(&reason))?;
            if !blobs.0.contains_key(&digest) {
                blobs.add(self.blob(image, &digest)?);
            }
        }
        let digest = Sha256::try_from(manifest.config().digest().to_string()).map_err(|reason| malformed(&reason))?;
        let config_bytes = self.blob(image, &digest)?;
        let config: ImageConfiguration = serde_json::from_slice(&config_bytes).map_err(|error| malformed(&error))?;
        Ok(Base { manifest, config })
    }
}
