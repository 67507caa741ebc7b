//! `nself image`: creates the image of a service from a folder of the project, and writes it as an OCI layout.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{ERROR, Format, SUCCESS, StackArguments, output};
use crate::diagnostic::Diagnostic;
use crate::files::{Root, Scope};
use crate::image::build::BaseImages;
use crate::image::layer::Layer;
use crate::image::layout::ImageLayout;
use crate::image::service::ImageService;
use crate::lock::{ImageName, Lock};
use crate::pipeline::{self, Request};
use crate::values::Platform;
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
    /// The folder to write the layout to; a folder in `.nself/images` by default.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    registry: super::lock::RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(arguments: &Arguments) -> u8 {
    build_image(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &arguments.stack.complete_hints(findings));
        ERROR
    })
}

fn build_image(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let request = arguments.stack.request(std::slice::from_ref(&arguments.env), None);
    let generated = pipeline::generate(&Request { allows_unwritten_migrations: true, ..request })?;
    // The request names one environment, so there is exactly one plan.
    let Some(planned) = generated.plans.first() else { return Ok(SUCCESS) };
    // Adds to a finding the line of the stack where its field is.
    let locate = |mut finding: Diagnostic| {
        planned.origins.locate(&mut finding);
        vec![finding]
    };
    let project = arguments.stack.project();
    let service = ImageService::find(&planned.plan, &arguments.service).map_err(locate)?;
    let layer = service.pack(&Root::project(&project)).map_err(locate)?;
    let lock = Lock::read(&project).map_err(locate)?;
    let platforms = service.platforms(&lock).map_err(locate)?;
    let base_images = match service.base().map_err(locate)? {
        None => BaseImages::none(&platforms),
        Some(base) => fetch_base_images(arguments, &service, &base, &platforms).map_err(locate)?,
    };
    let layout = service.build(&layer, base_images).map_err(locate)?;
    let (folder, displayed_path) = layout_folder(arguments, &project);
    layout.write(&folder).map_err(|error| vec![error.into()])?;
    print_report(arguments, &displayed_path, &service, (&layout, &layer), &platforms);
    Ok(SUCCESS)
}

/// Returns the folder of the layout, and its path for messages.
fn layout_folder(arguments: &Arguments, project: &Path) -> (Root, PathBuf) {
    match &arguments.out {
        Some(out) => (Root::inside(project, out, Scope::Output), out.clone()),
        None => {
            let path = Path::new("images").join(&arguments.env).join(&arguments.service);
            let stack = arguments.stack.path();
            let stack_folder = stack.parent().unwrap_or(Path::new(""));
            (Root::cache(project).below(&path), stack_folder.join(".nself").join(&path))
        }
    }
}

/// Reads the base image for each platform from its registry.
#[cfg(feature = "registry")]
fn fetch_base_images(
    arguments: &Arguments,
    service: &ImageService,
    base: &ImageName,
    platforms: &[Platform],
) -> Result<BaseImages, Diagnostic> {
    let base_images = arguments.registry.registry().base_images(base, platforms);
    base_images.map_err(|failure| failure.finding(service.base_field()))
}

#[cfg(not(feature = "registry"))]
fn fetch_base_images(
    _: &Arguments,
    service: &ImageService,
    _: &ImageName,
    _: &[Platform],
) -> Result<BaseImages, Diagnostic> {
    Err(Diagnostic::error(crate::diagnostic::Code::Image, service.base_field())
        .message("this nself was built without the feature `registry`, so it cannot fetch base images")
        .hint("use a published build of nself, or build it with the feature `registry`"))
}

/// Prints the name and digest of the image, and what was written to the folder `displayed_path`.
fn print_report(
    arguments: &Arguments,
    displayed_path: &Path,
    service: &ImageService,
    (layout, layer): (&ImageLayout, &Layer),
    platforms: &[Platform],
) {
    let image = &service.image;
    for path in &layer.omitted_paths {
        output::remark(&format!("left out: {path}"));
    }
    let digest = &layout.image.digest;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "written", "image": image.to_string(), "digest": digest, "kind": layout.kind(),
            "platforms": platforms, "folder": displayed_path.display().to_string(), "left_out": layer.omitted_paths,
        })),
        Format::Text => {
            output::line(&format!("{image}@{digest}"));
            let platforms: Vec<&str> = platforms.iter().map(Platform::as_str).collect();
            let files = words::count(layer.files.len(), "file");
            output::remark(&format!("{}: {files} for {}", displayed_path.display(), platforms.join(", ")));
        }
    }
}
