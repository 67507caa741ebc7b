//! Writes `manifest.json` next to the `index.json` of a layout: a list of the layout's images and their blobs. With it,
//! an archive of the layout is also an archive in Docker's own format, the only one that `docker load` before Docker 25
//! accepts.

use serde_json::{Value, json};

use super::build::{Image, split_platform};
use crate::artifact::json as writer;

/// The maximum number of characters of a tag (distribution specification, grammar of references).
const MAX_TAG_CHARACTERS: usize = 128;

/// Returns the bytes of the list, with an entry for each platform. The format has no field for platforms, and two images
/// cannot have the same name. So the image of the first platform is `name:tag`, and the names of the others end with
/// processor and variant, such as `name:tag-arm64-v8`.
pub fn manifest(images: &[Image], name: &str, tag: &str) -> Vec<u8> {
    let entries = images.iter().enumerate().map(|(index, image)| entry(image, name, platform_tag(tag, index, image)));
    writer::to_canonical(&entries.collect::<Vec<_>>())
}

/// Returns the tag of the image with this index; `None` if the tag would be too long. Docker then loads the image
/// without a name.
fn platform_tag(tag: &str, index: usize, image: &Image) -> Option<String> {
    if index == 0 {
        return Some(tag.to_owned());
    }
    let (_, processor, variant) = split_platform(&image.platform);
    let parts: Vec<&str> = [Some(tag), Some(processor), variant].into_iter().flatten().collect();
    Some(parts.join("-")).filter(|tag| tag.len() <= MAX_TAG_CHARACTERS)
}

/// Returns the entry of one image. `sha256:12…` becomes the path `blobs/sha256/12…`.
fn entry(image: &Image, name: &str, tag: Option<String>) -> Value {
    let blob_path = |digest: &oci_spec::image::Digest| format!("blobs/{}", digest.to_string().replace(':', "/"));
    let tags: Vec<String> = tag.into_iter().map(|tag| format!("{name}:{tag}")).collect();
    json!({
        "Config": blob_path(image.manifest.config().digest()),
        "RepoTags": tags,
        "Layers": image.manifest.layers().iter().map(|layer| blob_path(layer.digest())).collect::<Vec<_>>(),
    })
}
