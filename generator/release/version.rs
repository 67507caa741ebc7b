//! The versions in tags of releases.

/// A version such as `1.4.0`, `v2` or `1.4.0-rc.2`. Versions have the order of Semantic Versioning 2.0.0, section 11, so
/// the order of fields and variants in these types matters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    /// Major, minor and patch; 0 for a number that the tag leaves out.
    numbers: [u64; 3],
    stage: Stage,
}

/// The stage of a version: a pre-release comes before the release of the same numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The parts of a text such as `rc.2`.
    PreRelease(Vec<Identifier>),
    Release,
}

/// A part of a pre-release, such as `rc` or `2`. Numbers come before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    /// Parses a tag, with or without `v`: `1.4`, `v1.4.0-rc.2`. `None` if it is not a version.
    pub(super) fn parse(tag: &str) -> Option<Self> {
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        let version = tag.strip_prefix('v').unwrap_or(tag);
        let (core, pre_release) = match version.split_once('-') {
            Some((core, pre_release)) => (core, Some(pre_release)),
            None => (version, None),
        };
        let mut numbers = [0; 3];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > numbers.len() {
            return None;
        }
        for (i, part) in parts.iter().enumerate() {
            numbers[i] = number(part)?;
        }
        let identifier =
            |text: &str| number(text).map_or_else(|| Identifier::Word(text.to_owned()), Identifier::Number);
        let stage = match pre_release {
            Some(pre_release) => Stage::PreRelease(pre_release.split('.').map(identifier).collect()),
            None => Stage::Release,
        };
        Some(Version { numbers, stage })
    }
}
