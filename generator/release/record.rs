//! Which release a published set is: where it was published, what it is for, and which of two is the newer one. A signed
//! statement holds it, and `pull` keeps it beside the files that it wrote.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::artifact::Sha256;

/// A release of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Host and repository.
    pub repository: String,
    /// The tag under which it was signed; none when it was named by its digest alone.
    pub tag: Option<String>,
    /// The name of the stack's project.
    pub project: String,
    pub environments: BTreeSet<String>,
    /// Grows from release to release, where tags have no order.
    pub serial: Option<u64>,
}

/// What a pull has written: the release and the digest of its manifest in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRecord {
    pub version: u32,
    pub digest: Sha256,
    /// None when no signature was asked for.
    pub release: Option<Release>,
}

/// What a pull asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub repository: String,
    /// None when the digest was named, and no tag.
    pub tag: Option<String>,
    /// Empty when any will do.
    pub environments: BTreeSet<String>,
}

impl Release {
    /// Why the release is not the one that is asked for; nothing when it is.
    pub fn mismatch(&self, wanted: &Wanted) -> Option<String> {
        if self.repository != wanted.repository {
            return Some(format!("it was signed for the repository {}", self.repository));
        }
        if wanted.tag.is_some() && self.tag != wanted.tag {
            return Some(match &self.tag {
                Some(tag) => format!("it was signed for the tag `{tag}`"),
                None => "it was signed for no tag: `nself attest` with the tag signs for one".to_owned(),
            });
        }
        if !wanted.environments.is_empty() && self.environments != wanted.environments {
            return Some(format!("it was signed for the environments {}", list(&self.environments)));
        }
        None
    }

    /// Why the release is of another kind than the one that is replaced; nothing when it continues it.
    pub fn discontinuity(&self, before: &Release) -> Option<String> {
        if self.project != before.project {
            return Some(format!("it is of the project `{}`, those there are of `{}`", self.project, before.project));
        }
        if self.environments != before.environments {
            let (new, old) = (list(&self.environments), list(&before.environments));
            return Some(format!("it is of the environments {new}, those there are of {old}"));
        }
        None
    }

    /// How the release stands to one before: by serial numbers, else by versions in tags; nothing when neither tells.
    pub fn order(&self, before: &Release) -> Option<Ordering> {
        if let (Some(new), Some(old)) = (self.serial, before.serial) {
            return Some(new.cmp(&old));
        }
        let version = |release: &Release| release.tag.as_deref().and_then(Version::parse);
        Some(version(self)?.cmp(&version(before)?))
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A version such as `1.4.0`, `v2` or `1.4.0-rc.2`, in the order of Semantic Versioning 2.0.0, section 11.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: [u64; 3],
    /// Before the release itself, which has none.
    stage: Stage,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Before(Vec<Identifier>),
    Release,
}

/// Numbers come before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    fn parse(tag: &str) -> Option<Self> {
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        let (core, stage) = match tag.strip_prefix('v').unwrap_or(tag).split_once('-') {
            Some((core, stage)) => (core, Some(stage)),
            None => (tag.strip_prefix('v').unwrap_or(tag), None),
        };
        let mut numbers = [0; 3];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > numbers.len() {
            return None;
        }
        for (place, part) in parts.iter().enumerate() {
            numbers[place] = number(part)?;
        }
        let identifier =
            |text: &str| number(text).map_or_else(|| Identifier::Word(text.to_owned()), Identifier::Number);
        let stage = stage.map_or(Stage::Release, |stage| Stage::Before(stage.split('.').map(identifier).collect()));
        Some(Version { numbers, stage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(tag: &str, serial: Option<u64>) -> Release {
        let environments = BTreeSet::from(["prod".to_owned()]);
        let (repository, project) = ("example.com/acme/shop".to_owned(), "shop".to_owned());
        Release { repository, tag: Some(tag.to_owned()), project, environments, serial }
    }

    #[test]
    fn a_release_is_the_one_that_is_asked_for_or_it_says_why_not() {
        let one = release("1.4.0", None);
        let wanted = |repository: &str, tag: Option<&str>, environments: &[&str]| Wanted {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            environments: environments.iter().map(|name| (*name).to_owned()).collect(),
        };
        let here = "example.com/acme/shop";
        assert_eq!(one.mismatch(&wanted(here, Some("1.4.0"), &[])), None);
        assert_eq!(one.mismatch(&wanted(here, None, &["prod"])), None);
        for (other, word) in [
            (wanted("example.com/acme/other", Some("1.4.0"), &[]), "repository"),
            (wanted(here, Some("1.5.0"), &[]), "tag"),
            (wanted(here, None, &["staging"]), "environments"),
            (wanted(here, None, &["prod", "staging"]), "environments"),
        ] {
            assert!(one.mismatch(&other).is_some_and(|why| why.contains(word)), "{other:?}");
        }
        let untagged = Release { tag: None, ..one.clone() };
        assert!(untagged.mismatch(&wanted(here, Some("1.4.0"), &[])).is_some());
        assert!(one.discontinuity(&Release { project: "other".into(), ..one.clone() }).is_some());
        assert!(one.discontinuity(&Release { environments: BTreeSet::new(), ..one.clone() }).is_some());
        assert_eq!(one.discontinuity(&one), None);
    }

    #[test]
    fn versions_and_serials_have_an_order_and_other_tags_none() {
        let order = ["0.9", "1", "1.0.1-alpha", "1.0.1-alpha.1", "1.0.1-beta.2", "1.0.1-beta.11", "v1.0.1", "1.10.0"];
        for (i, old) in order.iter().enumerate() {
            for (j, new) in order.iter().enumerate() {
                assert_eq!(release(new, None).order(&release(old, None)), Some(j.cmp(&i)), "{old} {new}");
            }
        }
        for tag in ["main", "latest", "1.2.3.4", "1..2", "vx", ""] {
            assert_eq!(release(tag, None).order(&release("1.0.0", None)), None, "{tag}");
        }
        assert_eq!(release("main", Some(7)).order(&release("main", Some(8))), Some(Ordering::Less));
        // A serial number says more than a tag.
        assert_eq!(release("2.0.0", Some(7)).order(&release("1.0.0", Some(8))), Some(Ordering::Less));
        assert_eq!(release("2.0.0", None).order(&release("1.0.0", Some(8))), Some(Ordering::Greater));
    }
}
