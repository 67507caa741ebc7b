//! Generated files inside pods, as ConfigMaps. The name of a ConfigMap contains the digest of its content, so that only
//! changed files restart pods. A folder is divided into ConfigMaps that are small enough for the API server.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Body, Metadata, Object};
use crate::artifact::{Artifacts, Digest, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Service;

/// The maximum size of a ConfigMap's files in bytes. The API server accepts objects of at most 1 MiB.
const LARGEST: usize = 768 << 10;

/// A ConfigMap and the files of its keys.
pub struct ConfigMap {
    pub name: String,
    pub items: BTreeMap<String, ConfigFile>,
}

#[derive(Serialize)]
pub struct ConfigFile {
    /// Path below the mounted folder.
    pub path: String,
    pub text: String,
}

/// Returns the ConfigMaps of each folder that a service mounts, by the folder's path.
///
/// # Errors
/// NS901 for files that are not text, or whose keys clash.
pub fn of(service: &Service, files: &Artifacts) -> Result<BTreeMap<String, Vec<ConfigMap>>, Diagnostic> {
    let sources = service.config.iter().map(|config| &config.source);
    sources.map(|source| Ok((source.clone(), config_maps(source, files)?))).collect()
}

fn config_maps(source: &str, files: &Artifacts) -> Result<Vec<ConfigMap>, Diagnostic> {
    let internal = |message: String| Diagnostic::error(Code::Internal, FieldPath::root()).message(message);
    let mut configs = Vec::new();
    let mut items = BTreeMap::new();
    let mut size = 0;
    for (path, artifact) in files.under(source) {
        let path = path.as_str()[source.len() + 1..].to_owned();
        let text = artifact.bytes().and_then(|bytes| String::from_utf8(bytes.to_owned()).ok());
        let text = text.ok_or_else(|| internal(format!("{path} is not text")))?;
        // A key cannot contain `/`; paths of artifacts never contain two dots in a row.
        let key = path.replace('/', "..");
        if size > 0 && size + text.len() > LARGEST {
            configs.push(config_map(source, std::mem::take(&mut items)));
            size = 0;
        }
        size += text.len() + key.len();
        if items.insert(key, ConfigFile { path: path.clone(), text }).is_some() {
            return Err(internal(format!("two files below {source} have the key of {path}")));
        }
    }
    configs.push(config_map(source, items));
    Ok(configs)
}

fn config_map(source: &str, items: BTreeMap<String, ConfigFile>) -> ConfigMap {
    let digest = Digest::of(&json::to_canonical(&items));
    ConfigMap { name: format!("{}-{}", source.replace(['/', '_'], "-"), &digest.as_str()[..10]), items }
}

/// Returns the object of a ConfigMap. It is immutable, since changed content gets a different name.
pub fn object(config: &ConfigMap, metadata: Metadata) -> Object {
    let data = config.items.iter().map(|(key, file)| (key.clone(), file.text.clone())).collect();
    Object { api_version: "v1", kind: "ConfigMap", metadata, body: Body::Config { immutable: true, data } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_folder_is_divided() {
        let mut files = Artifacts::default();
        for name in ["a", "b/c", "b/d", "e"] {
            files.add(format!("nginx/{name}"), "x".repeat(300 << 10)).unwrap();
        }
        let configs = config_maps("nginx", &files).unwrap();
        let keys: Vec<Vec<&str>> =
            configs.iter().map(|config| config.items.keys().map(String::as_str).collect()).collect();
        assert_eq!(keys, [vec!["a", "b..c"], vec!["b..d", "e"]]);
        assert_ne!(configs[0].name, configs[1].name);
        assert_eq!(configs[0].items["b..c"].path, "b/c");
    }

    #[test]
    fn a_file_that_is_not_text_is_refused() {
        let mut files = Artifacts::default();
        files.add("nginx/a", vec![0xff]).unwrap();
        assert!(config_maps("nginx", &files).is_err());
    }
}
