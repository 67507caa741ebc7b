//! Generated files inside pods, as ConfigMaps. The name of a ConfigMap contains the digest of its content, so that only
//! changed files restart pods. A folder is divided into ConfigMaps that are small enough for the API server.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Body, Metadata, Object};
use crate::artifact::{Artifact, Artifacts, Digest, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Service;
use crate::values::ServiceName;

/// The maximum size of a ConfigMap's files in bytes. The API server accepts objects of at most 1 MiB.
const MAX_BYTES: usize = 768 << 10;

/// A ConfigMap and the files of its keys.
pub struct ConfigMap {
    pub name: String,
    /// The key of the only file, if a file is mounted instead of a folder.
    pub file: Option<String>,
    /// The files by their keys.
    pub items: BTreeMap<String, ConfigFile>,
}

/// A file in a ConfigMap.
#[derive(Serialize)]
pub struct ConfigFile {
    /// Path below the mounted folder.
    pub path: String,
    pub text: String,
}

/// Returns the ConfigMaps of each folder or file that a service mounts, by its path.
///
/// # Errors
/// NS901 for files that are not text, or whose keys clash.
pub fn config_maps_of_service(
    name: &ServiceName,
    service: &Service,
    files: &Artifacts,
) -> Result<BTreeMap<String, Vec<ConfigMap>>, Diagnostic> {
    let sources = service.config.iter().map(|config| &config.source);
    sources.map(|source| Ok((source.clone(), config_maps(name, source, files)?))).collect()
}

/// Returns the ConfigMaps of one mounted folder or file with the path `source`.
fn config_maps(service: &ServiceName, source: &str, files: &Artifacts) -> Result<Vec<ConfigMap>, Diagnostic> {
    let internal_error = |message: String| Diagnostic::error(Code::Internal, FieldPath::root()).message(message);
    let text_of = |path: &str, artifact: &Artifact| {
        let text = artifact.bytes().and_then(|bytes| String::from_utf8(bytes.to_owned()).ok());
        text.ok_or_else(|| internal_error(format!("{path} is not text")))
    };
    if let Some(artifact) = files.get(source) {
        return Ok(vec![config_of_file(service, source, text_of(source, artifact)?)]);
    }
    let mut configs = Vec::new();
    let mut items = BTreeMap::new();
    let mut size = 0;
    for (path, artifact) in files.files_under(source) {
        let path = path.as_str()[source.len() + 1..].to_owned();
        let text = text_of(&path, artifact)?;
        // A key cannot contain `/`. Paths of artifacts never contain two dots in a row, so keys clash only if a dot is
        // next to a `/`.
        let key = path.replace('/', "..");
        if size > 0 && size + text.len() > MAX_BYTES {
            configs.push(config_map(service, source, std::mem::take(&mut items)));
            size = 0;
        }
        size += text.len() + key.len();
        if items.insert(key, ConfigFile { path: path.clone(), text }).is_some() {
            return Err(internal_error(format!("two files below {source} have the key of {path}")));
        }
    }
    configs.push(config_map(service, source, items));
    Ok(configs)
}

/// Returns the ConfigMap of a folder. Several services may mount the same folder, so the name contains the service,
/// unless the folder is named after it: `nginx` mounts the ConfigMap `nginx-<digest>` for the folder `nginx`, and
/// `backup-list` mounts `backup-list-backups-scripts-<digest>` for `backups/scripts`.
fn config_map(service: &ServiceName, source: &str, items: BTreeMap<String, ConfigFile>) -> ConfigMap {
    let digest = Digest::of(&json::to_canonical(&items));
    let path = source.replace('_', "-");
    let mut parts = path.split('/');
    let last_part = parts.clone().next_back().unwrap_or_default();
    // The last part of the path may be the end of the service's name: `postgres-setup` mounts `postgres/setup`.
    let is_named_after_service = parts.any(|part| part == service.as_str()) || service.as_str().ends_with(last_part);
    let prefix = if is_named_after_service { String::new() } else { format!("{service}-") };
    let name = format!("{prefix}{}-{}", path.replace('/', "-"), &digest.as_str()[..10]);
    ConfigMap { name, file: None, items }
}

/// The key of a ConfigMap with one file.
const FILE_KEY: &str = "file";
/// The maximum number of characters of a file's name in the name of its ConfigMap. Names of objects have at most 253
/// characters.
const MAX_FILE_NAME: usize = 100;

/// Returns the ConfigMap of one file. The name starts with the service, because its additional processes mount the same
/// file. File names may contain characters that are not allowed in names of objects.
fn config_of_file(service: &ServiceName, source: &str, text: String) -> ConfigMap {
    let allowed_character = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let file_name = source.rsplit('/').next().unwrap_or(source);
    let file_name: String = file_name.chars().map(allowed_character).take(MAX_FILE_NAME).collect();
    let items = BTreeMap::from([(FILE_KEY.to_owned(), ConfigFile { path: FILE_KEY.to_owned(), text })]);
    let digest = Digest::of(&json::to_canonical(&(source, &items)));
    let name = format!("{service}-{file_name}-{}", &digest.as_str()[..10]);
    ConfigMap { name, file: Some(FILE_KEY.to_owned()), items }
}

/// Returns the object of a ConfigMap. It is immutable, since changed content gets a different name.
pub fn config_map_object(config: &ConfigMap, metadata: Metadata) -> Object {
    let data = config.items.iter().map(|(key, file)| (key.clone(), file.text.clone())).collect();
    Object { api_version: "v1", kind: "ConfigMap", metadata, body: Body::Config { immutable: true, data } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    #[test]
    fn a_large_folder_is_divided() {
        let mut files = Artifacts::default();
        for name in ["a", "b/c", "b/d", "e"] {
            files.add(format!("nginx/{name}"), "x".repeat(300 << 10)).unwrap();
        }
        let configs = config_maps(&service("nginx"), "nginx", &files).unwrap();
        let keys: Vec<Vec<&str>> =
            configs.iter().map(|config| config.items.keys().map(String::as_str).collect()).collect();
        assert_eq!(keys, [vec!["a", "b..c"], vec!["b..d", "e"]]);
        assert_ne!(configs[0].name, configs[1].name);
        assert_eq!(configs[0].items["b..c"].path, "b/c");
    }

    #[test]
    fn services_with_the_same_folder_have_different_config_maps() {
        let mut files = Artifacts::default();
        files.add("backups/scripts/list.sh", "list").unwrap();
        let name = |owner: &str| config_maps(&service(owner), "backups/scripts", &files).unwrap()[0].name.clone();
        assert!(name("backup-list").starts_with("backup-list-backups-scripts-"));
        assert_ne!(name("backup-list"), name("backup"));
    }

    #[test]
    fn a_file_is_mounted_alone() {
        let mut files = Artifacts::default();
        files.add("files/orders/etc/My_App.d/dot-conf", "a").unwrap();
        files.add("files/orders/etc/My_App.d/dot-conf2", "b").unwrap();
        let configs = config_maps(&service("orders-worker"), "files/orders/etc/My_App.d/dot-conf", &files).unwrap();
        assert_eq!(configs.len(), 1);
        assert!(configs[0].name.starts_with("orders-worker-dot-conf-"), "{}", configs[0].name);
        assert_eq!((configs[0].items["file"].text.as_str(), configs[0].file.as_deref()), ("a", Some("file")));
    }

    #[test]
    fn a_file_that_is_not_text_is_refused() {
        let mut files = Artifacts::default();
        files.add("nginx/a", vec![0xff]).unwrap();
        assert!(config_maps(&service("nginx"), "nginx", &files).is_err());
    }
}
