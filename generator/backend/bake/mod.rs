//! Writes `docker-bake.json`, which lists the images that an environment builds. Run `docker buildx bake` in the
//! project's folder. Compose and the cluster use the same names of images. Base images are pinned by `nself.lock`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::provenance::{GeneratedLine, fields_of_service_keys};
use super::{Backend, Description, Emit, Input};
use crate::artifact::{Artifacts, StepInput, json};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::dockerfile::IMAGE_TAG;
use crate::plan::{Plan, dockerfile};
use crate::stack::Build;
use crate::values::ServiceName;

pub const DESCRIPTION: Description = Description {
    paths: &[FILE],
    reads: "builds, and the locked digests of their base images",
    emit: Emit::FromInput(emit),
    file_fields: |_, _| Vec::new(),
    line_fields,
};

/// The file's name, below an environment's folder.
const FILE: &str = "docker-bake.json";

/// The content of `docker-bake.json`, see <https://docs.docker.com/build/bake/reference/>.
#[derive(Serialize)]
struct Bake {
    variable: BTreeMap<&'static str, Variable>,
    group: BTreeMap<&'static str, Group>,
    target: BTreeMap<String, Target>,
}

#[derive(Serialize)]
struct Variable {
    default: &'static str,
}

#[derive(Serialize)]
struct Group {
    targets: Vec<String>,
}

#[derive(Serialize)]
struct Target {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<String, String>,
    context: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, String>,
    dockerfile: String,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// The part of the plan from which the file is generated.
#[derive(Serialize)]
struct ImageBuilds<'a> {
    services: BTreeMap<&'a ServiceName, ImageBuild<'a>>,
}

/// The image that is built for one service.
#[derive(Serialize)]
struct ImageBuild<'a> {
    build: &'a Build,
    /// The names of the image, each with a tag.
    tags: Vec<String>,
    /// The locked images that replace the base images of the Dockerfile.
    contexts: BTreeMap<String, String>,
}

/// Returns the builds of all services whose images are built.
fn image_builds(plan: &Plan) -> ImageBuilds<'_> {
    // An entry of `processes` runs the image of its service, so it is not built.
    let services_with_own_image = plan.services.iter().filter(|(_, service)| service.image_of.is_none());
    let builds = services_with_own_image.filter_map(|(name, service)| {
        let contexts = dockerfile::contexts(&service.bases);
        Some((name, ImageBuild { build: service.build.as_ref()?, tags: tags(plan, name), contexts }))
    });
    ImageBuilds { services: builds.collect() }
}

/// Writes `docker-bake.json` if the environment builds an image.
///
/// # Errors
/// NS901; the path is constant, so it cannot occur.
fn emit(input: &Input) -> Result<Artifacts, Vec<Diagnostic>> {
    let builds = image_builds(input.plan);
    let mut files = Artifacts::default();
    if !builds.services.is_empty() {
        files.add(FILE, json::to_pretty(&bake(&builds))).map_err(|finding| vec![finding])?;
    }
    Ok(files.derived_from(&StepInput::of(Backend::Bake.generator(), &builds)))
}

/// Returns the fields of the stack from which a line of the file comes.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    match line.keys().as_slice() {
        ["target", service, ..] => fields_of_service_keys(plan, service, &["build"], &[]),
        _ => Vec::new(),
    }
}

fn bake(builds: &ImageBuilds) -> Bake {
    let names: Vec<String> = builds.services.keys().map(ToString::to_string).collect();
    let targets = builds.services.iter().map(|(name, ImageBuild { build, tags, contexts })| {
        let args = build.args.iter().map(|(name, value)| (name.to_string(), escape(value.as_str())));
        let target = Target {
            args: args.collect(),
            context: build.context.to_string(),
            contexts: contexts.clone(),
            dockerfile: build.dockerfile.as_ref().map_or_else(|| "Dockerfile".to_owned(), ToString::to_string),
            tags: tags.clone(),
            target: build.target.as_ref().map(ToString::to_string),
        };
        (name.to_string(), target)
    });
    let variable = BTreeMap::from([(IMAGE_TAG, Variable { default: "latest" })]);
    Bake { variable, target: targets.collect(), group: BTreeMap::from([("default", Group { targets: names })]) }
}

/// Returns the names of an image: the one that Compose uses and, for a cluster with a registry, the one to push.
fn tags(plan: &Plan, name: &ServiceName) -> Vec<String> {
    let compose_name = format!("{}:${{{IMAGE_TAG}}}", dockerfile::image_name(plan, name));
    std::iter::once(compose_name).chain(dockerfile::pulled_image_name(plan, name)).collect()
}

/// Escapes `${` and `%{` as `$${` and `%%{`: as in HCL, buildx evaluates templates in the texts of its JSON files.
fn escape(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}
