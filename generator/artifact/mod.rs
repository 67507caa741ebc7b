//! What a run produces: paths with bytes. A value, compared or written by `store`; nothing here does IO.

pub mod digest;
pub mod json;
pub mod reuse;
pub mod yaml;

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

pub use digest::{Digest, Sha256};
pub use reuse::{KeptFile, RecordedFile, Reusable};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{Checked, EnvironmentName};

/// All files that generators write beside the folders of an environment.
const FILES: [&str; 7] = [
    ".gitattributes",
    ".gitignore",
    "compose.yaml",
    "docker-bake.json",
    "fidelity.json",
    "health.json",
    "secrets.json",
];
/// All folders of an environment in which generators write.
const FOLDERS: [&str; 7] = ["acme", "hasura", "kubernetes", "migrations", "nginx", "pgbouncer", "postgres"];

/// A relative path with `/`, without `.`, `..`, empty or control parts, below the output folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// # Errors
    /// The reason why the path could leave the output folder or is not portable.
    pub fn new(path: impl Into<String>) -> Result<Self, String> {
        let path = path.into();
        let portable = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'@');
        for part in path.as_bytes().split(|c| *c == b'/') {
            if matches!(part, b"" | b"." | b"..") || !part.iter().all(|c| portable(*c)) {
                return Err(format!("{path:?} is not a portable relative path"));
            }
        }
        Ok(ArtifactPath(path))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether nself can generate a file of this path below the output folder: an environment, then a name that a
    /// generator writes. Secrets, `.env`, hidden files and whatever else lies there are never among them.
    pub fn is_generated(&self) -> bool {
        let mut parts = self.0.split('/');
        let (Some(environment), Some(first)) = (parts.next(), parts.next()) else { return false };
        let is_known = match parts.clone().next() {
            None => FILES.contains(&first),
            Some(_) => FOLDERS.contains(&first),
        };
        EnvironmentName::refusal(environment).is_none() && is_known && parts.all(|part| !part.starts_with('.'))
    }

    /// The first part: the environment, for a path below the output folder.
    pub fn top(&self) -> &str {
        self.0.split_once('/').map_or(self.as_str(), |(top, _)| top)
    }
}

impl TryFrom<String> for ArtifactPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        ArtifactPath::new(path)
    }
}

impl Borrow<str> for ArtifactPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ArtifactPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// What the file in the output folder holds: it has the same derivation, and is as it was left.
    Reusable {
        digest: Digest,
        size: u64,
    },
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub content: Content,
    /// The generator that made it, such as `nginx`.
    pub generator: &'static str,
    /// Identity of the step that made it: generator, its sources, the slice of the plan it read, the paths of all its
    /// outputs.
    pub derivation: Digest,
}

impl Artifact {
    /// The bytes, unless the file was kept; only `gen` keeps files.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Reusable { .. } => None,
        }
    }

    pub fn digest(&self) -> Digest {
        match &self.content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Reusable { digest, .. } => *digest,
        }
    }

    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Reusable { size, .. } => *size,
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/generators.rs"));

/// Every generator with the digest of its sources.
pub fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.iter().copied()
}

/// What a generator read: the part of the plan that decides its files.
#[derive(Debug, Clone)]
pub struct Slice {
    pub generator: &'static str,
    digest: Digest,
}

impl Slice {
    pub fn of(generator: &'static str, slice: &impl Serialize) -> Self {
        Slice { generator, digest: Digest::of_value(slice) }
    }

    /// A slice whose digest is known already.
    pub fn digested(generator: &'static str, digest: Digest) -> Self {
        Slice { generator, digest }
    }

    /// Identity of everything that is made from it.
    pub fn identity(&self) -> Digest {
        self.derivation([])
    }

    /// Identity of the step that makes these outputs.
    pub fn derivation<'a>(&self, outputs: impl IntoIterator<Item = &'a str>) -> Digest {
        let source = SOURCES.iter().find(|(name, _)| *name == self.generator).map(|(_, digest)| *digest);
        debug_assert!(
            source.is_some(),
            "`{}` is no folder of generator/backend: its sources are not digested",
            self.generator
        );
        // Canonical JSON: the keys are sorted, and nothing in the values needs an escape.
        let mut text = ["{\"generator\":\"", self.generator, "\",\"outputs\":["].concat();
        for (i, output) in outputs.into_iter().enumerate() {
            text.extend([if i > 0 { ",\"" } else { "\"" }, output, "\""]);
        }
        text.extend(["],\"slice\":\"", self.digest.as_str(), "\",\"source\":\"", source.unwrap_or_default(), "\"}"]);
        Digest::keyed("nself derivation v2", text.as_bytes())
    }
}

/// A set of files of one generator or several, in order of their paths; each path is written once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts(Vec<(ArtifactPath, Artifact)>);

