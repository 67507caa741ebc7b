//! Files that lie in the output folder as an earlier run of this very program left them. What has the same derivation
//! as then is neither rendered nor read nor written. A value: `store` finds out, generators only ask.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Artifact, ArtifactPath, Artifacts, Content, Digest, Slice};

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub derivation: Digest,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// Every output that the last run recorded, by its path below the output folder; nothing for one that is no longer as
/// it was left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept(pub BTreeMap<ArtifactPath, Option<Left>>);

impl Kept {
    /// The file, if it is as it was left.
    pub fn get(&self, path: &ArtifactPath) -> Option<&Left> {
        self.0.get(path).and_then(Option::as_ref)
    }

    /// Those below a folder, by their paths below it.
    #[must_use]
    pub fn below(&self, folder: &str) -> Kept {
        let below = self.range(folder).map(|(path, left)| (ArtifactPath(path[folder.len() + 1..].to_owned()), left));
        Kept(below.map(|(path, left)| (path, left.clone())).collect())
    }

    /// All files of a folder, when all that the last run wrote there came from this slice and is as it was left.
    pub fn files(&self, folder: &str, slice: &Slice) -> Option<Artifacts> {
        let derivation = slice.derivation(self.range(folder).map(|(path, _)| path));
        let files = self.range(folder).map(|(path, left)| {
            let left = left.as_ref().filter(|left| left.derivation == derivation)?;
            let content = Content::Kept { digest: left.digest, size: left.size };
            Some((ArtifactPath(path.to_owned()), Artifact { content, generator: slice.generator, derivation }))
        });
        let files: BTreeMap<_, _> = files.collect::<Option<_>>()?;
        (!files.is_empty()).then_some(Artifacts(files))
    }

    fn range<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Option<Left>)> {
        let first = ArtifactPath(format!("{folder}/"));
        let rest = self.0.range((Bound::Excluded(first), Bound::Unbounded));
        rest.map(|(path, left)| (path.as_str(), left))
            .take_while(move |(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a step left.
    fn kept(slice: &Slice, names: &[&str]) -> Kept {
        let derivation = slice.derivation(names.iter().copied());
        let left = |name: &str| Left { derivation, digest: Digest::of(name.as_bytes()), size: 1 };
        Kept(names.iter().map(|name| (ArtifactPath::new(*name).unwrap(), Some(left(name)))).collect())
    }

    #[test]
    fn a_folder_is_kept_whole_or_not_at_all() {
        let slice = Slice::of("compose", &"one");
        let mut known = kept(&slice, &["apps/a/x", "apps/a/y/z"]);
        known.0.extend(kept(&slice, &["apps/a-b/x"]).0);
        known.0.extend(kept(&slice, &["apps/b/x"]).0);
        let files = known.files("apps/a", &slice).unwrap();
        assert_eq!(files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["apps/a/x", "apps/a/y/z"]);
        for folder in ["apps/c", "app", "apps/a/x", "apps"] {
            assert_eq!(known.files(folder, &slice), None, "{folder}");
        }
        // Another slice, another generator, a file too many, a file too few, a file that was touched.
        assert_eq!(known.files("apps/a", &Slice::of("compose", &"two")), None);
        assert_eq!(known.files("apps/a", &Slice::of("kubernetes", &"one")), None);
        let (path, file) = (ArtifactPath::new("apps/a/y/z").unwrap(), known.0["apps/a/y/z"].clone());
        known.0.insert(ArtifactPath::new("apps/a/y/zz").unwrap(), file.clone());
        assert_eq!(known.files("apps/a", &slice), None);
        known.0.remove("apps/a/y/zz");
        known.0.remove(path.as_str());
        assert_eq!(known.files("apps/a", &slice), None);
        known.0.insert(path.clone(), file);
        assert!(known.files("apps/a", &slice).is_some());
        known.0.insert(path, None);
        assert_eq!(known.files("apps/a", &slice), None);
        assert!(known.files("apps/b", &slice).is_some());
    }

    #[test]
    fn paths_below_a_folder_are_those_of_its_own() {
        let slice = Slice::of("compose", &"one");
        let below = kept(&slice, &["prod/a", "prod-2/a", "staging/a"]).below("prod");
        assert_eq!(below.0.keys().map(ArtifactPath::as_str).collect::<Vec<_>>(), ["a"]);
    }
}
