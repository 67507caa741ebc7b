//! Outputs of the previous run that may be reused: a file whose derivation (the digest of everything that it is
//! generated from) is unchanged is neither rendered nor read nor written. This module defines the data, which `store`
//! provides and backends query.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Artifact, ArtifactPath, Artifacts, Content, Digest, StepInput};

/// A file that the manifest records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFile {
    pub digest: Digest,
    /// Digests of other contents that the manifest permits: that of the other branch after a merge, or the new one if a
    /// run stopped while it wrote.
    pub alternatives: Vec<Digest>,
    /// Set if the file on disk is unchanged since the last run.
    pub unchanged: Option<UnchangedFile>,
}

/// An unchanged file in the output folder, which is reused if its derivation is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnchangedFile {
    pub derivation: Digest,
    /// The size in bytes.
    pub size: u64,
}

/// The outputs of one environment that the last run recorded.
#[derive(Debug, Clone, Copy)]
pub struct Reusable<'a> {
    outputs: &'a BTreeMap<ArtifactPath, RecordedFile>,
    environment: &'a str,
}

impl<'a> Reusable<'a> {
    /// Returns the recorded outputs of an environment; `outputs` has all paths below the output folder.
    pub fn of_environment(outputs: &'a BTreeMap<ArtifactPath, RecordedFile>, environment: &'a str) -> Self {
        Reusable { outputs, environment }
    }

    /// Returns all files below these folders of the environment; `None` unless the last run wrote all of them from this
    /// input and they are unchanged since. Names of folders end with `/`.
    pub fn files(&self, folders: &[&str], input: &StepInput) -> Option<Artifacts> {
        let files_below = |folder: &&str| {
            let folder_path = ArtifactPath([self.environment, "/", folder].concat());
            let paths_after_folder =
                self.outputs.range::<ArtifactPath, _>((Bound::Excluded(&folder_path), Bound::Unbounded));
            let below = paths_after_folder.take_while(move |(path, _)| path.as_str().starts_with(folder_path.as_str()));
            // The paths of an artifact begin in the folder of the environment.
            below.map(|(path, file)| (&path.as_str()[self.environment.len() + 1..], file))
        };
        let recorded_files: Vec<_> = folders.iter().flat_map(files_below).collect();
        // The derivation contains the paths of all outputs, so a new or a missing file makes it differ.
        let derivation = input.derivation(recorded_files.iter().map(|(path, _)| *path));
        let artifacts = recorded_files.into_iter().map(|(path, file)| {
            let unchanged_file = file.unchanged.filter(|unchanged_file| unchanged_file.derivation == derivation)?;
            let content = Content::Reusable { digest: file.digest, size: unchanged_file.size };
            Some((ArtifactPath(path.to_owned()), Artifact { content, derivation }))
        });
        let artifacts: Vec<_> = artifacts.collect::<Option<_>>()?;
        (!artifacts.is_empty()).then_some(Artifacts(artifacts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Generator;

    const COMPOSE: Generator = Generator::named("compose");
    const KUBERNETES: Generator = Generator::named("kubernetes");

    /// Returns the recorded outputs of a step in the environment `prod`.
    fn step(input: &StepInput, names: &[&str]) -> BTreeMap<ArtifactPath, RecordedFile> {
        let derivation = input.derivation(names.iter().copied());
        let file = |name: &str| RecordedFile {
            digest: Digest::of(name.as_bytes()),
            alternatives: Vec::new(),
            unchanged: Some(UnchangedFile { derivation, size: 1 }),
        };
        names.iter().map(|name| (path(name), file(name))).collect()
    }

    fn path(name: &str) -> ArtifactPath {
        ArtifactPath::new(format!("prod/{name}")).unwrap()
    }

    #[test]
    fn a_folder_is_reused_as_a_whole_or_not_at_all() {
        let input = StepInput::of(COMPOSE, &"one");
        let mut outputs = step(&input, &["apps/a/x", "apps/a/y/z"]);
        outputs.extend(step(&input, &["apps/a-b/x"]));
        outputs.extend(step(&input, &["apps/b/x"]));
        let files = |outputs: &BTreeMap<_, _>, folder: &str, input: &StepInput| {
            Reusable::of_environment(outputs, "prod").files(&[&format!("{folder}/")], input)
        };
        let reusable = files(&outputs, "apps/a", &input).unwrap();
        assert_eq!(reusable.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["apps/a/x", "apps/a/y/z"]);
        for folder in ["apps/c", "app", "apps/a/x", "apps"] {
            assert_eq!(files(&outputs, folder, &input), None, "{folder}");
        }
        // A different environment, input and generator.
        assert_eq!(Reusable::of_environment(&outputs, "pro").files(&["apps/a/"], &input), None);
        assert_eq!(files(&outputs, "apps/a", &StepInput::of(COMPOSE, &"two")), None);
        assert_eq!(files(&outputs, "apps/a", &StepInput::of(KUBERNETES, &"one")), None);
        // A new file, a missing file, a changed file.
        let file = outputs[&path("apps/a/y/z")].clone();
        outputs.insert(path("apps/a/y/zz"), file.clone());
        assert_eq!(files(&outputs, "apps/a", &input), None);
        outputs.remove(&path("apps/a/y/zz"));
        outputs.remove(&path("apps/a/y/z"));
        assert_eq!(files(&outputs, "apps/a", &input), None);
        outputs.insert(path("apps/a/y/z"), file.clone());
        assert!(files(&outputs, "apps/a", &input).is_some());
        outputs.insert(path("apps/a/y/z"), RecordedFile { unchanged: None, ..file });
        assert_eq!(files(&outputs, "apps/a", &input), None);
        assert!(files(&outputs, "apps/b", &input).is_some());
    }
}