impl Artifacts {
    /// # Errors
    /// NS901 when the path is not portable or already taken: two generators disagree.
    pub fn add(
        &mut self,
        generator: &'static str,
        path: impl Into<String>,
        text: impl Into<Vec<u8>>,
    ) -> Result<(), Diagnostic> {
        let internal = |message: String| Diagnostic::error(Code::Internal, FieldPath::root()).message(message);
        let path = ArtifactPath::new(path).map_err(internal)?;
        let content = Content::Bytes(text.into());
        let artifact = Artifact { content, generator, derivation: Digest::default() };
        match self.at(path.as_str()) {
            Ok(i) => Err(taken(&path, &self.0[i].1, &artifact)),
            Err(i) => {
                self.0.insert(i, (path, artifact));
                Ok(())
            }
        }
    }

    /// These are the outputs of one step.
    #[must_use]
    pub fn derived_from(mut self, slice: &Slice) -> Self {
        let derivation = slice.derivation(self.0.iter().map(|(path, _)| path.as_str()));
        self.0.iter_mut().for_each(|(_, artifact)| artifact.derivation = derivation);
        self
    }

    /// Adds all files of `other` below `folder`, the name of an environment.
    ///
    /// # Errors
    /// NS901 when a path is taken already, or is none that a manifest may name; then nothing is left.
    pub fn merge(&mut self, folder: Option<&str>, other: Artifacts) -> Result<(), Diagnostic> {
        let below = |path: ArtifactPath| match folder {
            Some(folder) => ArtifactPath([folder, "/", path.as_str()].concat()),
            None => path,
        };
        let unknown = |(path, _): &&(ArtifactPath, Artifact)| folder.is_some() && !below(path.clone()).is_generated();
        if let Some((path, artifact)) = other.0.iter().find(unknown) {
            let message = format!("{path} of {} is not among the files that a manifest may name", artifact.generator);
            return Err(Diagnostic::error(Code::Internal, FieldPath::root()).message(message));
        }
        self.0.extend(other.0.into_iter().map(|(path, artifact)| (below(path), artifact)));
        *self = Artifacts::of(std::mem::take(&mut self.0))?;
        Ok(())
    }

    /// All files of these sets.
    ///
    /// # Errors
    /// NS901 when two of them have the same path.
    pub fn collect(sets: impl IntoIterator<Item = Artifacts>) -> Result<Self, Diagnostic> {
        Artifacts::of(sets.into_iter().flat_map(|set| set.0).collect())
    }

    fn of(mut files: Vec<(ArtifactPath, Artifact)>) -> Result<Self, Diagnostic> {
        // Runs that are sorted already are only joined.
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        match files.windows(2).find(|two| two[0].0 == two[1].0) {
            Some(two) => Err(taken(&two[0].0, &two[0].1, &two[1].1)),
            None => Ok(Artifacts(files)),
        }
    }

    /// Where a path is, or would be.
    fn at(&self, path: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(path))
    }

    pub fn get(&self, path: &str) -> Option<&Artifact> {
        self.at(path).ok().map(|i| &self.0[i].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ArtifactPath, &Artifact)> {
        self.0.iter().map(|(path, artifact)| (path, artifact))
    }

    /// Files below a folder, in order of their paths.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a ArtifactPath, &'a Artifact)> {
        self.iter().filter(move |(path, _)| path.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

fn taken(path: &ArtifactPath, one: &Artifact, other: &Artifact) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root())
        .message(format!("{path} is written by {} and by {}", one.generator, other.generator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_output_folder() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "a b", "a\\b", "a\u{0}"] {
            assert!(ArtifactPath::new(bad).is_err(), "{bad:?}");
        }
        assert!(ArtifactPath::new("nginx/sites/api.example.com.conf").is_ok());
    }

    #[test]
    fn a_path_is_written_once() {
        let mut files = Artifacts::default();
        files.add("one", "a", "1").unwrap();
        assert_eq!(files.add("two", "a", "1").unwrap_err().code, Code::Internal);
        assert_eq!(files.clone().merge(None, files.clone()).unwrap_err().code, Code::Internal);
        files.add("one", "nginx/a", "1").unwrap();
        let mut whole = Artifacts::default();
        assert_eq!(whole.merge(Some("local"), files.clone()).unwrap_err().code, Code::Internal);
        files.0.remove(0);
        whole.merge(Some("local"), files.clone()).unwrap();
        assert_eq!(whole.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["local/nginx/a"]);
    }

    #[test]
    fn a_manifest_names_only_what_generators_write() {
        let is_generated = |path: &str| ArtifactPath::new(path).unwrap().is_generated();
        for good in ["local/compose.yaml", "prod/nginx/sites/api.conf", "local/.gitignore", "local/kubernetes/a/b.yaml"]
        {
            assert!(is_generated(good), "{good}");
        }
        for bad in [
            "local/.env",
            "local/secrets/key",
            "local/.env.local",
            "local/data/x",
            "local/nginx",
            "local/compose.yaml/x",
            "local/nginx/.env",
            "local/nginx/.git/config",
            ".git/config",
            "compose.yaml",
            "Local/compose.yaml",
            "local/notes.txt",
            "local/secrets.json/x",
            "local/.gitignore/x",
        ] {
            assert!(!is_generated(bad), "{bad}");
        }
    }
}
