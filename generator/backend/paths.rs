//! Which paths the generators can write below the output folder. A set from a registry, or the manifest of an untrusted
//! checkout, names paths, too; what is never generated is neither written, deleted nor published for them.

use crate::artifact::ArtifactPath;
use crate::stack::{Checked, EnvironmentName};

/// Files of an environment.
const FILES: [&str; 5] = ["compose.yaml", "docker-bake.json", "fidelity.json", "health.json", "secrets.json"];
/// Folders of an environment.
const FOLDERS: [&str; 7] = ["acme", "hasura", "kubernetes", "migrations", "nginx", "pgbouncer", "postgres"];
/// Hidden files of an environment, with all that they ever hold.
const HIDDEN: [(&str, &str); 2] = [(".gitattributes", "* -text\n"), (".gitignore", "/.env\n/secrets/\n")];

/// Whether a generator can write a file at this path, and, for hidden files, with this content.
pub fn is_generated(path: &ArtifactPath, content: Option<&[u8]>) -> bool {
    let Some((environment, file)) = path.as_str().split_once('/') else { return false };
    if EnvironmentName::refusal(environment).is_some() {
        return false;
    }
    if let Some((_, text)) = HIDDEN.iter().find(|(name, _)| *name == file) {
        return content.is_none_or(|content| content == text.as_bytes());
    }
    match file.split_once('/') {
        None => FILES.contains(&file),
        Some((folder, below)) => FOLDERS.contains(&folder) && !below.split('/').any(|part| part.starts_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_golden_stacks_give_is_generated_and_private_files_are_not() {
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let mut seen = std::collections::BTreeSet::new();
        for entry in walkdir::WalkDir::new(&golden).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file())
        {
            let path = entry.path().strip_prefix(&golden).unwrap().to_str().unwrap();
            let Some((_, inside)) = path.split_once("/out/") else { continue };
            let parts: Vec<&str> = inside.split('/').collect();
            if parts.len() < 2 || parts[1] == "secrets" || parts[1] == ".env" {
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(is_generated(&ArtifactPath::new(inside).unwrap(), Some(&bytes)), "{path}");
            seen.insert(parts[1].to_owned());
        }
        let all = FILES.iter().chain(&FOLDERS).copied().chain(HIDDEN.iter().map(|(name, _)| *name));
        assert_eq!(seen, all.map(str::to_owned).collect(), "each of them is in a golden stack");
        for path in [
            "prod/.env",
            "prod/secrets/x",
            "prod/.ssh/config",
            "prod/nginx/.htaccess",
            ".git/config",
            "prod/other.yaml",
            "prod/compose.override.yaml",
            "prod/compose.yaml/x",
            "compose.yaml",
            "PROD/compose.yaml",
            "prod/nginx",
            "prod/.gitignore/x",
            "nself.manifest.json",
            ".nself/prod/compose.yaml",
            "prod/kubernetes/a/.git/config",
        ] {
            assert!(!is_generated(&ArtifactPath::new(path).unwrap(), None), "{path}");
        }
        let ignore = ArtifactPath::new("prod/.gitignore").unwrap();
        assert!(is_generated(&ignore, Some(b"/.env\n/secrets/\n")) && !is_generated(&ignore, Some(b"!/.env\n")));
    }
}
