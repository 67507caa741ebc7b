//! Versions in tags.

/// A version such as `1.4.0`, `v2` or `1.4.0-rc.2`, in the order of Semantic Versioning 2.0.0, section 11.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: [u64; 3],
    /// A release candidate or the like comes before the version without a stage.
    stage: Stage,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Before(Vec<Identifier>),
    Release,
}

/// A part of a stage. Numbers come before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    /// Parses a tag; `None` if it is not a version.
    pub(super) fn parse(tag: &str) -> Option<Self> {
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
