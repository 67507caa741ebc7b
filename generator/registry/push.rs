//! Writing: blobs first, then what names them, so that a transfer that ends early leaves nothing that can be pulled.

use serde_json::{Value, json};

use super::transport::{Ask, Place};
use super::{Failure, Registry, media};
use crate::artifact::{Sha256, json as writer};
use crate::codes::Code;
use crate::lock::ImageName;

/// A manifest that refers to another one, such as an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    pub digest: Sha256,
    pub artifact_type: String,
}

fn place(reference: &ImageName) -> Place {
    Place { host: reference.host.clone(), repository: reference.repository.clone() }
}

fn ask(method: &'static str, path: String, what: String) -> Ask<'static> {
    Ask { method, path, headers: Vec::new(), body: None, what, write: true, limit: 4 << 20 }
}

impl Registry {
    /// Stores a blob; one that is there already is not sent.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn push_blob(&self, reference: &ImageName, bytes: &[u8]) -> Result<Sha256, Failure> {
        let digest = Sha256::of(bytes);
        let (repository, what) = (&reference.repository, format!("{} blob {digest}", reference.name()));
        let there =
            self.send(&place(reference), &ask("HEAD", format!("/v2/{repository}/blobs/{digest}"), what.clone()));
        match there {
            Ok(_) => return Ok(digest),
            Err(failure) if failure.code == Code::RegistryNotFound => {}
            Err(failure) => return Err(failure),
        }
        let length = vec![("content-length", "0".to_owned())];
        let start = Ask {
            headers: length,
            body: Some(b""),
            ..ask("POST", format!("/v2/{repository}/blobs/uploads/"), what.clone())
        };
        let answer = self.send(&place(reference), &start)?;
        let location = answer.header("location").unwrap_or_default();
        let path = self.inside(reference, location)?;
        let sign = if path.contains('?') { '&' } else { '?' };
        let put = Ask {
            method: "PUT",
            path: format!("{path}{sign}digest={digest}"),
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body: Some(bytes),
            what,
            write: true,
            limit: 4 << 20,
        };
        self.send(&place(reference), &put)?;
        Ok(digest)
    }

    /// Where an upload goes on, on the registry's own host: nobody else is shown the credentials.
    fn inside(&self, reference: &ImageName, location: &str) -> Result<String, Failure> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(location.to_owned());
        }
        let rest = ["https://", "http://"].iter().find_map(|scheme| location.strip_prefix(scheme));
        let path = rest.and_then(|rest| rest.strip_prefix(reference.host.as_str()));
        match path.filter(|path| path.starts_with('/')) {
            Some(path) => Ok(path.to_owned()),
            None => Err(Failure::new(
                Code::RegistryContent,
                format!("{}: the registry wants the upload to go on at another host", reference.name()),
            )),
        }
    }

    /// Stores a manifest under a tag or, without one, under its digest. Tells whether the registry keeps track of
    /// what it refers to.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn push_manifest(
        &self,
        reference: &ImageName,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<bool, Failure> {
        let digest = Sha256::of(bytes);
        let name = tag.unwrap_or(digest.as_str());
        let what = format!("{}:{name}", reference.name());
        let put = Ask {
            headers: vec![("content-type", media_type.to_owned())],
            body: Some(bytes),
            ..ask("PUT", format!("/v2/{}/manifests/{name}", reference.repository), what.clone())
        };
        let answer = self.send(&place(reference), &put)?;
        match answer.header("docker-content-digest") {
            Some(stored) if stored != digest.as_str() => Err(Failure::new(
                Code::RegistryContent,
                format!("{what}: the registry stored {stored} instead of {digest}"),
            )),
            _ => Ok(answer.header("oci-subject").is_some()),
        }
    }

    /// Stores content that refers to the manifest `subject` of so many bytes; gives the digest of its own manifest. A
    /// registry that keeps no track of referrers gets the tag that stands in for it.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn refer(
        &self,
        reference: &ImageName,
        (subject, size): (&Sha256, usize),
        artifact_type: &str,
        content: &[u8],
    ) -> Result<Sha256, Failure> {
        let layer = self.push_blob(reference, content)?;
        let empty = self.push_blob(reference, b"{}")?;
        let manifest = writer::to_canonical(&json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST, "artifactType": artifact_type,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 },
            "layers": [{ "mediaType": artifact_type, "digest": layer, "size": content.len() }],
            "subject": { "mediaType": media::MANIFEST, "digest": subject, "size": size },
        }));
        let known = self.push_manifest(reference, None, media::MANIFEST, &manifest)?;
        let digest = Sha256::of(&manifest);
        if !known {
            let referrer = Referrer { digest: digest.clone(), artifact_type: artifact_type.to_owned() };
            self.add_referrer(reference, subject, &referrer, manifest.len())?;
        }
        Ok(digest)
    }

    /// Adds a manifest to those that refer to `subject`, by the tag that stands in for the referrers API.
    ///
    /// # Errors
    /// NS821 to NS824.
    fn add_referrer(
        &self,
        reference: &ImageName,
        subject: &Sha256,
        referrer: &Referrer,
        size: usize,
    ) -> Result<(), Failure> {
        let tag = fallback(subject);
        let mut entries = self.fallback_entries(reference, &tag)?;
        if entries.iter().all(|entry| entry["digest"] != referrer.digest.as_str()) {
            entries.push(json!({
                "mediaType": media::MANIFEST, "digest": referrer.digest, "size": size,
                "artifactType": referrer.artifact_type,
            }));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries });
        self.push_manifest(reference, Some(&tag), media::INDEX, &writer::to_canonical(&index)).map(|_| ())
    }

    fn fallback_entries(&self, reference: &ImageName, tag: &str) -> Result<Vec<Value>, Failure> {
        let at = ImageName { tag: Some(tag.to_owned()), digest: None, ..reference.clone() };
        match self.manifest(&at) {
            Ok(manifest) => {
                let index: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
                Ok(index["manifests"].as_array().cloned().unwrap_or_default())
            }
            Err(failure) if failure.code == Code::RegistryNotFound => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// What refers to `subject`: by the referrers API or, where there is none, by the tag.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn referrers(&self, reference: &ImageName, subject: &Sha256) -> Result<Vec<Referrer>, Failure> {
        let what = format!("referrers of {}@{subject}", reference.name());
        let path = format!("/v2/{}/referrers/{subject}", reference.repository);
        let get = Ask { write: false, ..ask("GET", path, what) };
        let entries = match self.send(&place(reference), &get) {
            Ok(answer) => {
                let index: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                index["manifests"].as_array().cloned().unwrap_or_default()
            }
            Err(failure) if failure.code == Code::RegistryNotFound => {
                self.fallback_entries(reference, &fallback(subject))?
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

/// `sha256-<digits>`.
fn fallback(subject: &Sha256) -> String {
    subject.as_str().replace(':', "-")
}
