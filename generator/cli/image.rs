//! `nself image`: the image of a service from a folder of the project, as an OCI layout. Nothing is run: what has to be
//! compiled is built by `docker buildx bake` or the language's own tools before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use oci_spec::image::MediaType;
use serde_json::json;

use super::{ERROR, Format, SUCCESS, StackArguments, generate, output};
use crate::artifact::json as writer;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileError, Folder, Reason, Root, Scope, random_suffix};
use crate::image::build::{self, Base, Descriptor};
use crate::image::layer::{self, Layer};
use crate::image::sbom::Materials;
use crate::image::{Blobs, docker_manifest, runtime_config};
use crate::lock::{ImageName, Lock};
use crate::path;
use crate::plan::{Plan, Service};
use crate::values::{Checked, ImageRef, Platform};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A service with a `layout`.
    service: String,
    #[command(flatten)]
    stack: StackArguments,
    /// The environment.
    #[arg(long, default_value = "local", value_name = "NAME")]
    env: String,
    /// Where the layout goes; below `.nself/images` unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    ways: super::lock::WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    make(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &findings);
        ERROR
    })
}

fn make(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let made = generate::made(&arguments.stack, std::slice::from_ref(&arguments.env), None, None)?;
    let Some(planned) = made.plans.first() else { return Ok(SUCCESS) };
    let plan = &planned.plan;
    let locate = |mut finding: Diagnostic| {
        planned.origins.locate(&mut finding);
        vec![finding]
    };
    let found = plan.services.iter().find(|(name, _)| name.as_str() == arguments.service);
    let Some((name, service, layout, called)) =
        found.and_then(|(name, service)| Some((name, service, service.layout.as_ref()?, service.image.as_ref()?)))
    else {
        let all = plan.services.iter().filter(|(_, service)| service.layout.is_some());
        let names: Vec<&str> = all.map(|(name, _)| name.as_str()).collect();
        return Err(locate(
            Diagnostic::error(Code::Image, path!("services", arguments.service))
                .message(format!("no service `{}` with a layout", arguments.service))
                .expected(format!("one of: {}", names.join(", "))),
        ));
    };
    let broken = |field: &str, why: String| {
        locate(Diagnostic::error(Code::Image, service.origin.key("layout").key(field)).message(why))
    };
    let project = Root::project(&arguments.stack.project()).open();
    let opened = project.and_then(|project| project.map_or(Ok(None), |project| project.folder(layout.folder.as_str())));
    let folder = opened.map_err(|error| broken("folder", error.to_string()))?;
    let folder =
        folder.ok_or_else(|| broken("folder", format!("`{}` is not a folder of the project", layout.folder)))?;
    let at = layout.path.as_ref().map_or("/app", |path| path.as_str());
    let layer = layer::pack(&folder, at).map_err(|error| broken("folder", format!("{}/{error}", layout.folder)))?;
    let platforms = platforms(arguments, layout).map_err(&locate)?;
    let mut blobs = Blobs::default();
    let bases = bases(arguments, layout.base.as_ref(), &platforms, &mut blobs)
        .map_err(|finding| locate(Diagnostic { path: service.origin.key("layout").key("base"), ..finding }))?;
    let reference = ImageName::new(called);
    let annotations = annotations(name.as_str(), &reference, layout.base.as_ref());
    let outcome = assemble(plan, name, service, &layer, &bases, &annotations, &reference, &mut blobs);
    let (whole, files) = outcome.map_err(|error| broken("base", error.to_string()))?;
    let project = arguments.stack.project();
    let below = Path::new("images").join(&arguments.env).join(&arguments.service);
    let out = match &arguments.out {
        Some(out) => Root::inside(&project, out, Scope::Output),
        None => Root::cache(&project).below(below),
    };
    write(&out, &files, &blobs).map_err(|error| vec![error.into()])?;
    let shown = arguments.out.clone().unwrap_or_else(|| {
        let beside = arguments.stack.stack.parent().unwrap_or(Path::new(""));
        beside.join(".nself/images").join(&arguments.env).join(&arguments.service)
    });
    report(arguments, &shown, &reference, &whole, &layer, &platforms);
    Ok(SUCCESS)
}

/// Files beside the blobs.
type Files = BTreeMap<String, Vec<u8>>;

