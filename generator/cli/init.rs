//! `nself init`: writes a starter stack, or the folder of a new service. It never prompts and never overwrites files.

use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::free_port::free_port;
use super::{ERROR, SUCCESS, StackArguments, output};
use crate::commands::shell_word;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{self, FileError, Reason, Root};
use crate::plan::CUSTOM_PORTS;
use crate::source::STACK_FILE;
use crate::templates;
use crate::values::{Checked, ProjectName, ProjectPath, ServiceName};

/// The starter stack, with a marker in place of the project's name.
const STARTER: &str = include_str!("../../stdlib/init/stack.ncl");
const MARKER: &str = "my-project";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder of the project, or of the service.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Write a new service from this template instead of a stack.
    #[arg(long, value_name = "NAME", value_parser = parse_template)]
    template: Option<String>,
}

/// Parses the name of a template. The error lists all templates.
pub(super) fn parse_template(name: &str) -> Result<String, String> {
    let template_names: Vec<&str> = templates::names().into_iter().collect();
    if template_names.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("expected {}", crate::words::one_of(&template_names)))
    }
}

pub fn run(arguments: &Arguments) -> u8 {
    let folder = &arguments.folder;
    let (files, next_step) = match &arguments.template {
        None => {
            let text = STARTER.replace(MARKER, &project_name(folder)).into_bytes();
            (vec![(STACK_FILE, text)], first_run(folder))
        }
        Some(name) => {
            let files = templates::files(name).map(|(path, bytes)| (path, bytes.to_vec()));
            (files.collect(), step_for_stack(folder, name))
        }
    };
    match write_files(folder, &files) {
        Ok(()) => {
            for (path, _) in &files {
                output::line(&folder.join(path).display().to_string());
            }
            output::remark(&format!("next: {next_step}"));
            SUCCESS
        }
        Err(findings) => {
            output::findings(&findings);
            ERROR
        }
    }
}

/// Returns the commands that generate and start the stack in a folder.
fn first_run(folder: &Path) -> String {
    let is_working_folder = folder.components().all(|part| part == Component::CurDir);
    let change_folder = if is_working_folder { String::new() } else { format!("cd {} && ", shell_word(folder)) };
    let commands =
        "nself gen && nself secrets init --env local && docker compose -f deploy/local/compose.yaml up --wait";
    change_folder + commands
}

/// Returns the next step: to add the service to the stack, or to move the folder if no stack can use its path.
fn step_for_stack(folder: &Path, template: &str) -> String {
    let working_folder = std::env::current_dir().unwrap_or_default();
    let build_context = folder.strip_prefix(working_folder).unwrap_or(folder).display().to_string();
    if let Some(reason) = ProjectPath::refusal(&build_context) {
        return format!(
            "move the folder to a path that a stack can use, such as `services/orders` next to stack.ncl: {reason}"
        );
    }
    let folder_name = folder.file_name().and_then(|name| name.to_str());
    let service = folder_name.filter(|name| ServiceName::refusal(name).is_none()).unwrap_or("orders");
    let port = free_port(&StackArguments::default_stack().evaluation_request(), CUSTOM_PORTS);
    format!(
        "in stack.ncl: services.{service} = nself.templates.{template} & {{ build.context = \"{build_context}\", port = {port} }},"
    )
}

/// Writes all files. If one of them exists, it writes none.
///
/// # Errors
/// NS804, with the file.
pub(super) fn write_files(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Vec<Diagnostic>> {
    try_write_files(folder, files).map_err(|(path, error)| {
        let finding = if error.already_exists() {
            let path = path.strip_prefix(".").unwrap_or(&path).display();
            let message = format!("{path} already exists and was not changed");
            Diagnostic::error(Code::Io, FieldPath::root())
                .message(message)
                .hint("move the file, or choose a different folder")
        } else {
            error.into()
        };
        vec![finding]
    })
}

/// Does the same as [`write_files`]. The error contains the path of the file or folder that failed, in terms of
/// `folder`.
fn try_write_files(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), (PathBuf, FileError)> {
    let root = Root::named(folder);
    let root_folder = root.open_or_create(0o755).map_err(|error| (folder.to_owned(), error))?;
    for (path, _) in files {
        let with_path = |error| (folder.join(path), error);
        if root_folder.stat(path).map_err(with_path)?.is_some() {
            let reason = Reason::System(std::io::ErrorKind::AlreadyExists.into());
            return Err(with_path(FileError { path: folder.join(path), scope: root_folder.scope(), reason }));
        }
    }
    for (path, bytes) in files {
        let parent = Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent_result = parent.map_or(Ok(()), |parent| root_folder.make_folder(parent, 0o755).map(drop));
        parent_result
            .and_then(|()| root_folder.create(path, bytes, 0o644))
            .map_err(|error| (folder.join(path), error))?;
    }
    Ok(())
}

/// Returns the name of a folder, reduced to the characters that the name of a project can have: `my-shop` for
/// `My Shop!`. It is `my-project` if the result is not a valid name. The folder is created, because only an existing
/// folder has a real path.
fn project_name(folder: &Path) -> String {
    let _ = Root::named(folder).open_or_create(0o755);
    let name = files::real_path(folder).ok().and_then(|path| Some(path.file_name()?.to_str()?.to_ascii_lowercase()));
    let with_hyphens: String =
        name.unwrap_or_default().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // Several hyphens in a row become one; hyphens at the start and end are removed.
    let parts: Vec<&str> = with_hyphens.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    if ProjectName::new(&name).is_ok() { name } else { MARKER.to_owned() }
}
