//! Environments of the output folder that the stack no longer has, such as one that was renamed. A run for all environments
//! deletes their files.

use crate::artifact::ArtifactPath;
use crate::backend::compose;
use crate::diagnostic::Diagnostic;
use crate::files::{EntryKind, FileKind, Root};
use crate::source::Environment;
use crate::store::Manifest;

/// The start of the name of the file with the namespace of an environment on a cluster.
const NAMESPACE_FILE: &str = "kubernetes/namespace/namespace-";

/// Returns a warning for each environment with volumes that the output folder has and the stack does not. `environments`
/// are those of the stack.
pub fn warnings(out: &Root, environments: &[Environment]) -> Vec<Diagnostic> {
    let Ok(Some(folder)) = out.open() else { return Vec::new() };
    let entries = folder.list().unwrap_or_default();
    let folders = entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
    let names = folders.filter_map(|entry| entry.name.into_string().ok());
    let is_declared = |name: &String| environments.iter().any(|environment| environment.name.as_str() == name);
    let removed: Vec<String> = names.filter(|name| !is_declared(name)).collect();
    if removed.is_empty() {
        return Vec::new();
    }
    // Other folders may have a `compose.yaml` that nself did not write.
    let Ok(manifest) = Manifest::read(out) else { return Vec::new() };
    let findings = removed.iter().filter_map(|environment| {
        let path = ArtifactPath::new(format!("{environment}/{}", compose::FILE)).ok()?;
        manifest.files.get(&path)?;
        let file = out.read(path.as_str(), FileKind::Output).ok()??;
        let prefix = format!("{environment}/{NAMESPACE_FILE}");
        let mut paths = manifest.files.keys();
        let namespace = paths.find_map(|path| path.as_str().strip_prefix(&prefix)?.strip_suffix(".yaml"));
        let mut finding = compose::removed_environment(environment, &String::from_utf8_lossy(&file), namespace)?;
        if let Some(environment) = environments.first() {
            environment.origins.locate(&mut finding);
        }
        Some(finding)
    });
    findings.collect()
}
