//! A tag to the digests that it stands for.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Failure, Manifest, Registry, media};
use crate::artifact::Sha256;
use crate::codes::Code;
use crate::lock::{ImageName, Pin};

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: Sha256,
    #[serde(default)]
    platform: Platform,
}

#[derive(Default, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

#[derive(Deserialize)]
struct Single {
    config: Blob,
}

#[derive(Deserialize)]
struct Blob {
    digest: Sha256,
}

impl Platform {
    /// `linux/arm64/v8`; nothing for other systems and for attestations, which have none.
    fn name(&self) -> Option<String> {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let parts: Vec<&str> = [&self.os, &self.architecture, &self.variant]
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        (self.os == "linux"
            && self.architecture != "unknown"
            && parts.len() > 1
            && parts.iter().all(|part| plain(part)))
        .then(|| parts.join("/"))
    }
}

impl Registry {
    /// What an image's tag stands for now.
    ///
    /// # Errors
    /// NS821 to NS824; NS824 too when there is nothing for Linux.
    pub fn resolve(&self, reference: &ImageName) -> Result<Pin, Failure> {
        let manifest = self.manifest(reference)?;
        let platforms = match manifest.media_type.as_str() {
            media::INDEX | media::DOCKER_LIST => index(reference, &manifest)?,
            media::MANIFEST | media::DOCKER_MANIFEST => {
                let Blob { digest } = parse::<Single>(reference, &manifest.bytes)?.config;
                let config: Platform = parse(reference, &self.blob(reference, &digest)?)?;
                config.name().map(|name| (name, manifest.digest.clone())).into_iter().collect()
            }
            other => return Err(wrong(reference, &format!("`{other}` is not an image"))),
        };
        if platforms.is_empty() {
            return Err(wrong(reference, "nothing in it is for Linux"));
        }
        Ok(Pin { digest: manifest.digest, platforms })
    }
}

fn index(reference: &ImageName, manifest: &Manifest) -> Result<BTreeMap<String, Sha256>, Failure> {
    let mut platforms = BTreeMap::new();
    for entry in parse::<Index>(reference, &manifest.bytes)?.manifests {
        if let Some(name) = entry.platform.name() {
            // The first of two is what a runtime takes.
            platforms.entry(name).or_insert(entry.digest);
        }
    }
    Ok(platforms)
}

fn parse<'a, T: Deserialize<'a>>(reference: &ImageName, bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| wrong(reference, &error.to_string()))
}

fn wrong(reference: &ImageName, why: &str) -> Failure {
    Failure::new(Code::RegistryContent, format!("{reference}: {why}"))
}