#[allow(clippy::too_many_arguments)]
fn assemble(
    plan: &Plan,
    name: &crate::values::ServiceName,
    service: &Service,
    layer: &Layer,
    bases: &[(Platform, Option<Base>)],
    annotations: &BTreeMap<String, String>,
    reference: &ImageName,
    blobs: &mut Blobs,
) -> Result<(Descriptor, Files), oci_spec::OciSpecError> {
    let mut files = Files::new();
    let mut images = Vec::new();
    for (platform, base) in bases {
        let image = build::add(blobs, platform, base.as_ref(), layer, service, annotations)?;
        let bundle = runtime_config::config(plan, name, service, &image.config);
        files.insert(format!("runtime/{}.json", platform.as_str().replace('/', "-")), writer::to_pretty(&bundle));
        images.push(image);
    }
    let tag = reference.tag.as_deref().unwrap_or("latest");
    let (whole, index) = build::index(blobs, &images, tag, &format!("{}:{tag}", reference.name()), annotations)?;
    let base = service.layout.as_ref().and_then(|layout| layout.base.as_ref()).map(ImageName::new);
    let materials = Materials::new(reference, base.as_ref(), layer);
    files.insert("index.json".into(), index);
    files.insert("manifest.json".into(), docker_manifest::manifest(&images, &reference.name(), tag));
    files.insert("oci-layout".into(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec());
    files.insert("sbom.spdx.json".into(), writer::to_pretty(&materials.spdx()));
    files.insert("sbom.cyclonedx.json".into(), writer::to_pretty(&materials.cyclonedx()));
    Ok((whole, files))
}

fn annotations(name: &str, reference: &ImageName, base: Option<&ImageRef>) -> BTreeMap<String, String> {
    let key = |name: &str| format!("org.opencontainers.image.{name}");
    let mut annotations = BTreeMap::from([(key("title"), name.to_owned())]);
    annotations.extend(reference.tag.clone().map(|tag| (key("version"), tag)));
    if let Some(base) = base.map(ImageName::new) {
        annotations.extend(base.digest.clone().map(|digest| (key("base.digest"), digest.to_string())));
        annotations.insert(key("base.name"), ImageName { digest: None, ..base }.to_string());
    }
    annotations
}

/// Those that are asked for; without any, those for which the lock knows the base.
fn platforms(arguments: &Arguments, layout: &crate::stack::Layout) -> Result<Vec<Platform>, Diagnostic> {
    if !layout.platforms.is_empty() {
        return Ok(layout.platforms.clone());
    }
    let lock = Lock::read(&arguments.stack.project())?;
    let name = layout.base.as_ref().map(|base| ImageName { digest: None, ..ImageName::new(base) }.to_string());
    let pin = name.and_then(|name| lock.images.get(&name));
    let names = pin.into_iter().flat_map(|pin| pin.platforms.keys());
    let platforms: Vec<Platform> = names.filter_map(|name| Platform::new(name).ok()).collect();
    if platforms.is_empty() {
        return Err(Diagnostic::error(Code::Image, FieldPath::root())
            .message("nothing says which platforms the image is for")
            .hint("`nself lock` writes down those of the base, or give `platforms`"));
    }
    Ok(platforms)
}

/// Fetches what lies below, every blob by its digest.
#[cfg(feature = "registry")]
fn bases(
    arguments: &Arguments,
    base: Option<&ImageRef>,
    platforms: &[Platform],
    blobs: &mut Blobs,
) -> Result<Vec<(Platform, Option<Base>)>, Diagnostic> {
    let Some(base) = base else { return Ok(platforms.iter().map(|platform| (platform.clone(), None)).collect()) };
    let reference = pinned(base)?;
    let registry = arguments.ways.registry();
    let failed = |failure: crate::registry::Failure| failure.finding(FieldPath::root());
    let pin = registry.resolve(&reference).map_err(failed)?;
    let mut bases = Vec::new();
    for platform in platforms {
        let Some(digest) = pin.platforms.get(platform.as_str()) else {
            let known: Vec<&str> = pin.platforms.keys().map(String::as_str).collect();
            return Err(Diagnostic::error(Code::Image, FieldPath::root())
                .message(format!("the base is not made for {platform}"))
                .expected(format!("one of {}", known.join(", "))));
        };
        let one = ImageName { digest: Some(digest.clone()), ..reference.clone() };
        let text = registry.manifest(&one).map_err(failed)?.bytes;
        let odd = |error: &dyn std::fmt::Display| {
            Diagnostic::error(Code::RegistryContent, FieldPath::root()).message(format!("{one}: {error}"))
        };
        let manifest: oci_spec::image::ImageManifest = serde_json::from_slice(&text).map_err(|error| odd(&error))?;
        for layer in manifest.layers() {
            let known = ["application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"];
            if !known.iter().any(|kind| layer.media_type().to_string().starts_with(kind)) {
                return Err(odd(&format!("a layer of type {}", layer.media_type())));
            }
            let digest = crate::artifact::Sha256::try_from(layer.digest().to_string()).map_err(|why| odd(&why))?;
            if !blobs.0.contains_key(&digest) {
                blobs.add(registry.blob(&one, &digest).map_err(failed)?);
            }
        }
        let digest = crate::artifact::Sha256::try_from(manifest.config().digest().to_string());
        let text = registry.blob(&one, &digest.map_err(|why| odd(&why))?).map_err(failed)?;
        let config: oci_spec::image::ImageConfiguration = serde_json::from_slice(&text).map_err(|error| odd(&error))?;
        bases.push((platform.clone(), Some(Base { manifest, config })));
    }
    Ok(bases)
}

#[cfg(not(feature = "registry"))]
fn bases(
    _: &Arguments,
    base: Option<&ImageRef>,
    platforms: &[Platform],
    _: &mut Blobs,
) -> Result<Vec<(Platform, Option<Base>)>, Diagnostic> {
    match base {
        None => Ok(platforms.iter().map(|platform| (platform.clone(), None)).collect()),
        Some(base) => Err(pinned(base).err().unwrap_or_else(|| {
            Diagnostic::error(Code::Image, FieldPath::root()).message("this nself was built without registries")
        })),
    }
}

/// A base by tag would be another one tomorrow.
fn pinned(base: &ImageRef) -> Result<ImageName, Diagnostic> {
    let reference = ImageName::new(base);
    if reference.digest.is_some() {
        return Ok(reference);
    }
    Err(Diagnostic::error(Code::Unpinned, FieldPath::root())
        .message(format!("the base `{base}` is not pinned by a digest"))
        .hint("`nself lock` asks the registry and writes nself.lock"))
}

/// Writes beside and moves into place; an earlier layout is replaced as a whole.
fn write(out: &Root, files: &Files, blobs: &Blobs) -> Result<(), FileError> {
    let (parent, name) = out.split()?;
    let parent = parent.make(0o755)?;
    let refused = |why: &str| FileError {
        path: out.path().to_owned(),
        scope: parent.scope(),
        reason: Reason::System(std::io::Error::other(why.to_owned())),
    };
    let temporary = format!(".{}", random_suffix().map_err(|error| refused(&error.to_string()))?);
    let written = || {
        fill(&parent.create_folder(&temporary, 0o755)?, files, blobs)?;
        match parent.stat(&name)? {
            None => {}
            Some(stat) if stat.is_folder() && parent.folder(&name)?.is_some_and(|old| old.has_file("oci-layout")) => {
                parent.remove_all(&name)?;
            }
            Some(_) => return Err(refused("something that is no layout is there; it is kept as it is")),
        }
        parent.rename(&temporary, &parent, &name)
    };
    written().inspect_err(|_| {
        let _ = parent.remove_all(&temporary);
    })
}

fn fill(layout: &Folder, files: &Files, blobs: &Blobs) -> Result<(), FileError> {
    for folder in ["blobs/sha256", "runtime"] {
        layout.make_folder(folder, 0o755)?;
    }
    for (digest, bytes) in &blobs.0 {
        layout.create(format!("blobs/sha256/{}", digest.hex()), bytes, 0o644)?;
    }
    files.iter().try_for_each(|(name, bytes)| layout.create(name, bytes, 0o644))
}

fn report(
    arguments: &Arguments,
    out: &Path,
    reference: &ImageName,
    whole: &Descriptor,
    layer: &Layer,
    platforms: &[Platform],
) {
    for path in &layer.left_out {
        output::remark(&format!("left out: {path}"));
    }
    let kind = if whole.media_type == MediaType::ImageIndex { "index" } else { "image" };
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "written", "image": reference.to_string(), "digest": whole.digest, "kind": kind,
            "platforms": platforms, "folder": out.display().to_string(), "left_out": layer.left_out,
        })),
        Format::Text => {
            output::line(&format!("{reference}@{}", whole.digest));
            let names: Vec<&str> = platforms.iter().map(Platform::as_str).collect();
            let files = words::count(layer.files.len(), "file");
            output::remark(&format!("{}: {files} for {}", out.display(), names.join(", ")));
        }
    }
}
