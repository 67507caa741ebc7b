//! Files that lie in the output folder as an earlier run of this very program left them. What has the same derivation
//! as then is neither rendered nor read nor written. A value: `store` finds out, generators only ask.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::{Artifact, ArtifactPath, Artifacts, Content, Digest, Slice};

/// What is recorded of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub derivation: Digest,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// A file that the last run recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub record: Record,
    /// Whether it is still as it was left.
    pub untouched: bool,
}

/// Every output that the last run recorded, by its path below the output folder, as one environment sees them.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    outputs: &'a BTreeMap<ArtifactPath, Left>,
    environment: &'a str,
}

impl<'a> Kept<'a> {
    pub fn below(outputs: &'a BTreeMap<ArtifactPath, Left>, environment: &'a str) -> Self {
        Kept { outputs, environment }
    }

    /// All files of a folder, when all that the last run wrote there came from this slice and is as it was left.
    pub fn files(&self, folder: &str, slice: &Slice) -> Option<Artifacts> {
        let first = ArtifactPath(format!("{}/{folder}/", self.environment));
        let rest = self.outputs.range::<ArtifactPath, _>((Bound::Excluded(&first), Bound::Unbounded));
        let below = rest.take_while(|(path, _)| path.as_str().starts_with(first.as_str()));
        let below = below.map(|(path, left)| (&path.as_str()[self.environment.len() + 1..], left));
        let derivation = slice.derivation(below.clone().map(|(path, _)| path));
        let files = below.map(|(path, Left { record, untouched })| {
            let content = Content::Kept { digest: record.digest, size: record.size };
            let same = *untouched && record.derivation == derivation;
            let file = Artifact { content, generator: slice.generator, derivation };
            same.then(|| (ArtifactPath(path.to_owned()), file))
        });
        let files: Vec<_> = files.collect::<Option<_>>()?;
        (!files.is_empty()).then_some(Artifacts(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a step left in the environment `prod`.
    fn step(slice: &Slice, names: &[&str]) -> BTreeMap<ArtifactPath, Left> {
        let derivation = slice.derivation(names.iter().copied());
        let left = |name: &str| Left {
            record: Record { derivation, digest: Digest::of(name.as_bytes()), size: 1 },
            untouched: true,
        };
        names.iter().map(|name| (path(name), left(name))).collect()
    }

    fn path(name: &str) -> ArtifactPath {
        ArtifactPath::new(format!("prod/{name}")).unwrap()
    }

    #[test]
    fn a_folder_is_kept_whole_or_not_at_all() {
        let slice = Slice::of("compose", &"one");
        let mut all = step(&slice, &["apps/a/x", "apps/a/y/z"]);
        all.extend(step(&slice, &["apps/a-b/x"]));
        all.extend(step(&slice, &["apps/b/x"]));
        let files = |all: &BTreeMap<_, _>, folder: &str, slice: &Slice| Kept::below(all, "prod").files(folder, slice);
        let kept = files(&all, "apps/a", &slice).unwrap();
        assert_eq!(kept.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["apps/a/x", "apps/a/y/z"]);
        for folder in ["apps/c", "app", "apps/a/x", "apps"] {
            assert_eq!(files(&all, folder, &slice), None, "{folder}");
        }
        // Another environment, another slice, another generator.
        assert_eq!(Kept::below(&all, "pro").files("apps/a", &slice), None);
        assert_eq!(files(&all, "apps/a", &Slice::of("compose", &"two")), None);
        assert_eq!(files(&all, "apps/a", &Slice::of("kubernetes", &"one")), None);
        // A file too many, a file too few, a file that was touched.
        let file = all[&path("apps/a/y/z")].clone();
        all.insert(path("apps/a/y/zz"), file.clone());
        assert_eq!(files(&all, "apps/a", &slice), None);
        all.remove(&path("apps/a/y/zz"));
        all.remove(&path("apps/a/y/z"));
        assert_eq!(files(&all, "apps/a", &slice), None);
        all.insert(path("apps/a/y/z"), file.clone());
        assert!(files(&all, "apps/a", &slice).is_some());
        all.insert(path("apps/a/y/z"), Left { untouched: false, ..file });
        assert_eq!(files(&all, "apps/a", &slice), None);
        assert!(files(&all, "apps/b", &slice).is_some());
    }
}
