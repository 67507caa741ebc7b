//! `manifest.json` beside the `index.json` of a layout: the list that makes an archive of it one of Docker's, which is
//! all that `docker load` takes before Docker 25. It names blobs of the layout and nothing else.

use serde_json::{Value, json};

use super::build::{Image, split};
use crate::artifact::json as writer;

/// The longest tag (distribution reference grammar).
const LONGEST_TAG: usize = 128;

/// An entry per platform. The list has no word for platforms and gives each name to one image, so the first platform
/// has `name:tag` and the others have it followed by processor and variant: `name:tag-arm64-v8`.
pub fn manifest(images: &[Image], name: &str, tag: &str) -> Vec<u8> {
    let entries = images.iter().enumerate().map(|(at, image)| entry(image, name, own(tag, at, image)));
    writer::to_canonical(&entries.collect::<Vec<_>>())
}

/// Nothing where the tag would be too long: the image is then loaded without a name.
fn own(tag: &str, at: usize, image: &Image) -> Option<String> {
    if at == 0 {
        return Some(tag.to_owned());
    }
    let (_, processor, variant) = split(&image.platform);
    let parts: Vec<&str> = [Some(tag), Some(processor), variant].into_iter().flatten().collect();
    Some(parts.join("-")).filter(|tag| tag.len() <= LONGEST_TAG)
}

fn entry(image: &Image, name: &str, tag: Option<String>) -> Value {
    let blob = |digest: &oci_spec::image::Digest| format!("blobs/{}", digest.to_string().replace(':', "/"));
    let tags: Vec<String> = tag.into_iter().map(|tag| format!("{name}:{tag}")).collect();
    json!({
        "Config": blob(image.manifest.config().digest()),
        "RepoTags": tags,
        "Layers": image.manifest.layers().iter().map(|layer| blob(layer.digest())).collect::<Vec<_>>(),
    })
}
