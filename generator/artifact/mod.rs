//! Generated files as values: paths with bytes. `store` compares and writes them; this module does no IO.
//!
//! A step is the generation of some files by one generator from one part of the plan. Its derivation is a digest of all
//! that determines these files, so files with an unchanged derivation need not be generated again.

pub mod digest;
mod generator;
pub mod json;
pub mod mode;
pub mod reuse;
pub mod yaml;

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

pub use digest::{Digest, Sha256};
pub use generator::Generator;
pub use reuse::{RecordedFile, Reusable, UnchangedFile};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::folders::is_below_folder;

/// A relative path below the output folder. Its parts are separated by `/`; none is empty, `.` or `..`, and they
/// consist of letters, digits and `._-+@`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// Checks a path.
    ///
    /// # Errors
    /// The reason why the path could leave the output folder or is not portable.
    pub fn new(path: impl Into<String>) -> Result<Self, String> {
        let path = path.into();
        let is_portable = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'@');
        for part in path.as_bytes().split(|c| *c == b'/') {
            if matches!(part, b"" | b"." | b"..") || !part.iter().all(|c| is_portable(*c)) {
                return Err(format!("{path:?} is not a portable relative path"));
            }
        }
        Ok(ArtifactPath(path))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first part of the path. If the path begins in the output folder, this is the environment.
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

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// The content of the unchanged file in the output folder, which has the same derivation.
    Reusable {
        digest: Digest,
        size: u64,
    },
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub content: Content,
    /// The identity of the step that wrote the file, see [`StepInput::derivation`]. Until [`Artifacts::derived_from`]
    /// sets it, it is the digest of no bytes.
    pub derivation: Digest,
}

impl Artifact {
    /// Returns the bytes; `None` for a reused file. Only `gen` reuses files.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Reusable { .. } => None,
        }
    }

    /// Returns the digest of the file's bytes.
    pub fn digest(&self) -> Digest {
        match &self.content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Reusable { digest, .. } => *digest,
        }
    }

    /// Returns the number of the file's bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Reusable { size, .. } => *size,
        }
    }
}

/// The input of one step: a generator, and the digest of the part of the plan from which it generates files.
#[derive(Debug, Clone)]
pub struct StepInput {
    generator: Generator,
    part_digest: Digest,
}

impl StepInput {
    /// Returns the input of a generator that reads this part of the plan.
    pub fn of(generator: Generator, part: &impl Serialize) -> Self {
        StepInput::from_digest(generator, Digest::of_value(part))
    }

    /// Returns the input whose part of the plan has this digest.
    pub fn from_digest(generator: Generator, part_digest: Digest) -> Self {
        StepInput { generator, part_digest }
    }

    /// Returns the digest of everything that the step reads: the generator with its sources, and its part of the plan.
    pub fn input_digest(&self) -> Digest {
        self.derivation([])
    }

    /// Returns the identity of the step that writes these outputs: a digest of the generator, its sources, the part of
    /// the plan that it reads, and the paths of all outputs.
    pub fn derivation<'a>(&self, outputs: impl IntoIterator<Item = &'a str>) -> Digest {
        // Canonical JSON: the keys are sorted, and none of the values needs an escape.
        let mut text = ["{\"generator\":\"", self.generator.name(), "\",\"outputs\":["].concat();
        for (i, output) in outputs.into_iter().enumerate() {
            text.extend([if i > 0 { ",\"" } else { "\"" }, output, "\""]);
        }
        text.extend([
            "],\"slice\":\"",
            self.part_digest.as_str(),
            "\",\"source\":\"",
            self.generator.source_digest(),
            "\"}",
        ]);
        Digest::keyed("nself derivation v2", text.as_bytes())
    }
}

/// A set of files in the order of their paths. No two files have the same path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts(Vec<(ArtifactPath, Artifact)>);

