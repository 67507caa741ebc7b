//! The manifest: one sorted line for each output, with the digest of its bytes and its path, in the format of `b3sum`.
//! The manifest contains no other data, so a changed file changes one line, and git merges the manifest by line: the
//! `.gitattributes` of the output folder selects the union of both sides. A path that two branches changed has two
//! digests until the next run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::output_file::{MANIFEST, read};
use crate::artifact::{ArtifactPath, Digest};
use crate::backend::Backend;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;

/// The first line of the manifest while files are being written. Until it is removed, each file may have its old or its
/// new content.
const WRITING: &str = "# nself is writing";

/// The files that nself wrote, by their path below the output folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    pub files: BTreeMap<ArtifactPath, Digest>,
    /// Additional digests of a path: after a merge, and while a run writes.
    pub alternatives: BTreeMap<ArtifactPath, Vec<Digest>>,
    /// Set if the run that wrote the manifest did not finish.
    pub is_unfinished: bool,
}

impl Manifest {
    /// Reads the manifest of an output folder; empty if there is none.
    ///
    /// # Errors
    /// NS805 if it is damaged or names a file that nself never generates, NS804 if it cannot be read, NS803 if it is a
    /// symbolic link.
    pub fn read(out: &Root) -> Result<Self, Diagnostic> {
        read(out, MANIFEST)?.map_or_else(|| Ok(Manifest::default()), |text| Manifest::parse(&text))
    }

    /// Reads a manifest from its bytes. Conflict markers of version control are skipped.
    ///
    /// # Errors
    /// NS805 if the manifest is damaged or names a file that nself never generates. Everyone who can commit can edit
    /// the manifest, and nself replaces and deletes the files in it.
    pub fn parse(text: &[u8]) -> Result<Self, Diagnostic> {
        let text = canonical(text);
        let text = std::str::from_utf8(&text).map_err(|_| damaged_manifest("it is not UTF-8 text"))?;
        let mut manifest = Manifest::default();
        for (i, line) in text.lines().enumerate() {
            if line == WRITING {
                manifest.is_unfinished = true;
            } else if !is_conflict_mark(line) {
                let (digest, path) =
                    parse_line(line).map_err(|reason| damaged_manifest(&format!("line {}: {reason}", i + 1)))?;
                if Backend::of_output(&path).is_none() {
                    return Err(not_generated(i + 1, &path));
                }
                manifest.add(path, digest);
            }
        }
        Ok(manifest)
    }

    /// Adds a line of the manifest. A second digest of a path becomes an alternative.
    fn add(&mut self, path: ArtifactPath, digest: Digest) {
        match self.files.entry(path) {
            Entry::Vacant(entry) => {
                entry.insert(digest);
            }
            Entry::Occupied(entry) if *entry.get() == digest => {}
            Entry::Occupied(entry) => {
                let digests = self.alternatives.entry(entry.key().clone()).or_default();
                if !digests.contains(&digest) {
                    digests.push(digest);
                }
            }
        }
    }

    /// Returns the manifest if it has exactly one digest for each file.
    ///
    /// # Errors
    /// NS805 after a merge of two branches that changed the same file, and after a run that did not finish.
    pub fn without_conflicts(self) -> Result<Self, Diagnostic> {
        if self.alternatives.is_empty() && !self.is_unfinished {
            return Ok(self);
        }
        let reason = match self.alternatives.keys().next() {
            Some(path) if !self.is_unfinished => {
                format!("two branches changed {path}, and `nself gen` has not run since the merge")
            }
            _ => "the run that wrote it did not finish".to_owned(),
        };
        Err(Diagnostic::error(Code::Manifest, FieldPath::root())
            .message(format!("{MANIFEST}: {reason}"))
            .hint("run `nself gen`: it writes the files and the manifest"))
    }

    /// Returns the bytes of the manifest's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(128 * self.files.len());
        self.files.iter().for_each(|(path, digest)| push_line(&mut text, path, digest));
        text.into_bytes()
    }

    /// Returns the bytes of the manifest while a run replaces the files of `old` with the files of `self`: both digests of
    /// each file, below a first line that marks the run as unfinished.
    pub(super) fn to_bytes_while_writing<'a>(
        &self,
        old: impl Iterator<Item = (&'a ArtifactPath, &'a Digest)>,
    ) -> Vec<u8> {
        let mut text = format!("{WRITING}\n");
        for (path, digest) in old {
            push_line(&mut text, path, digest);
        }
        text.push_str(&String::from_utf8_lossy(&self.to_bytes()));
        text.into_bytes()
    }
}

/// Appends the line of one file: its digest, two spaces and its path.
fn push_line(text: &mut String, path: &ArtifactPath, digest: &Digest) {
    text.extend([digest.as_str(), "  ", path.as_str(), "\n"]);
}

/// Parses a line that [`push_line`] wrote; the error is the reason as a sentence about the line.
fn parse_line(line: &str) -> Result<(Digest, ArtifactPath), String> {
    let (digest, path) = line.split_once("  ").ok_or("it is not a digest, two spaces and a path")?;
    Ok((digest.parse()?, ArtifactPath::new(path)?))
}

