//! Generated files inside pods: ConfigMaps named after their content, so that a change rolls out and nothing else
//! does. A folder is cut into parts that the API server takes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Body, Metadata, Object};
use crate::artifact::{Artifacts, Digest, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Service;

/// Bytes of a part; the API server takes objects of 1 MiB, etcd requests of 1.5 MiB.
const LARGEST: usize = 768 << 10;

/// A ConfigMap: keys, and the files behind them.
pub struct Part {
    pub name: String,
    pub items: BTreeMap<String, File>,
}

#[derive(Serialize)]
pub struct File {
    /// Below the mounted folder.
    pub path: String,
    pub text: String,
}

/// The parts of every folder that a service mounts.
///
/// # Errors
/// NS901 for files that are no text, or whose keys clash.
pub fn of(service: &Service, files: &Artifacts) -> Result<BTreeMap<String, Vec<Part>>, Diagnostic> {
    let sources = service.config.iter().map(|config| &config.source);
    sources.map(|source| Ok((source.clone(), parts(source, files)?))).collect()
}

fn parts(source: &str, files: &Artifacts) -> Result<Vec<Part>, Diagnostic> {
    let internal = |message: String| Diagnostic::error(Code::Internal, FieldPath::root()).message(message);
    let mut parts = Vec::new();
    let mut items = BTreeMap::new();
    let mut size = 0;
    for (path, artifact) in files.under(source) {
        let path = path.as_str()[source.len() + 1..].to_owned();
        let text = artifact.bytes().and_then(|bytes| String::from_utf8(bytes.to_owned()).ok());
        let text = text.ok_or_else(|| internal(format!("{path} is no text")))?;
        // A key has no `/`; two dots in a row do not occur in the paths of artifacts.
        let key = path.replace('/', "..");
        if size > 0 && size + text.len() > LARGEST {
            parts.push(part(source, std::mem::take(&mut items)));
            size = 0;
        }
        size += text.len() + key.len();
        if items.insert(key, File { path: path.clone(), text }).is_some() {
            return Err(internal(format!("two files below {source} have the key of {path}")));
        }
    }
    parts.push(part(source, items));
    Ok(parts)
}

fn part(source: &str, items: BTreeMap<String, File>) -> Part {
    let digest = Digest::of(&json::to_canonical(&items));
    Part { name: format!("{}-{}", source.replace(['/', '_'], "-"), &digest.as_str()[..10]), items }
}

/// The ConfigMap of a part; its content never changes under its name.
pub fn object(part: &Part, metadata: Metadata) -> Object {
    let data = part.items.iter().map(|(key, file)| (key.clone(), file.text.clone())).collect();
    Object { api_version: "v1", kind: "ConfigMap", metadata, body: Body::Config { immutable: true, data } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_folder_is_cut_into_parts() {
        let mut files = Artifacts::default();
        for name in ["a", "b/c", "b/d", "e"] {
            files.add(format!("nginx/{name}"), "x".repeat(300 << 10)).unwrap();
        }
        let parts = parts("nginx", &files).unwrap();
        let keys: Vec<Vec<&str>> = parts.iter().map(|part| part.items.keys().map(String::as_str).collect()).collect();
        assert_eq!(keys, [vec!["a", "b..c"], vec!["b..d", "e"]]);
        assert_ne!(parts[0].name, parts[1].name);
        assert_eq!(parts[0].items["b..c"].path, "b/c");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let mut files = Artifacts::default();
        files.add("nginx/a", vec![0xff]).unwrap();
        assert!(parts("nginx", &files).is_err());
    }
}
