//! The bill of materials of a release, in SPDX 2.3: its files, and the images that its Compose files run. The bytes are
//! the same on every machine.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ReleaseFiles;
use crate::artifact::Sha256;
use crate::image::EPOCH;
use crate::image::sbom::{relation, sha1};
use crate::lock::ImageName;

/// Media type of the document, and type of its artifact in a registry.
pub const SPDX: &str = "application/spdx+json";

/// Returns the bill of materials of the release whose manifest has this digest. `title` is the name of the release.
pub fn spdx(title: &str, digest: &Sha256, files: &ReleaseFiles) -> Value {
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Set")];
    let mut packages = vec![json!({
        "SPDXID": "SPDXRef-Set", "name": title, "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": digest.hex() }],
    })];
    for (i, image) in images(files).iter().enumerate() {
        let id = format!("SPDXRef-Image-{i}");
        relations.push(relation("SPDXRef-Set", "DEPENDS_ON", &id));
        let checksums =
            image.digest.iter().map(|digest| json!({ "algorithm": "SHA256", "checksumValue": digest.hex() }));
        packages.push(json!({
            "SPDXID": id, "name": image.name(), "versionInfo": image.tag.clone().unwrap_or_default(),
            "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "CONTAINER",
            "checksums": checksums.collect::<Vec<_>>(),
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl(image),
            }],
        }));
    }
    let file_elements = files.iter().enumerate().map(|(i, (path, bytes))| {
        let id = format!("SPDXRef-File-{i}");
        relations.push(relation("SPDXRef-Set", "CONTAINS", &id));
        json!({
            "SPDXID": id, "fileName": format!("./{path}"),
            "checksums": [
                { "algorithm": "SHA1", "checksumValue": sha1(bytes) },
                { "algorithm": "SHA256", "checksumValue": Sha256::of(bytes).hex() },
            ],
        })
    });
    let file_elements: Vec<Value> = file_elements.collect();
    json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": title,
        "documentNamespace": format!("https://nself.org/spdx/set/{}", digest.hex()),
        "creationInfo": { "created": EPOCH, "creators": [concat!("Tool: nself-", env!("CARGO_PKG_VERSION"))] },
        "packages": packages, "files": file_elements, "relationships": relations,
    })
}

/// Returns the images that the services of all `compose.yaml` files run. nself wrote these files, so each image is on
/// one line, and its name is in quotes where a YAML reader could misread it.
fn images(files: &ReleaseFiles) -> BTreeSet<ImageName> {
    let compose_files = files.iter().filter(|(path, _)| path.ends_with("/compose.yaml"));
    let lines = compose_files.flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap_or_default().lines());
    let names = lines.filter_map(|line| line.strip_prefix("    image: "));
    names.map(|name| ImageName::parse(name.trim_matches('"'))).collect()
}

/// Returns the package URL of an image, <https://github.com/package-url/purl-spec>, such as
/// `pkg:oci/redis@sha256%3A…?repository_url=docker.io/library/redis&tag=8`.
fn purl(image: &ImageName) -> String {
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    let version = image.digest.as_ref().map(|digest| format!("@sha256%3A{}", digest.hex()));
    let tag = image.tag.as_ref().map(|tag| format!("&tag={tag}"));
    format!("pkg:oci/{name}{}?repository_url={}{}", version.unwrap_or_default(), image.name(), tag.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_files_are_listed_once() {
        let digest = Sha256::of(b"x");
        let compose = format!(
            "services:\n  a:\n    image: \"docker.io/library/redis:8@{digest}\"\n  b:\n    image: ghcr.io/acme/b:1\n"
        );
        let files = ReleaseFiles::from([
            ("local/compose.yaml".to_owned(), compose.clone().into_bytes()),
            ("prod/compose.yaml".to_owned(), compose.into_bytes()),
            ("prod/other.yaml".to_owned(), b"    image: nothing:1\n".to_vec()),
        ]);
        let bill = spdx("shop", &Sha256::of(b"set"), &files);
        let urls: Vec<&str> = bill["packages"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|package| package["externalRefs"][0]["referenceLocator"].as_str())
            .collect();
        assert_eq!(
            urls,
            [
                format!("pkg:oci/redis@sha256%3A{}?repository_url=docker.io/library/redis&tag=8", digest.hex()),
                "pkg:oci/b?repository_url=ghcr.io/acme/b&tag=1".to_owned()
            ]
        );
        assert_eq!(bill["files"].as_array().unwrap().len(), 3);
        assert_eq!(bill["relationships"].as_array().unwrap().len(), 1 + 2 + 3);
    }
}
