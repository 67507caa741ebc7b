//! What a Dockerfile begins from. Only the names are read, so that a lock can pin them; the file stays as it is.

use std::collections::BTreeMap;

use crate::lock::Lock;
use crate::stack::{Build, Checked, ImageRef};

/// The images of a Dockerfile by the names it uses, pinned where the lock can. Nothing for a name without a tag, which
/// no lock can pin. Names of earlier stages, `scratch` and names put together from arguments are no images.
pub fn bases(dockerfile: &str, lock: &Lock) -> BTreeMap<String, Option<ImageRef>> {
    let mut stages: Vec<&str> = vec!["scratch"];
    let mut bases = BTreeMap::new();
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            continue;
        }
        let mut words = words.filter(|word| !word.starts_with("--"));
        let Some(name) = words.next() else { continue };
        if !stages.contains(&name) && !name.contains('$') {
            bases.insert(name.to_owned(), ImageRef::new(name).ok().map(|image| lock.pin(&image)));
        }
        if let (Some(word), Some(stage)) = (words.next(), words.next())
            && word.eq_ignore_ascii_case("as")
        {
            stages.push(stage);
        }
    }
    bases
}

/// Where the Dockerfile of a build lies in the project.
pub fn dockerfile(build: &Build) -> String {
    let name = build.dockerfile.as_ref().map_or("Dockerfile", |name| name.as_str());
    format!("{}/{name}", build.context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_arguments_are_no_images() {
        let text = "# FROM commented:1\nARG V=1\nFROM --platform=$BUILDPLATFORM node:22-slim AS build\nRUN x\nfrom build as test\n\
                    FROM gcr.io/$V\nFROM scratch\n  FROM alpine\nFROM node:22-slim";
        let found = bases(text, &Lock::default());
        let names: Vec<(&str, bool)> = found.iter().map(|(name, image)| (name.as_str(), image.is_some())).collect();
        assert_eq!(names, [("alpine", false), ("node:22-slim", true)]);
    }
}
