//! Reads manifests and blobs, and checks their digests.

use serde_json::Value;

use super::failure::Failure;
use super::media;
use super::transport::{Registry, RegistryRequest, RegistryResponse};
use crate::artifact::Sha256;
use crate::codes::Code;
use crate::lock::ImageName;

/// The maximum size of a manifest in bytes. Most registries have the same limit.
const MANIFEST_LIMIT: u64 = 4 << 20;
/// The maximum size of a blob in bytes. nself keeps whole blobs in memory.
const BLOB_LIMIT: u64 = 1 << 30;

/// A manifest or index, with the bytes that the registry sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub bytes: Vec<u8>,
    /// The media type in the document or, without one, in the header of the response.
    pub media_type: String,
    pub digest: Sha256,
}

impl Registry {
    /// Reads a manifest or index by its digest or tag; without both, by the tag `latest`.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn manifest(&self, image: &ImageName) -> Result<Manifest, Failure> {
        let digest_or_tag = match (&image.digest, &image.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        };
        let accept = [media::INDEX, media::DOCKER_LIST, media::IMAGE_MANIFEST, media::DOCKER_MANIFEST].join(", ");
        self.read(
            image,
            |repository| RegistryRequest {
                method: "GET",
                path: format!("/v2/{}/manifests/{digest_or_tag}", repository.name),
                headers: vec![("accept", accept.clone())],
                body: None,
                subject: image.to_string(),
                is_write: false,
                limit: MANIFEST_LIMIT,
            },
            |response| check_manifest(image, response),
        )
    }

    /// Reads a blob of a repository.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn blob(&self, image: &ImageName, digest: &Sha256) -> Result<Vec<u8>, Failure> {
        self.read(
            image,
            |repository| RegistryRequest {
                method: "GET",
                path: format!("/v2/{}/blobs/{digest}", repository.name),
                headers: Vec::new(),
                body: None,
                subject: format!("{} blob {digest}", image.name()),
                is_write: false,
                limit: BLOB_LIMIT,
            },
            |response| {
                let actual = Sha256::of(&response.body);
                if actual == *digest { Ok(response.body) } else { Err(wrong_digest(image, digest.as_str(), &actual)) }
            },
        )
    }
}

/// Returns the manifest in a response, after a check against the requested digest and the digest in the response.
fn check_manifest(image: &ImageName, response: RegistryResponse) -> Result<Manifest, Failure> {
    let digest = Sha256::of(&response.body);
    let announced_digest = response.header("docker-content-digest").map(str::to_owned);
    for expected in image.digest.iter().map(Sha256::as_str).chain(announced_digest.as_deref()) {
        if expected != digest.as_str() {
            return Err(wrong_digest(image, expected, &digest));
        }
    }
    let document: Value = serde_json::from_slice(&response.body)
        .map_err(|_| Failure::new(Code::RegistryContent, format!("{image}: the manifest is not JSON")))?;
    let declared_type = document["mediaType"].as_str().or_else(|| response.header("content-type"));
    // A header may have parameters: `application/json; charset=utf-8`.
    let media_type = declared_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    Ok(Manifest { bytes: response.body, media_type, digest })
}

/// Returns the failure for content whose digest is not the expected one.
fn wrong_digest(image: &ImageName, expected: &str, actual: &Sha256) -> Failure {
    let message = format!("{}: expected the digest {expected}, but the content has {actual}", image.name());
    Failure::new(Code::RegistryContent, message)
}
