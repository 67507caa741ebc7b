//! The ownership record: every output with its digest and derivation, one sorted line per file, so that
//! changes of two branches merge line by line.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use super::MANIFEST;
use super::state::read;
use crate::artifact::{ArtifactPath, Record};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;

/// What nself wrote, by path below the output folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    pub files: BTreeMap<ArtifactPath, Record>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    files: BTreeMap<ArtifactPath, Record>,
}

/// Readers refuse newer versions instead of guessing.
const VERSION: u32 = 1;

impl Manifest {
    /// The manifest of an output folder; empty when there is none.
    ///
    /// # Errors
    /// NS805 when it is damaged, newer or names a file that nself never generates, NS804 when it cannot be read, NS803
    /// when it is a link.
    pub fn read(out: &Root) -> Result<Self, Diagnostic> {
        read(out, MANIFEST)?.map_or_else(|| Ok(Manifest::default()), |text| Manifest::parse(&text))
    }

    /// The manifest in a file's bytes.
    ///
    /// # Errors
    /// NS805 when it is damaged, newer or names a file that nself never generates: it comes with the checkout, and what
    /// it names may be shown, replaced and deleted.
    pub fn parse(text: &[u8]) -> Result<Self, Diagnostic> {
        if let Some(line) = conflict(text) {
            return Err(Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{MANIFEST}:{line}: the conflict of a merge is not resolved"))
                .hint("resolve the stack, take either side here, look at `nself check`, then `nself gen --force`"));
        }
        let damaged = |why: String| {
            Diagnostic::error(Code::Manifest, FieldPath::root()).message(format!("{MANIFEST}: {why}")).hint(
                "restore it from version control; without it, files are adopted only when they equal what is generated",
            )
        };
        let stored: Stored = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        if stored.version != VERSION {
            return Err(damaged(format!("version {} is not version {VERSION}", stored.version)));
        }
        match stored.files.keys().find(|path| !path.is_generated()) {
            Some(path) => Err(not_ours(text, path)),
            None => Ok(Manifest { files: stored.files }),
        }
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(256 * (self.files.len() + 1));
        let _ = write!(text, "{{\n  \"version\": {VERSION},\n  \"files\": {{");
        for (i, (path, Record { derivation, digest, size })) in self.files.iter().enumerate() {
            let comma = if i > 0 { ",\n    \"" } else { "\n    \"" };
            // Canonical JSON: neither paths of artifacts nor digests need an escape.
            let (path, derivation, digest) = (path.as_str(), derivation.as_str(), digest.as_str());
            text.extend([
                comma,
                path,
                "\": {\"derivation\":\"",
                derivation,
                "\",\"digest\":\"",
                digest,
                "\",\"size\":",
            ]);
            let _ = write!(text, "{size}}}");
        }
        text.push_str("\n  }\n}\n");
        text.into_bytes()
    }
}

/// The finding for a path that nself never generates, at the manifest's line.
fn not_ours(text: &[u8], path: &ArtifactPath) -> Diagnostic {
    let key = format!("\"{path}\"");
    let line =
        text.split(|byte| *byte == b'\n').position(|line| line.windows(key.len()).any(|part| part == key.as_bytes()));
    let place = line.map_or_else(|| MANIFEST.to_owned(), |line| format!("{MANIFEST}:{}", line + 1));
    Diagnostic::error(Code::Manifest, FieldPath::root())
        .message(format!("{place}: `{path}` is no file that nself generates"))
        .expected("files of an environment, such as `local/compose.yaml`")
        .hint("remove the line, and ask who added it: nself shows, replaces and deletes what the manifest names")
}

/// The line, from 1, at which version control left a conflict.
pub fn conflict(text: &[u8]) -> Option<usize> {
    text.split(|byte| *byte == b'\n').position(|line| line.starts_with(b"<<<<<<< ")).map(|line| line + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::artifact::Digest;

    fn manifest() -> Manifest {
        let record = |text: &str| Record {
            derivation: Digest::of(b"d"),
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        };
        let path = |text: &str| ArtifactPath::new(text).unwrap();
        Manifest { files: BTreeMap::from([(path("local/nginx/b"), record("b")), (path("local/nginx/a"), record("a"))]) }
    }

    #[test]
    fn a_manifest_survives_the_round_trip_one_line_per_file() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join(MANIFEST), manifest().to_bytes()).unwrap();
        assert_eq!(Manifest::read(&Root::named(out.path())).unwrap(), manifest());
        assert_eq!(
            String::from_utf8(manifest().to_bytes()).unwrap().lines().filter(|line| line.contains("digest")).count(),
            2
        );
    }

    #[test]
    fn damaged_newer_and_escaping_manifests_are_refused() {
        let out = tempfile::tempdir().unwrap();
        let good = String::from_utf8(manifest().to_bytes()).unwrap();
        for bad in [
            "",
            "{}",
            &good[..good.len() / 2],
            &good.replace("\"version\": 1", "\"version\": 2"),
            &good.replace("local/nginx/a", "../nginx/a"),
            &good.replace(Digest::of(b"d").as_str(), "none"),
        ] {
            fs::write(out.path().join(MANIFEST), bad).unwrap();
            assert_eq!(Manifest::read(&Root::named(out.path())).unwrap_err().code, Code::Manifest, "{bad}");
        }
    }
}