impl Artifacts {
    /// Adds a file.
    ///
    /// # Errors
    /// NS901 if the path is not portable or already in the set.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Vec<u8>>) -> Result<(), Diagnostic> {
        let path = ArtifactPath::new(path).map_err(internal_error)?;
        let content = Content::Bytes(text.into());
        let artifact = Artifact { content, derivation: Digest::default() };
        match self.index_of(path.as_str()) {
            Ok(_) => Err(duplicate_path(&path)),
            Err(index) => {
                self.0.insert(index, (path, artifact));
                Ok(())
            }
        }
    }

    /// Sets the derivation of all files, which are the outputs of one step.
    #[must_use]
    pub fn derived_from(mut self, input: &StepInput) -> Self {
        let derivation = input.derivation(self.0.iter().map(|(path, _)| path.as_str()));
        self.0.iter_mut().for_each(|(_, artifact)| artifact.derivation = derivation);
        self
    }

    /// Adds all files of `other`; with a `folder`, the name of an environment, below this folder.
    ///
    /// # Errors
    /// NS901 if a path is already in the set. The set is then empty.
    pub fn merge(&mut self, folder: Option<&str>, other: Artifacts) -> Result<(), Diagnostic> {
        let path_in_folder = |path: ArtifactPath| match folder {
            Some(folder) => ArtifactPath([folder, "/", path.as_str()].concat()),
            None => path,
        };
        self.0.extend(other.0.into_iter().map(|(path, artifact)| (path_in_folder(path), artifact)));
        *self = Artifacts::of(std::mem::take(&mut self.0))?;
        Ok(())
    }

    /// Returns the files of all sets.
    ///
    /// # Errors
    /// NS901 if two files have the same path.
    pub fn collect(sets: impl IntoIterator<Item = Artifacts>) -> Result<Self, Diagnostic> {
        Artifacts::of(sets.into_iter().flat_map(|set| set.0).collect())
    }

    /// Returns the set of these files, which may be in any order.
    ///
    /// # Errors
    /// NS901 if two files have the same path.
    fn of(mut files: Vec<(ArtifactPath, Artifact)>) -> Result<Self, Diagnostic> {
        // The files are a few sorted sets in sequence, and the sort algorithm merges sorted runs in linear time.
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        match files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(duplicate_path(&pair[0].0)),
            None => Ok(Artifacts(files)),
        }
    }

    /// Returns the index of a path, or the index at which it would be inserted.
    fn index_of(&self, path: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(file_path, _)| file_path.as_str().cmp(path))
    }

    /// Returns the file with this path; `None` if the set has none.
    pub fn get(&self, path: &str) -> Option<&Artifact> {
        self.index_of(path).ok().map(|i| &self.0[i].1)
    }

    /// Returns the first path of the set that is equal to `path` or after it in the order of strings.
    pub fn first_from(&self, path: &str) -> Option<&ArtifactPath> {
        let (Ok(i) | Err(i)) = self.index_of(path);
        self.0.get(i).map(|(path, _)| path)
    }

    /// Returns all files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&ArtifactPath, &Artifact)> {
        self.0.iter().map(|(path, artifact)| (path, artifact))
    }

    /// Returns the file with this path, or the files below the folder with this path.
    pub fn files_at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a ArtifactPath, &'a Artifact)> {
        let file = self.index_of(path).ok().map(|i| (&self.0[i].0, &self.0[i].1));
        file.into_iter().chain(self.files_under(path))
    }

    /// Returns the files below a folder, in order of their paths.
    pub fn files_under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a ArtifactPath, &'a Artifact)> {
        // The paths that begin with `folder/` follow each other.
        let (Ok(start) | Err(start)) = self.index_of(&[folder, "/"].concat());
        let files_from_start = self.0[start..].iter().map(|(path, artifact)| (path, artifact));
        files_from_start.take_while(move |(path, _)| is_below_folder(&path.0, folder))
    }
}

/// Returns the error for a path that two files have.
fn duplicate_path(path: &ArtifactPath) -> Diagnostic {
    internal_error(format!("{path} is written twice"))
}

fn internal_error(message: String) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_output_folder() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "a b", "a\\b", "a\u{0}"] {
            assert!(ArtifactPath::new(path).is_err(), "{path:?}");
        }
        assert!(ArtifactPath::new("nginx/sites/api.example.com.conf").is_ok());
    }

    #[test]
    fn files_under_a_folder_are_those_below_it() {
        let mut files = Artifacts::default();
        for path in ["a", "a-b/c", "a.b", "a/b", "a/b/c", "a0/b", "b/a/c"] {
            files.add(path, "").unwrap();
        }
        let paths = |folder| files.files_at(folder).map(|(path, _)| path.as_str()).collect::<Vec<_>>();
        assert_eq!(paths("a"), ["a", "a/b", "a/b/c"]);
        assert_eq!(paths("a/b"), ["a/b", "a/b/c"]);
        assert_eq!(paths("a-b"), ["a-b/c"]);
        assert!(["", "c", "b/a/c/d"].into_iter().all(|folder| paths(folder).is_empty()));
    }

    #[test]
    fn a_path_cannot_be_written_twice() {
        let mut files = Artifacts::default();
        files.add("a", "1").unwrap();
        assert_eq!(files.add("a", "1").unwrap_err().code, Code::Internal);
        assert_eq!(files.clone().merge(None, files.clone()).unwrap_err().code, Code::Internal);
        let mut merged = Artifacts::default();
        merged.merge(Some("local"), files.clone()).unwrap();
        assert_eq!(merged.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["local/a"]);
        assert_eq!(merged.merge(Some("local"), files).unwrap_err().code, Code::Internal);
    }
}
