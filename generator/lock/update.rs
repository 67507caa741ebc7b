//! Compares the lock with the images of the stack, and updates it with the answers of registries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::image_name::ImageName;
use super::lock_file::{FILE, Lock, Pin};
use crate::artifact::Sha256;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::values::ImageRef;

/// The images of a stack that a lock can pin: those with a tag and without a digest. Maps the full name of each to a
/// field that names it.
#[derive(Debug, Default)]
pub struct StackImages(BTreeMap<String, (FieldPath, Option<Span>)>);

impl StackImages {
    /// Adds an image, unless it has a digest. If several fields name the image, the first one is stored.
    pub fn add(&mut self, image: &ImageRef, path: FieldPath, span: Option<Span>) {
        let name = ImageName::new(image);
        if name.digest.is_none() {
            self.0.entry(name.to_string()).or_insert((path, span));
        }
    }

    /// Returns the full names of all images.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds to a finding about an image the field that names the image, and its position.
    fn locate(&self, image: &str, finding: Diagnostic) -> Diagnostic {
        match self.0.get(image) {
            Some((path, span)) => Diagnostic { path: path.clone(), ..finding }.at(span.clone()),
            None => finding,
        }
    }

    /// Returns a finding for each image without a pin in the lock, and for each pin whose image the stack does not use.
    pub fn differences(&self, lock: &Lock) -> Vec<Diagnostic> {
        let difference = |message: String| Diagnostic::error(Code::LockDiffers, FieldPath::root()).message(message);
        let missing = self.missing_images(lock).into_iter().map(|name| {
            let finding = difference(format!("`{name}` is not in {FILE}"));
            self.locate(&name, finding.hint("run `nself lock`, which gets its digest from the registry"))
        });
        let unused = lock.images.keys().filter(|name| !self.0.contains_key(*name)).map(|name| {
            difference(format!("{FILE} has `{name}`, which no service uses")).hint("remove it with `nself lock`")
        });
        missing.chain(unused).collect()
    }

    /// Returns the full names of the images that have no pin.
    fn missing_images(&self, lock: &Lock) -> BTreeSet<String> {
        self.0.keys().filter(|name| !lock.images.contains_key(*name)).cloned().collect()
    }
}

/// Returns the full names of the images that `names` select; a name without a tag selects all tags of the image.
///
/// # Errors
/// NS807 for each name that selects no image.
pub fn select(images: &StackImages, names: &[String]) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    let mut selected = BTreeSet::new();
    let mut findings = Vec::new();
    for text in names {
        // `redis` selects `docker.io/library/redis:7` and `docker.io/library/redis:8`.
        let selector = ImageName::parse(text);
        let is_selected = |name: &str| match selector.tag {
            Some(_) => name == selector.to_string(),
            None => ImageName::parse(name).name() == selector.name(),
        };
        let matches: Vec<String> = images.0.keys().filter(|name| is_selected(name)).cloned().collect();
        if matches.is_empty() {
            let image_names: Vec<&str> = images.0.keys().map(String::as_str).collect();
            findings.push(
                Diagnostic::error(Code::LockDiffers, FieldPath::root())
                    .message(format!("no service uses an image `{text}` with a tag"))
                    .expected(crate::words::one_of(&image_names)),
            );
        }
        selected.extend(matches);
    }
    if findings.is_empty() { Ok(selected) } else { Err(findings) }
}

/// Returns the lock for these images. Pins of unused images are removed. `resolve` gets the full names of the images that
/// have no pin and those in `refresh`, and returns their pins. Other pins stay unchanged.
///
/// # Errors
/// The findings of `resolve`, at the fields that name the images.
pub fn update(
    lock: &Lock,
    images: &StackImages,
    refresh: BTreeSet<String>,
    resolve: impl FnOnce(&BTreeSet<String>) -> BTreeMap<String, Result<Pin, Diagnostic>>,
) -> Result<Lock, Vec<Diagnostic>> {
    let mut new_lock = lock.clone();
    new_lock.images.retain(|name, _| images.0.contains_key(name));
    let mut names_to_resolve = images.missing_images(lock);
    names_to_resolve.extend(refresh);
    let mut findings = Vec::new();
    if !names_to_resolve.is_empty() {
        for (name, result) in resolve(&names_to_resolve) {
            match result {
                Ok(pin) => {
                    new_lock.images.insert(name, pin);
                }
                Err(finding) => findings.push(images.locate(&name, finding)),
            }
        }
    }
    if findings.is_empty() { Ok(new_lock) } else { Err(findings) }
}

