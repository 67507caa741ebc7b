//! `nself lock`: pins the images of the stack to digests in nself.lock.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::diagnostic::{self, Diagnostic};
use crate::lock::{self, Change, FILE, Lock, StackImages};
use crate::pipeline::{self, Request};
use crate::registry::{HostSettings, Registry};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,
    /// Get the current digest of this image; without a tag, of all its tags. May be repeated.
    #[arg(long, value_name = "IMAGE")]
    update: Vec<String>,
    /// Get the current digest of every image.
    #[arg(long)]
    update_all: bool,
    /// Write nothing; exit with 1 if nself.lock would change. Contacts registries only with --update or --update-all.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Options for connections to registries.
#[derive(Debug, Clone, Args)]
pub struct RegistryArguments {
    /// Read content of HOST from MIRROR first; a prefix of repositories may follow. May be repeated.
    #[arg(long, value_name = "HOST=MIRROR[/PREFIX]", value_parser = HostSettings::parse_mirror)]
    mirror: Vec<(String, String)>,
    /// Use plain HTTP for this host. May be repeated.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

impl RegistryArguments {
    /// Returns a client for registries with these options.
    pub fn registry(&self) -> Registry {
        Registry::new(HostSettings::new(&self.mirror, &self.plain_http))
    }
}

pub fn run(arguments: &Arguments) -> u8 {
    lock(arguments).unwrap_or_else(|findings| {
        output::failure(arguments.format, &arguments.stack.complete_hints(diagnostic::merge(findings)));
        ERROR
    })
}

/// Updates or checks nself.lock, prints the changes, and returns the exit code.
fn lock(arguments: &Arguments) -> Result<u8, Vec<Diagnostic>> {
    let project = arguments.stack.project();
    let old = Lock::read(&project).map_err(|finding| vec![finding])?;
    let images = stack_images(&arguments.stack)?;
    let images_to_update = match arguments.update_all {
        true => images.names(),
        false => lock::select(&images, &arguments.update)?,
    };
    if arguments.check && images_to_update.is_empty() {
        return Ok(print_check(arguments, &old, &images));
    }
    let resolve = |names: &BTreeSet<String>| arguments.registry.registry().resolve_all(names);
    let new = lock::update(&old, &images, images_to_update, resolve)?;
    let is_changed = !new.is_written(&project).map_err(|finding| vec![finding])?;
    if is_changed && !arguments.check {
        new.write(&project).map_err(|finding| vec![finding])?;
    }
    Ok(print_report(arguments, &lock::changes(&old, &new), new.images.len(), is_changed))
}

/// Returns the images of all environments, as the stack names them: without the digests of the lock.
fn stack_images(stack: &StackArguments) -> Result<StackImages, Vec<Diagnostic>> {
    let request =
        Request { pins: Some(Lock::default()), allows_unwritten_migrations: true, ..stack.request(&[], None) };
    let generated = pipeline::generate(&request)?;
    let mut images = StackImages::default();
    for planned in &generated.plans {
        for (path, image) in planned.plan.images() {
            let span = planned.origins.span(&path);
            images.add(image, path, span);
        }
    }
    Ok(images)
}

/// Prints where the images of the stack differ from the lock, and returns the exit code. It contacts no registry.
fn print_check(arguments: &Arguments, lock: &Lock, images: &StackImages) -> u8 {
    let findings = arguments.stack.complete_hints(diagnostic::merge(images.differences(lock)));
    match arguments.format {
        Format::Json => {
            let status = if findings.is_empty() { "same" } else { "differs" };
            output::json(&json!({ "version": 1, "status": status, "diagnostics": findings }));
        }
        Format::Text if findings.is_empty() => {
            output::remark(&format!("{FILE}: {}, all pinned", words::count(images.count(), "image")));
        }
        Format::Text => output::findings(&findings),
    }
    if findings.is_empty() { SUCCESS } else { DIFFERENCES }
}

/// Prints the changes of nself.lock, and returns the exit code. `image_count` is the number of images in the new lock.
fn print_report(arguments: &Arguments, changes: &[Change], image_count: usize, is_changed: bool) -> u8 {
    let (status, remark) = match (is_changed, arguments.check) {
        (false, _) => ("same", "all pinned"),
        (true, true) => ("differs", "differs from the registries; run the same command without --check to update it"),
        (true, false) => ("written", "written"),
    };
    match arguments.format {
        Format::Json => {
            output::json(&json!({ "version": 1, "status": status, "images": image_count, "changes": changes }));
        }
        Format::Text => {
            changes.iter().for_each(|change| output::line(&change_line(change)));
            output::remark(&format!("{FILE}: {}; {remark}", words::count(image_count, "image")));
        }
    }
    if status == "differs" { DIFFERENCES } else { SUCCESS }
}

/// Returns the line of a change, such as `locked redis:8 sha256:…`. An image whose digest stays the same has new
/// platforms.
fn change_line(Change { image, from, to }: &Change) -> String {
    match (from, to) {
        (None, Some(to)) => format!("locked {image} {to}"),
        (Some(from), Some(to)) if from == to => format!("added platforms {image}"),
        (Some(from), Some(to)) => format!("updated {image} {from} -> {to}"),
        (_, None) => format!("removed {image}"),
    }
}
