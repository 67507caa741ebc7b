//! Writes to registries: blobs first, then the manifest that names them, so that an interrupted transfer leaves nothing
//! that could be pulled.

use serde_json::{Value, json};

use super::failure::Failure;
use super::media;
use super::transport::{Registry, RegistryRequest, Repository, server};
use crate::artifact::{Sha256, json as writer};
use crate::codes::Code;
use crate::lock::ImageName;

/// Media type of the empty configuration `{}` (OCI image specification, guidance for artifacts).
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
/// The maximum size of an answer in bytes.
const ANSWER_LIMIT: u64 = 4 << 20;

/// A manifest that refers to a different manifest, such as an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    pub digest: Sha256,
    pub artifact_type: String,
}

/// A manifest to which others refer.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub digest: &'a Sha256,
    /// Size of the manifest in bytes.
    pub size: usize,
}

/// Returns a request that needs the right to write, without headers and body.
fn write_request(method: &'static str, path: String, subject: String) -> RegistryRequest<'static> {
    RegistryRequest { method, path, headers: Vec::new(), body: None, subject, is_write: true, limit: ANSWER_LIMIT }
}

impl Registry {
    /// Stores a blob, unless the repository has it, and returns its digest.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn push_blob(&self, image: &ImageName, bytes: &[u8]) -> Result<Sha256, Failure> {
        let digest = Sha256::of(bytes);
        let (repository, name) = (Repository::of(image), &image.repository);
        let subject = format!("{} blob {digest}", image.name());
        let head = write_request("HEAD", format!("/v2/{name}/blobs/{digest}"), subject.clone());
        match self.send(&repository, &head) {
            Ok(_) => return Ok(digest),
            Err(failure) if failure.code == Code::RegistryNotFound => {}
            Err(failure) => return Err(failure),
        }
        let start_upload = RegistryRequest {
            headers: vec![("content-length", "0".to_owned())],
            body: Some(b""),
            ..write_request("POST", format!("/v2/{name}/blobs/uploads/"), subject.clone())
        };
        let response = self.send(&repository, &start_upload)?;
        let path = upload_path(image, response.header("location").unwrap_or_default())?;
        let separator = if path.contains('?') { '&' } else { '?' };
        let upload = RegistryRequest {
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body: Some(bytes),
            ..write_request("PUT", format!("{path}{separator}digest={digest}"), subject)
        };
        self.send(&repository, &upload)?;
        Ok(digest)
    }

    /// Stores a manifest under a tag or, without one, under its digest. Returns whether the registry tracks referrers, so
    /// that it lists this manifest among the manifests that refer to its `subject`.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn push_manifest(
        &self,
        image: &ImageName,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<bool, Failure> {
        let digest = Sha256::of(bytes);
        let name = tag.unwrap_or(digest.as_str());
        let subject = format!("{}:{name}", image.name());
        let put = RegistryRequest {
            headers: vec![("content-type", media_type.to_owned())],
            body: Some(bytes),
            ..write_request("PUT", format!("/v2/{}/manifests/{name}", image.repository), subject.clone())
        };
        let response = self.send(&Repository::of(image), &put)?;
        match response.header("docker-content-digest") {
            Some(stored) if stored != digest.as_str() => Err(Failure::new(
                Code::RegistryContent,
                format!("{subject}: the registry stored {stored} instead of {digest}"),
            )),
            _ => Ok(response.header("oci-subject").is_some()),
        }
    }

    /// Stores content that refers to the manifest `subject`, such as an attestation, and returns the digest of the
    /// content's own manifest. If the registry does not track referrers, nself lists this manifest under the fallback
    /// tag.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn push_referrer(
        &self,
        image: &ImageName,
        subject: Subject,
        artifact_type: &str,
        content: &[u8],
    ) -> Result<Sha256, Failure> {
        let layer_digest = self.push_blob(image, content)?;
        let config_digest = self.push_blob(image, b"{}")?;
        let manifest = writer::to_canonical(&json!({
            "schemaVersion": 2, "mediaType": media::IMAGE_MANIFEST, "artifactType": artifact_type,
            "config": { "mediaType": EMPTY_CONFIG, "digest": config_digest, "size": 2 },
            "layers": [{ "mediaType": artifact_type, "digest": layer_digest, "size": content.len() }],
            "subject": { "mediaType": media::IMAGE_MANIFEST, "digest": subject.digest, "size": subject.size },
        }));
        let is_tracked = self.push_manifest(image, None, media::IMAGE_MANIFEST, &manifest)?;
        let digest = Sha256::of(&manifest);
        if !is_tracked {
            let referrer = Referrer { digest: digest.clone(), artifact_type: artifact_type.to_owned() };
            self.add_to_fallback_tag(image, subject.digest, &referrer, manifest.len())?;
        }
        Ok(digest)
    }

    /// Adds `referrer`, whose manifest has `size` bytes, to the index under the fallback tag of `subject`.
    fn add_to_fallback_tag(
        &self,
        image: &ImageName,
        subject: &Sha256,
        referrer: &Referrer,
        size: usize,
    ) -> Result<(), Failure> {
        let tag = fallback_tag(subject);
        let mut entries = self.fallback_entries(image, &tag)?;
        if entries.iter().all(|entry| entry["digest"] != referrer.digest.as_str()) {
            entries.push(json!({
                "mediaType": media::IMAGE_MANIFEST, "digest": referrer.digest, "size": size,
                "artifactType": referrer.artifact_type,
            }));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries });
        self.push_manifest(image, Some(&tag), media::INDEX, &writer::to_canonical(&index)).map(drop)
    }

    /// Returns the entries of the index under a fallback tag; empty if the tag does not exist.
    fn fallback_entries(&self, image: &ImageName, tag: &str) -> Result<Vec<Value>, Failure> {
        let index = ImageName { tag: Some(tag.to_owned()), digest: None, ..image.clone() };
        match self.manifest(&index) {
            Ok(manifest) => Ok(entries(&manifest.bytes)),
            Err(failure) if failure.code == Code::RegistryNotFound => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the manifests that refer to `subject`, from the referrers API or, if the registry lacks it, from the
    /// fallback tag.
    ///
    /// # Errors
    /// NS821 to NS824 if the registry fails.
    pub fn referrers(&self, image: &ImageName, subject: &Sha256) -> Result<Vec<Referrer>, Failure> {
        let path = format!("/v2/{}/referrers/{subject}", image.repository);
        let get = RegistryRequest {
            is_write: false,
            ..write_request("GET", path, format!("referrers of {}@{subject}", image.name()))
        };
        let entries = match self.send(&Repository::of(image), &get) {
            Ok(response) => entries(&response.body),
            Err(failure) if failure.code == Code::RegistryNotFound => {
                self.fallback_entries(image, &fallback_tag(subject))?
            }
            Err(failure) => return Err(failure),
        };
        let referrers = entries.iter().filter_map(|entry| {
            Some(Referrer {
                digest: Sha256::try_from(entry["digest"].as_str()?.to_owned()).ok()?,
                artifact_type: entry["artifactType"].as_str().unwrap_or_default().to_owned(),
            })
        });
        Ok(referrers.collect())
    }
}

/// Returns the path of an upload from the registry's `Location` header: `/v2/uploads/1` for
/// `https://example.com/v2/uploads/1`. A different host is refused, because it would receive the credentials.
fn upload_path(image: &ImageName, location: &str) -> Result<String, Failure> {
    if location.starts_with('/') && !location.starts_with("//") {
        return Ok(location.to_owned());
    }
    let address = ["https://", "http://"].iter().find_map(|scheme| location.strip_prefix(scheme));
    let host_and_path = address.and_then(|address| Some(address.split_at(address.find('/')?)));
    let path = host_and_path.filter(|(host, _)| host.eq_ignore_ascii_case(server(&image.host))).map(|(_, path)| path);
    path.map(str::to_owned).ok_or_else(|| {
        let message = format!("{}: the registry redirects the upload to a different host", image.name());
        Failure::new(Code::RegistryContent, message)
    })
}

/// Returns the entries of an index; empty if the text is not an index.
fn entries(index: &[u8]) -> Vec<Value> {
    let index: Value = serde_json::from_slice(index).unwrap_or_default();
    index["manifests"].as_array().cloned().unwrap_or_default()
}

/// Returns the tag of the index with the referrers of `subject`, for registries that do not track them:
/// `sha256-<digits>` (OCI distribution specification, "Referrers Tag Schema").
fn fallback_tag(subject: &Sha256) -> String {
    subject.as_str().replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_stays_on_its_host() {
        let image = ImageName::parse("example.com:5000/acme/shop:1");
        for (location, path) in [
            ("/v2/acme/shop/blobs/uploads/1?state=x", "/v2/acme/shop/blobs/uploads/1?state=x"),
            ("https://example.com:5000/v2/uploads/1", "/v2/uploads/1"),
        ] {
            assert_eq!(upload_path(&image, location).unwrap(), path);
        }
        let image_on_docker_hub = ImageName::parse("docker.io/acme/shop:1");
        let location = "https://Registry-1.docker.io/v2/acme/shop/blobs/uploads/1";
        assert_eq!(upload_path(&image_on_docker_hub, location).unwrap(), "/v2/acme/shop/blobs/uploads/1");
        assert!(upload_path(&image_on_docker_hub, "https://auth.docker.io/v2/x").is_err());
        for location in [
            "",
            "https://example.com:5000@evil.example/x",
            "//evil.example/x",
            "https://example.com:50001/x",
            "https://evil.example/x",
            "uploads/1",
        ] {
            assert_eq!(upload_path(&image, location).unwrap_err().code, Code::RegistryContent, "{location}");
        }
    }
}