/// An image whose pin differs between two locks.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub image: String,
    /// The old digest; `None` for an added image.
    pub from: Option<Sha256>,
    /// The new digest; `None` for a removed image.
    pub to: Option<Sha256>,
}

/// Returns the differences between two locks, sorted by image. If both digests of a change are equal, the platforms
/// differ.
pub fn changes(old: &Lock, new: &Lock) -> Vec<Change> {
    let names: BTreeSet<&String> = old.images.keys().chain(new.images.keys()).collect();
    let changes = names.into_iter().filter_map(|name| {
        let (from, to) = (old.images.get(name), new.images.get(name));
        let digest = |pin: Option<&Pin>| pin.map(|pin| pin.digest.clone());
        (from != to).then(|| Change { image: name.clone(), from: digest(from), to: digest(to) })
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;
    use crate::values::Checked;

    fn pin(text: &str) -> Pin {
        Pin { digest: Sha256::of(text.as_bytes()), platforms: BTreeMap::new() }
    }

    fn lock(pins: &[(&str, &str)]) -> Lock {
        let images = pins.iter().map(|(name, text)| ((*name).to_owned(), pin(text))).collect();
        Lock { images, ..Lock::default() }
    }

    fn images(names: &[&str]) -> StackImages {
        let mut images = StackImages::default();
        for name in names {
            images.add(&ImageRef::new(name).unwrap(), path!("services", name), None);
        }
        images
    }

    const REDIS_7: &str = "docker.io/library/redis:7";
    const REDIS_8: &str = "docker.io/library/redis:8";
    const ORDERS: &str = "ghcr.io/acme/orders:1";

    #[test]
    fn missing_and_unused_images_are_differences_and_pinned_ones_are_not() {
        let digest = format!("redis:9@{}", Sha256::of(b"x"));
        let images = images(&["redis:7", "redis:8", &digest]);
        assert_eq!(images.count(), 2, "an image with a digest needs no pin");
        let findings = images.differences(&lock(&[(REDIS_7, "7"), (ORDERS, "o")]));
        let paths_and_messages: Vec<(String, &str)> =
            findings.iter().map(|finding| (finding.path.to_string(), finding.message.as_str())).collect();
        assert_eq!(
            paths_and_messages,
            [
                ("services.\"redis:8\"".to_owned(), "`docker.io/library/redis:8` is not in nself.lock"),
                (String::new(), "nself.lock has `ghcr.io/acme/orders:1`, which no service uses"),
            ]
        );
        assert!(images.differences(&lock(&[(REDIS_7, "7"), (REDIS_8, "8")])).is_empty());
    }

    #[test]
    fn a_name_without_a_tag_selects_all_tags() {
        let images = images(&["redis:7", "redis:8", "ghcr.io/acme/orders:1"]);
        let selected = |name: &str| select(&images, &[name.to_owned()]).map(Vec::from_iter);
        assert_eq!(selected("redis").unwrap(), [REDIS_7, REDIS_8]);
        assert_eq!(selected("docker.io/library/redis:8").unwrap(), [REDIS_8]);
        assert_eq!(selected("redis:9").unwrap_err()[0].code, Code::LockDiffers);
    }

    #[test]
    fn only_missing_and_refreshed_images_are_resolved() {
        let images = images(&["redis:7", "redis:8"]);
        let old = lock(&[(REDIS_7, "7"), (ORDERS, "o")]);
        let resolve = |names: &BTreeSet<String>| names.iter().map(|name| (name.clone(), Ok(pin("new")))).collect();
        let new = update(&old, &images, BTreeSet::new(), resolve).unwrap();
        assert_eq!(new, lock(&[(REDIS_7, "7"), (REDIS_8, "new")]), "an existing pin stays");
        let new = update(&old, &images, BTreeSet::from([REDIS_7.to_owned()]), resolve).unwrap();
        assert_eq!(new, lock(&[(REDIS_7, "new"), (REDIS_8, "new")]));
        let changed: Vec<String> = changes(&old, &new).into_iter().map(|change| change.image).collect();
        assert_eq!(changed, [REDIS_7, REDIS_8, ORDERS]);
        assert!(changes(&new, &new).is_empty());
        let failure = |names: &BTreeSet<String>| {
            let finding = Diagnostic::error(Code::RegistryNotFound, FieldPath::root());
            names.iter().map(|name| (name.clone(), Err(finding.clone()))).collect()
        };
        let findings = update(&old, &images, BTreeSet::new(), failure).unwrap_err();
        assert_eq!(findings[0].path, path!("services", "redis:8"), "at the field that names the image");
        assert!(update(&lock(&[(REDIS_7, "7"), (REDIS_8, "8")]), &images, BTreeSet::new(), failure).is_ok());
    }
}
