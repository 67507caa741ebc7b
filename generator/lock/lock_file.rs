//! The pins of a lock, and the file that stores them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::image_name::ImageName;
use crate::artifact::{Sha256, json};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, FileKind, Root};
use crate::merge_conflict;
use crate::values::{Checked, ImageRef};

/// Name of the file, next to the stack file. It is committed.
pub const FILE: &str = "nself.lock";

/// The content of an image tag at the time when it was locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Digest of the index or, for an image of one platform, of its manifest.
    pub digest: Sha256,
    /// Digests of the manifests by platform, such as `linux/amd64`.
    pub platforms: BTreeMap<String, Sha256>,
}

/// The files of a plugin at the time when it was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginPin {
    /// Digest of the paths and contents of all files.
    pub digest: Sha256,
    /// The address in a registry, with its digest, or `folder`.
    pub source: String,
}

/// The pins of all images, by full name with tag, and of all plugins by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pub images: BTreeMap<String, Pin>,
    pub plugins: BTreeMap<String, PluginPin>,
}

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLock {
    version: u32,
    images: BTreeMap<String, Pin>,
    #[serde(default)]
    plugins: BTreeMap<String, PluginPin>,
}

/// Version of the file's format. A file of any other version is refused.
const VERSION: u32 = 1;

/// Returns the message of a JSON parser without the position at its end: `expected value` for
/// `expected value at line 3 column 5`.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason).to_owned()
}

impl Lock {
    /// Reads the lock of a project; the result is empty if there is no file.
    ///
    /// # Errors
    /// NS806 if it is damaged, newer or not a regular file, NS804 if it cannot be read, NS813 if it is too large.
    pub fn read(project: &Path) -> Result<Self, Diagnostic> {
        let unusable = |error: FileError| match Diagnostic::from(error) {
            finding if finding.code == Code::NotPlain => Diagnostic::error(Code::Lock, FieldPath::root())
                .message(format!("{FILE} is not a regular file"))
                .hint("replace it with a regular file, or delete it and run `nself lock`"),
            finding => finding,
        };
        match Root::project(project).read(FILE, FileKind::Lock).map_err(unusable)? {
            Some(bytes) => Lock::parse(&bytes),
            None => Ok(Lock::default()),
        }
    }

    /// Parses the content of the file.
    fn parse(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let damaged = |reason: String, hint: &str| {
            Diagnostic::error(Code::Lock, FieldPath::root()).message(format!("{FILE}{reason}")).hint(hint)
        };
        if let Some(line) = merge_conflict::first_line(bytes) {
            let hint = "keep the lines of both sides, then run `nself lock`";
            return Err(damaged(format!(":{line}: unresolved merge conflict"), hint));
        }
        let restore = "restore it from version control, or delete it and run `nself lock`";
        let stored_lock: StoredLock = serde_json::from_slice(bytes).map_err(|error| {
            damaged(format!(":{}:{}: {}", error.line(), error.column().max(1), without_position(&error)), restore)
        })?;
        if stored_lock.version != VERSION {
            let reason = format!(
                ": the file has format version {}, but this nself reads only version {VERSION}",
                stored_lock.version
            );
            return Err(damaged(reason, "use the version of nself that wrote the file"));
        }
        for name in stored_lock.images.keys() {
            let image_name = ImageRef::new(name).ok().map(|image| ImageName::new(&image));
            if image_name.is_none_or(|full| full.to_string() != *name || full.digest.is_some()) {
                return Err(damaged(format!(": {name:?} is not the full name of an image with a tag"), restore));
            }
        }
        Ok(Lock { images: stored_lock.images, plugins: stored_lock.plugins })
    }

    /// Writes the lock of a project if the file differs.
    ///
    /// # Errors
    /// NS804 if the file cannot be written.
    pub fn write(&self, project: &Path) -> Result<(), Diagnostic> {
        if self.is_written(project)? { Ok(()) } else { Ok(Root::project(project).write(FILE, &self.to_bytes())?) }
    }

    /// Returns whether the file of a project has exactly these pins in canonical form.
    ///
    /// # Errors
    /// NS804 if the file cannot be read.
    pub fn is_written(&self, project: &Path) -> Result<bool, Diagnostic> {
        let bytes = Root::project(project).read(FILE, FileKind::Lock)?;
        Ok(bytes.is_some_and(|bytes| bytes == self.to_bytes()))
    }

    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{{\n  \"version\": {VERSION},\n  \"images\": {{");
        push_lines(&mut text, &self.images);
        if !self.plugins.is_empty() {
            text.push_str(",\n  \"plugins\": {");
            push_lines(&mut text, &self.plugins);
        }
        text.push_str("\n}\n");
        text.into_bytes()
    }

    /// Returns the image with the digest of its pin. An image that has a digest or no pin is returned unchanged.
    #[must_use]
    pub fn pin(&self, image: &ImageRef) -> ImageRef {
        match self.images.get(&ImageName::new(image).to_string()) {
            Some(pin) => ImageRef::wrap(format!("{image}@{}", pin.digest)),
            None => image.clone(),
        }
    }
}

/// Appends one line `"name": {pin}` for each pin, and the end of the record.
fn push_lines(text: &mut String, pins: &BTreeMap<String, impl Serialize>) {
    for (i, (name, pin)) in pins.iter().enumerate() {
        text.push_str(if i > 0 { ",\n    " } else { "\n    " });
        let line = [json::to_canonical(name), json::to_canonical(pin)]
            .map(|bytes| String::from_utf8(bytes).unwrap_or_default());
        text.push_str(&line.join(": "));
    }
    text.push_str("\n  }");
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
        let images = images.into_iter().map(|(name, text)| (name.to_owned(), pin(text))).collect();
        let plugin = PluginPin { digest: Sha256::of(b"links"), source: "folder".to_owned() };
        Lock { images, plugins: BTreeMap::from([("links".to_owned(), plugin)]) }
    }

    #[test]
    fn a_lock_survives_the_round_trip_one_line_per_image() {
        let text = lock().to_bytes();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert_eq!(String::from_utf8(text).unwrap().lines().filter(|line| line.contains("platforms")).count(), 2);
        assert_eq!(Lock::parse(&Lock::default().to_bytes()).unwrap(), Lock::default());
    }

    #[test]
    fn findings_about_a_damaged_lock_have_its_position() {
        let good = String::from_utf8(lock().to_bytes()).unwrap();
        for (bad, position) in [
            ("".to_owned(), "nself.lock:1:1: "),
            (good[..good.len() / 2].to_owned(), "nself.lock:5:"),
            (good.replace("\"version\": 1", "\"version\": 2"), "version 2"),
            (good.replace("redis:7.4", "redis"), "is not the full name"),
            (good.replace("docker.io/library/", ""), "is not the full name"),
            (good.replace("sha256:", "sha512:"), "nself.lock:4:"),
            (good.replacen("    \"docker", "<<<<<<< ours\n    \"docker", 1), "nself.lock:4: unresolved"),
        ] {
            let finding = Lock::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(finding.code, Code::Lock);
            assert!(finding.message.contains(position), "{} for {position}", finding.message);
        }
    }

    #[test]
    fn only_tags_are_pinned() {
        let image = |text: &str| ImageRef::new(text).unwrap();
        let pinned = lock().pin(&image("redis:7.4"));
        assert_eq!(pinned.as_str(), format!("redis:7.4@{}", Sha256::of(b"r")));
        assert_eq!(lock().pin(&pinned), pinned, "an image with a digest is unchanged");
        assert_eq!(lock().pin(&image("redis:8")).as_str(), "redis:8");
    }
}
