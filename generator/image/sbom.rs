//! Bills of materials of an image, in SPDX 2.3 and CycloneDX 1.5: its files with digests, its base image, and the
//! packages in its lock files.

use std::fmt::Write;

use serde_json::{Value, json};

use super::EPOCH;
use super::layer::Layer;
use super::packages::{Package, packages_of_file};
use crate::artifact::{Digest, Sha256};
use crate::lock::ImageName;

/// The contents of an image.
pub struct Materials<'a> {
    pub image: &'a ImageName,
    pub base: Option<&'a ImageName>,
    pub layer: &'a Layer,
    /// The packages in the lock files of the layer, sorted, each once.
    pub packages: Vec<Package>,
}

impl<'a> Materials<'a> {
    /// Collects the packages from the lock files in the layer.
    pub fn new(image: &'a ImageName, base: Option<&'a ImageName>, layer: &'a Layer) -> Self {
        let mut packages: Vec<Package> =
            layer.files.iter().flat_map(|(path, bytes)| packages_of_file(path, bytes)).collect();
        packages.sort();
        packages.dedup();
        Materials { image, base, layer, packages }
    }

    /// Returns a digest that identifies the image.
    fn identity(&self) -> Digest {
        let base = self.base.map(ToString::to_string).unwrap_or_default();
        Digest::keyed("nself bill of materials v1", format!("{} {base} {}", self.image, self.layer.diff_id).as_bytes())
    }

    /// Returns the document in SPDX 2.3.
    pub fn spdx(&self) -> Value {
        let version = |reference: &ImageName| reference.tag.clone().unwrap_or_default();
        let mut packages = vec![json!({
            "SPDXID": "SPDXRef-Image", "name": self.image.name(), "versionInfo": version(self.image),
            "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "CONTAINER",
            "checksums": [{ "algorithm": "SHA256", "checksumValue": self.layer.diff_id.hex() }],
        })];
        let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image")];
        if let Some(base) = self.base {
            let checksums =
                base.digest.iter().map(|digest| json!({ "algorithm": "SHA256", "checksumValue": digest.hex() }));
            packages.push(json!({
                "SPDXID": "SPDXRef-Base", "name": base.name(), "versionInfo": version(base),
                "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "checksums": checksums.collect::<Vec<_>>(),
            }));
            relations.push(relation("SPDXRef-Image", "DESCENDANT_OF", "SPDXRef-Base"));
        }
        for (i, package) in self.packages.iter().enumerate() {
            let id = format!("SPDXRef-Package-{i}");
            relations.push(relation("SPDXRef-Image", "CONTAINS", &id));
            packages.push(json!({
                "SPDXID": id, "name": package.name, "versionInfo": package.version,
                "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
                "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.url }],
            }));
        }
        // Each file also gets a relationship to the image.
        let files: Vec<Value> = self
            .layer
            .files
            .iter()
            .enumerate()
            .map(|(i, (path, bytes))| {
                let id = format!("SPDXRef-File-{i}");
                relations.push(relation("SPDXRef-Image", "CONTAINS", &id));
                json!({
                    "SPDXID": id, "fileName": format!(".{path}"),
                    "checksums": [
                        { "algorithm": "SHA1", "checksumValue": sha1(bytes) },
                        { "algorithm": "SHA256", "checksumValue": Sha256::of(bytes).hex() },
                    ],
                })
            })
            .collect();
        json!({
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": self.image.to_string(),
            "documentNamespace": format!("https://nself.org/spdx/{}", self.identity()),
            "creationInfo": { "created": EPOCH, "creators": [concat!("Tool: nself-", env!("CARGO_PKG_VERSION"))] },
            "packages": packages, "files": files, "relationships": relations,
        })
    }

    /// Returns the document in CycloneDX 1.5.
    pub fn cyclonedx(&self) -> Value {
        let mut components = Vec::new();
        if let Some(base) = self.base {
            let hashes = base.digest.iter().map(|digest| json!({ "alg": "SHA-256", "content": digest.hex() }));
            components.push(json!({
                "type": "container", "bom-ref": base.to_string(), "name": base.name(),
                "version": base.tag.clone().unwrap_or_default(), "hashes": hashes.collect::<Vec<_>>(),
            }));
        }
        components.extend(self.packages.iter().map(|package| {
            json!({
                "type": "library", "bom-ref": package.url, "name": package.name, "version": package.version,
                "purl": package.url,
            })
        }));
        components.extend(self.layer.files.iter().map(|(path, bytes)| {
            json!({
                "type": "file", "bom-ref": path, "name": path,
                "hashes": [{ "alg": "SHA-256", "content": Sha256::of(bytes).hex() }],
            })
        }));
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "serialNumber": self.serial(),
            "metadata": {
                "timestamp": EPOCH,
                "tools": { "components": [{ "type": "application", "name": "nself", "version": env!("CARGO_PKG_VERSION") }] },
                "component": {
                    "type": "container", "bom-ref": self.image.to_string(), "name": self.image.name(),
                    "version": self.image.tag.clone().unwrap_or_default(),
                },
            },
            "components": components,
        })
    }

    /// Returns a UUID of version 8 (RFC 9562), derived from the content.
    fn serial(&self) -> String {
        let digest = self.identity();
        let hex = digest.as_str();
        // The version, 8, and the variant, 9, replace two digits of the digest.
        format!("urn:uuid:{}-{}-8{}-9{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}

/// Returns a relationship between two elements of an SPDX document.
pub fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// Returns the SHA-1 digest in hexadecimal. SPDX 2.3 requires it for files; security does not depend on it.
pub fn sha1(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
