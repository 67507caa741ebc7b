//! `nself.lock`: which content each image tag stands for. One sorted line per image, so that the pins of two
//! branches merge line by line; no digest of the whole, which would conflict in every pull request.
//!
//! Pins reach the outputs through the plan. Generating never asks a registry: `nself lock` does.

mod image_name;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use image_name::{DEFAULT_HOST, ImageName};

use crate::artifact::{Sha256, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, FileKind, Root};
use crate::merge_conflict;
use crate::values::{Checked, ImageRef};

/// Beside the stack, committed.
pub const FILE: &str = "nself.lock";

/// What a tag stood for when it was locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The index or, for an image of one platform, its manifest.
    pub digest: Sha256,
    /// Manifests by platform, such as `linux/amd64`.
    pub platforms: BTreeMap<String, Sha256>,
}

/// All pins by full name with tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pub images: BTreeMap<String, Pin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    images: BTreeMap<String, Pin>,
}

/// Readers refuse newer versions instead of guessing.
const VERSION: u32 = 1;

/// What a parser says, without the place that it puts behind.
fn without_place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rsplit_once(" at line ").map_or(said.as_str(), |(why, _)| why).to_owned()
}

impl Lock {
    /// The lock beside a stack; empty when there is none.
    ///
    /// # Errors
    /// NS806 when it is damaged, newer or no plain file, NS804 when it cannot be read, NS813 when it is too large.
    pub fn read(project: &Path) -> Result<Self, Diagnostic> {
        let unusable = |error: FileError| match Diagnostic::from(error) {
            finding if finding.code == Code::NotPlain => Diagnostic::error(Code::Lock, FieldPath::root())
                .message(format!("{FILE} is no plain file"))
                .hint("put the file itself there, or remove what is there and run `nself lock`"),
            finding => finding,
        };
        match Root::project(project).read(FILE, FileKind::Lock).map_err(unusable)? {
            Some(text) => Lock::parse(&text),
            None => Ok(Lock::default()),
        }
    }

    fn parse(text: &[u8]) -> Result<Self, Diagnostic> {
        let damaged = |why: String, hint: &str| {
            Diagnostic::error(Code::Lock, FieldPath::root()).message(format!("{FILE}{why}")).hint(hint)
        };
        if let Some(line) = merge_conflict::first_line(text) {
            let hint = "keep the lines of both sides, then run `nself lock`";
            return Err(damaged(format!(":{line}: the conflict of a merge is not resolved"), hint));
        }
        let restore = "restore it from version control, or delete it and run `nself lock`";
        let stored: Stored = serde_json::from_slice(text).map_err(|error| {
            damaged(format!(":{}:{}: {}", error.line(), error.column().max(1), without_place(&error)), restore)
        })?;
        if stored.version != VERSION {
            let why = format!(": version {} is not version {VERSION}", stored.version);
            return Err(damaged(why, "use the release of nself that wrote it"));
        }
        for name in stored.images.keys() {
            let reference = ImageRef::new(name).ok().map(|image| ImageName::new(&image));
            if reference.is_none_or(|reference| reference.to_string() != *name || reference.digest.is_some()) {
                return Err(damaged(format!(": {name:?} is not the full name of an image with a tag"), restore));
            }
        }
        Ok(Lock { images: stored.images })
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{{\n  \"version\": {VERSION},\n  \"images\": {{");
        for (i, (name, pin)) in self.images.iter().enumerate() {
            text.push_str(if i > 0 { ",\n    " } else { "\n    " });
            let line = [json::to_canonical(name), json::to_canonical(pin)]
                .map(|bytes| String::from_utf8(bytes).unwrap_or_default());
            text.push_str(&line.join(": "));
        }
        text.push_str("\n  }\n}\n");
        text.into_bytes()
    }

    /// The image with the digest that it is locked to; as it is when it has one, or is not locked.
    #[must_use]
    pub fn pin(&self, image: &ImageRef) -> ImageRef {
        match self.images.get(&ImageName::new(image).to_string()) {
            Some(pin) => ImageRef::wrap(format!("{image}@{}", pin.digest)),
            None => image.clone(),
        }
    }

    /// What `images` need and the lock has not, and what the lock has and nobody needs.
    pub fn compare(&self, images: &BTreeSet<ImageRef>) -> (BTreeSet<String>, BTreeSet<String>) {
        let needed = tagged(images);
        let missing = needed.iter().filter(|name| !self.images.contains_key(*name)).cloned().collect();
        let unused = self.images.keys().filter(|name| !needed.contains(*name)).cloned().collect();
        (missing, unused)
    }
}

/// Full names of the images that a lock can pin: those without a digest of their own.
pub fn tagged(images: &BTreeSet<ImageRef>) -> BTreeSet<String> {
    let references = images.iter().map(ImageName::new);
    references.filter(|reference| reference.digest.is_none()).map(|reference| reference.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let pin = |text: &str| Pin {
            digest: Sha256::of(text.as_bytes()),
            platforms: BTreeMap::from([("linux/amd64".to_owned(), Sha256::of(b"amd64"))]),
        };
        let images = [("docker.io/library/redis:7.4", "r"), ("ghcr.io/acme/orders:1", "o")];
        Lock { images: images.into_iter().map(|(name, text)| (name.to_owned(), pin(text))).collect() }
    }

    #[test]
    fn a_lock_survives_the_round_trip_one_line_per_image() {
        let text = lock().to_bytes();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert_eq!(String::from_utf8(text).unwrap().lines().filter(|line| line.contains("platforms")).count(), 2);
        assert_eq!(Lock::parse(&Lock::default().to_bytes()).unwrap(), Lock::default());
    }

    #[test]
    fn damaged_locks_say_where() {
        let good = String::from_utf8(lock().to_bytes()).unwrap();
        for (bad, place) in [
            ("".to_owned(), "nself.lock:1:1: "),
            (good[..good.len() / 2].to_owned(), "nself.lock:4:"),
            (good.replace("\"version\": 1", "\"version\": 2"), "version 2"),
            (good.replace("redis:7.4", "redis"), "is not the full name"),
            (good.replace("docker.io/library/", ""), "is not the full name"),
            (good.replace("sha256:", "sha512:"), "nself.lock:4:"),
            (good.replacen("    \"docker", "<<<<<<< ours\n    \"docker", 1), "nself.lock:4: the conflict"),
        ] {
            let finding = Lock::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(finding.code, Code::Lock);
            assert!(finding.message.contains(place), "{} for {place}", finding.message);
        }
    }

    #[test]
    fn only_tags_are_pinned() {
        let image = |text: &str| ImageRef::new(text).unwrap();
        let pinned = lock().pin(&image("redis:7.4"));
        assert_eq!(pinned.as_str(), format!("redis:7.4@{}", Sha256::of(b"r")));
        assert_eq!(lock().pin(&pinned), pinned, "a digest stays");
        assert_eq!(lock().pin(&image("redis:8")).as_str(), "redis:8");
        let (missing, unused) = lock().compare(&BTreeSet::from([image("redis:8"), pinned, image("redis:7.4")]));
        assert_eq!(missing, BTreeSet::from(["docker.io/library/redis:8".to_owned()]));
        assert_eq!(unused, BTreeSet::from(["ghcr.io/acme/orders:1".to_owned()]));
    }
}