/// Returns whether a line is one of the markers that git writes into a file with a conflict.
fn is_conflict_mark(line: &str) -> bool {
    ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark))
}

/// Returns the bytes with the line ends that nself writes, even if git converted them (`core.autocrlf`).
pub(super) fn canonical(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\r') {
        return Cow::Borrowed(text);
    }
    let mut canonical_text = Vec::with_capacity(text.len());
    for (i, byte) in text.iter().enumerate() {
        if !(*byte == b'\r' && text.get(i + 1) == Some(&b'\n')) {
            canonical_text.push(*byte);
        }
    }
    Cow::Owned(canonical_text)
}

/// Returns the error for a manifest that cannot be read.
fn damaged_manifest(reason: &str) -> Diagnostic {
    Diagnostic::error(Code::Manifest, FieldPath::root())
        .message(format!("{MANIFEST}: {reason}"))
        .hint("restore it from version control; without the manifest, nself does not overwrite files that differ from the generated ones")
}

/// Returns the finding for a path that nself never generates.
fn not_generated(line: usize, path: &ArtifactPath) -> Diagnostic {
    Diagnostic::error(Code::Manifest, FieldPath::root())
        .message(format!("{MANIFEST}:{line}: nself never generates `{path}`"))
        .expected("files of an environment, such as `local/compose.yaml`")
        .hint(
            "remove the line, and find out who added it: nself replaces and deletes the files that the manifest names",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ArtifactPath {
        ArtifactPath::new(text).unwrap()
    }

    fn manifest() -> Manifest {
        let files = ["local/nginx/b", "local/nginx/a"].map(|name| (path(name), Digest::of(name.as_bytes())));
        Manifest { files: files.into(), ..Manifest::default() }
    }

    fn text() -> String {
        String::from_utf8(manifest().to_bytes()).unwrap()
    }

    #[test]
    fn a_manifest_survives_the_round_trip_with_one_sorted_line_per_file() {
        assert_eq!(Manifest::parse(text().as_bytes()).unwrap(), manifest());
        let (a, b) = (Digest::of(b"local/nginx/a"), Digest::of(b"local/nginx/b"));
        assert_eq!(text(), format!("{a}  local/nginx/a\n{b}  local/nginx/b\n"));
        let windows = text().replace('\n', "\r\n");
        assert_eq!(Manifest::parse(windows.as_bytes()).unwrap(), manifest());
        assert_eq!(Manifest::parse(b"").unwrap(), Manifest::default());
    }

    #[test]
    fn damaged_manifests_and_paths_outside_are_refused() {
        for damaged_text in [
            "{}".to_owned(),
            text()[..text().len() - 20].to_owned() + "..",
            text().replace("local/nginx/a", "../nginx/a"),
            text().replace("local/nginx/a", "local/.env"),
            text().replace("  ", " "),
            text().replacen(Digest::of(b"local/nginx/a").as_str(), "none", 1),
        ] {
            assert_eq!(Manifest::parse(damaged_text.as_bytes()).unwrap_err().code, Code::Manifest, "{damaged_text}");
        }
        assert_eq!(Manifest::parse(b"\xff").unwrap_err().code, Code::Manifest);
    }

    #[test]
    fn a_merge_keeps_every_digest_of_a_path() {
        let (ours, theirs) = (Digest::of(b"ours"), Digest::of(b"theirs"));
        let union = format!("{ours}  local/compose.yaml\n{theirs}  local/compose.yaml\n");
        let conflict =
            format!("<<<<<<< HEAD\n{ours}  local/compose.yaml\n=======\n{theirs}  local/compose.yaml\n>>>>>>> other\n");
        for merged_text in [union, conflict] {
            let merged = Manifest::parse(merged_text.as_bytes()).unwrap();
            assert_eq!(merged.files[&path("local/compose.yaml")], ours);
            assert_eq!(merged.alternatives[&path("local/compose.yaml")], [theirs]);
            assert_eq!(merged.without_conflicts().unwrap_err().code, Code::Manifest);
        }
        assert_eq!(manifest().without_conflicts().unwrap(), manifest());
    }

    #[test]
    fn a_manifest_of_an_unfinished_run_has_the_old_and_the_new_digest() {
        let old = BTreeMap::from([(path("local/nginx/a"), Digest::of(b"old")), (path("local/gone"), Digest::of(b"x"))]);
        let old = old.iter().filter(|(path, _)| Backend::of_output(path).is_some());
        let bytes = manifest().to_bytes_while_writing(old);
        let parsed = Manifest::parse(&bytes).unwrap();
        assert!(parsed.is_unfinished && parsed.clone().without_conflicts().is_err());
        assert_eq!(parsed.files[&path("local/nginx/a")], Digest::of(b"old"));
        assert_eq!(parsed.alternatives[&path("local/nginx/a")], [Digest::of(b"local/nginx/a")]);
    }
}
