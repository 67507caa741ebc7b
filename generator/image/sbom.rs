//! Bills of materials of an image, in SPDX 2.3 and CycloneDX 1.5: its files with digests, its base image, and the
//! packages in its lock files.

use std::fmt::Write;

use serde_json::{Value, json};

use super::EPOCH;
use super::layer::Layer;
use crate::artifact::{Digest, Sha256};
use crate::lock::ImageName;

/// A package from the registry of a programming language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// Package URL, <https://github.com/package-url/purl-spec>.
    pub url: String,
}

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

/// Returns the packages in a lock file, which is recognized by its name; empty for any other file.
fn packages_of_file(path: &str, bytes: &[u8]) -> Vec<Package> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let package = |kind: &str, name: &str, version: &str| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        url: format!("pkg:{kind}/{}@{version}", name.replace('@', "%40")),
    };
    match name {
        // Keys such as `node_modules/a/node_modules/@scope/b` for the package `@scope/b`.
        "package-lock.json" => {
            let lock: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let entries = lock["packages"].as_object().into_iter().flatten();
            let entries = entries.filter_map(|(path, entry)| {
                let (_, name) = path.rsplit_once("node_modules/")?;
                Some(package("npm", name, entry["version"].as_str()?))
            });
            entries.collect()
        }
        // Lines such as `fastapi[standard]==0.116.1 ; python_version > '3'`.
        "requirements.txt" => {
            let text = text();
            let pins = text.lines().filter_map(|line| {
                let pin = line.split([';', ' ', '#']).next()?;
                let (name, version) = pin.split_once("==")?;
                Some(package("pypi", &name.split('[').next()?.to_ascii_lowercase(), version.trim_end_matches('\\')))
            });
            pins.collect()
        }
        // Lines such as `require connectrpc.com/connect v1.18.1`, or without `require` in a block.
        "go.mod" => {
            let text = text();
            let modules = text.lines().filter_map(|line| {
                let mut words = line.trim().trim_start_matches("require ").split_whitespace();
                let (module, version) = (words.next()?, words.next()?);
                (module.contains('.') && version.starts_with('v')).then(|| package("golang", module, version))
            });
            modules.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_lock_files() {
        let urls = |path: &str, text: &str| -> Vec<String> {
            packages_of_file(path, text.as_bytes()).into_iter().map(|package| package.url).collect()
        };
        let npm = r#"{"packages":{"":{"version":"1.0.0"},"node_modules/@a/b":{"version":"2.0.0"}}}"#;
        assert_eq!(urls("/app/package-lock.json", npm), ["pkg:npm/%40a/b@2.0.0"]);
        let python =
            "# comment\nFastAPI[standard]==0.116.1 \\\n    --hash=sha256:00\nuvicorn==0.35.0 ; python_version > '3'\n";
        assert_eq!(urls("/app/requirements.txt", python), ["pkg:pypi/fastapi@0.116.1", "pkg:pypi/uvicorn@0.35.0"]);
        let go = "module example.com/x\n\ngo 1.24\n\nrequire connectrpc.com/connect v1.18.1\n";
        assert_eq!(urls("/go.mod", go), ["pkg:golang/connectrpc.com/connect@v1.18.1"]);
        assert!(urls("/app/main.py", python).is_empty());
    }
}
