//! Resolves a tag to digests: of its index or manifest, and of the manifest for each Linux platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::Deserialize;

use super::failure::Failure;
use super::fetch::Manifest;
use super::media;
use super::transport::Registry;
use crate::artifact::Sha256;
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::lock::{ImageName, Pin};

/// The number of simultaneous requests. It may exceed the number of processors, since a request mostly waits for the
/// registry.
const CONNECTIONS: usize = 6;

/// The fields of an index that are read.
#[derive(Deserialize)]
struct PlatformIndex {
    manifests: Vec<IndexEntry>,
}

/// An entry of an index: a manifest and its platform.
#[derive(Deserialize)]
struct IndexEntry {
    digest: Sha256,
    #[serde(default)]
    platform: PlatformFields,
}

/// The platform in an entry of an index, or in the configuration of an image. Fields may be missing.
#[derive(Default, Deserialize)]
struct PlatformFields {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

/// The fields of the manifest of an image that are read.
#[derive(Deserialize)]
struct SingleManifest {
    config: BlobReference,
}

#[derive(Deserialize)]
struct BlobReference {
    digest: Sha256,
}

impl PlatformFields {
    /// Returns the name, such as `linux/arm64/v8`; `None` for other systems, and for attestations, whose architecture
    /// is `unknown`.
    fn name(&self) -> Option<String> {
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let parts: Vec<&str> = [&self.os, &self.architecture, &self.variant]
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        let is_valid = parts.len() > 1 && parts.iter().all(|part| is_plain(part));
        (self.os == "linux" && self.architecture != "unknown" && is_valid).then(|| parts.join("/"))
    }
}

impl Registry {
    /// Resolves the tag or digest of an image to a pin.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails; NS824 if the image has no platform for Linux.
    pub fn resolve(&self, reference: &ImageName) -> Result<Pin, Failure> {
        let manifest = self.manifest(reference)?;
        let platforms = match manifest.media_type.as_str() {
            media::INDEX | media::DOCKER_LIST => platforms_of_index(reference, &manifest)?,
            media::IMAGE_MANIFEST | media::DOCKER_MANIFEST => {
                let BlobReference { digest } = parse::<SingleManifest>(reference, &manifest.bytes)?.config;
                // The configuration of an image also has the fields of a platform.
                let config: PlatformFields = parse(reference, &self.blob(reference, &digest)?)?;
                config.name().map(|name| (name, manifest.digest.clone())).into_iter().collect()
            }
            media_type => return Err(invalid_content(reference, &format!("`{media_type}` is not an image"))),
        };
        if platforms.is_empty() {
            return Err(invalid_content(reference, "it has no image for Linux"));
        }
        Ok(Pin { digest: manifest.digest, platforms })
    }

    /// Resolves several images by their full names, `CONNECTIONS` at a time. Returns the pin or the finding of each, by name.
    pub fn resolve_all(&self, names: &BTreeSet<String>) -> BTreeMap<String, Result<Pin, Diagnostic>> {
        let queue = Mutex::new(names.iter());
        let answers = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS.min(names.len()) {
                scope.spawn(|| {
                    loop {
                        let next_name = queue.lock().ok().and_then(|mut queue| queue.next());
                        let Some(name) = next_name else { break };
                        let answer = self.resolve(&ImageName::parse(name));
                        let answer = answer.map_err(|failure| failure.finding(FieldPath::root()));
                        if let Ok(mut answers) = answers.lock() {
                            answers.insert(name.clone(), answer);
                        }
                    }
                });
            }
        });
        answers.into_inner().unwrap_or_default()
    }
}

/// Returns the digest of the manifest for each Linux platform of an index, by the name of the platform.
fn platforms_of_index(reference: &ImageName, manifest: &Manifest) -> Result<BTreeMap<String, Sha256>, Failure> {
    let mut platforms = BTreeMap::new();
    for entry in parse::<PlatformIndex>(reference, &manifest.bytes)?.manifests {
        if let Some(name) = entry.platform.name() {
            // If two entries have the same platform, runtimes use the first one.
            platforms.entry(name).or_insert(entry.digest);
        }
    }
    Ok(platforms)
}

fn parse<'a, T: Deserialize<'a>>(reference: &ImageName, bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| invalid_content(reference, &error.to_string()))
}

fn invalid_content(reference: &ImageName, reason: &str) -> Failure {
    Failure::new(Code::RegistryContent, format!("{reference}: {reason}"))
}
