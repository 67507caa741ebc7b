//! Reads the base images and the user of a Dockerfile, so that a lock can pin the images. The file is not changed.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Plan;
use crate::lock::{ImageName, Lock};
use crate::stack::Build;
use crate::values::{Checked, ImageRef, ServiceName};

/// Returns the base images of a Dockerfile by the names that it uses, with the digest of the lock where there is one. The
/// value is `None` for a name without a tag, because a lock cannot pin it. Names of earlier stages, `scratch` and names with
/// arguments are left out.
pub fn bases(dockerfile: &str, lock: &Lock) -> BTreeMap<String, Option<ImageRef>> {
    let mut stages = BTreeSet::from(["scratch"]);
    let mut bases = BTreeMap::new();
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            continue;
        }
        let mut words = words.filter(|word| !word.starts_with("--"));
        let Some(name) = words.next() else { continue };
        if !stages.contains(name) && !name.contains('$') {
            bases.insert(name.to_owned(), ImageRef::new(name).ok().map(|image| lock.pin(&image)));
        }
        if let (Some(word), Some(stage)) = (words.next(), words.next())
            && word.eq_ignore_ascii_case("as")
        {
            stages.insert(stage);
        }
    }
    bases
}

/// Returns the user that a Dockerfile sets in its last stage; `None` if it sets none, or takes the name from an argument.
pub fn user(dockerfile: &str) -> Option<&str> {
    let mut user = None;
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(word) if word.eq_ignore_ascii_case("from") => user = None,
            Some(word) if word.eq_ignore_ascii_case("user") => user = words.next(),
            _ => {}
        }
    }
    user.filter(|user| !user.contains('$'))
}

/// Returns the build contexts that replace base images with their locked digests. Builders look them up by the short form
/// of a name: without Docker Hub's host, its `library/` and the tag `latest`.
pub fn contexts(bases: &BTreeMap<String, Option<ImageRef>>) -> BTreeMap<String, String> {
    let pinned_bases = bases.iter().filter_map(|(name, image)| Some((name, image.as_ref()?)));
    // A name that already has its digest needs no context.
    let replaced_bases = pinned_bases.filter(|(name, image)| *name != image.as_str());
    replaced_bases.map(|(name, image)| (short_name(name), format!("docker-image://{image}"))).collect()
}

/// Returns the short form of an image's name, such as `node:22-slim` for `docker.io/library/node:22-slim`.
fn short_name(name: &str) -> String {
    let reference = ImageName::parse(name);
    let repository = match reference.host.as_str() {
        "docker.io" => reference.repository.strip_prefix("library/").unwrap_or(&reference.repository).to_owned(),
        host => format!("{host}/{}", reference.repository),
    };
    let tag = reference.tag.filter(|tag| tag != "latest").map(|tag| format!(":{tag}"));
    let digest = reference.digest.map(|digest| format!("@{digest}"));
    format!("{repository}{}{}", tag.unwrap_or_default(), digest.unwrap_or_default())
}

/// The variable with the tag of all images that an environment builds, for Compose and for builders.
pub const IMAGE_TAG: &str = "IMAGE_TAG";

/// Returns the name, without a tag, of the image that an environment builds for a service.
pub fn image_name(plan: &Plan, name: &ServiceName) -> String {
    format!("{}-{}-{}", plan.project, plan.environment, built_service(plan, name))
}

/// Returns the name, with a tag, under which a cluster pulls the image that is built for a service; `None` unless the stack
/// sets a registry and a tag.
pub fn pulled_image_name(plan: &Plan, name: &ServiceName) -> Option<String> {
    let settings = &plan.kubernetes.as_ref()?.settings;
    let (registry, tag) = (settings.registry.as_ref()?, settings.tag.as_ref()?);
    Some(format!("{registry}/{}:{tag}", built_service(plan, name)))
}

/// Returns the service whose image a service runs: an additional process of a service runs the image of that service.
fn built_service<'a>(plan: &'a Plan, name: &'a ServiceName) -> &'a ServiceName {
    plan.services.get(name).and_then(|service| service.image_of.as_ref()).unwrap_or(name)
}

/// Returns the path of a build's Dockerfile, relative to the project.
pub fn path(build: &Build) -> String {
    let name = build.dockerfile.as_ref().map_or("Dockerfile", |name| name.as_str());
    format!("{}/{name}", build.context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_sets_the_user() {
        for (text, expected) in [
            ("FROM a:1\nUSER 10001:10001\n", Some("10001:10001")),
            ("FROM a:1 AS build\nUSER 1\nFROM b:1\n", None),
            ("from a:1\nuser root\nuser node\n", Some("node")),
            ("FROM a:1\nARG U\nUSER $U\n", None),
        ] {
            assert_eq!(user(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_shortened_as_builders_do() {
        for (name, expected) in [
            ("docker.io/library/node:22-slim", "node:22-slim"),
            ("node:22-slim", "node:22-slim"),
            ("library/node:latest", "node"),
            ("docker.io/acme/base:1", "acme/base:1"),
            ("registry.example.com:5000/library/base:1", "registry.example.com:5000/library/base:1"),
        ] {
            assert_eq!(short_name(name), expected);
        }
    }

    #[test]
    fn stages_and_names_with_arguments_are_not_base_images() {
        let text = "# FROM commented:1\nARG V=1\nFROM --platform=$BUILDPLATFORM node:22-slim AS build\nRUN x\nfrom build as test\n\
                    FROM gcr.io/$V\nFROM scratch\n  FROM alpine\nFROM node:22-slim";
        let images = bases(text, &Lock::default());
        let names: Vec<(&str, bool)> = images.iter().map(|(name, image)| (name.as_str(), image.is_some())).collect();
        assert_eq!(names, [("alpine", false), ("node:22-slim", true)]);
    }
}
