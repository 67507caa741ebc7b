//! `nself init`: asks nothing, overwrites nothing.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{FAILED, FINE, output};
use crate::stack::{Checked, ProjectName};

/// The starter stack; the marker is the project's name.
const STARTER: &str = include_str!("../../stdlib/init/stack.ncl");
const MARKER: &str = "my-project";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub fn run(arguments: &Arguments) -> u8 {
    let folder = &arguments.folder;
    let write = || {
        fs::create_dir_all(folder)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(folder.join("stack.ncl"))?;
        file.write_all(STARTER.replace(MARKER, &project_name(folder)).as_bytes())
    };
    match write() {
        Ok(()) => {
            let path = folder.join("stack.ncl");
            output::result(&format!("{}\n", path.display()));
            output::remark(
                "next: nself gen && nself secrets init --env local && docker compose -f deploy/local/compose.yaml up --wait",
            );
            FINE
        }
        Err(error) => {
            let path = folder.join("stack.ncl");
            let hint = if error.kind() == std::io::ErrorKind::AlreadyExists { "; it is kept as it is" } else { "" };
            output::remark(&format!("error: {}: {error}{hint}", path.display()));
            FAILED
        }
    }
}

/// The folder's name, as far as a project can be called that.
fn project_name(folder: &std::path::Path) -> String {
    let name = folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_ascii_lowercase()));
    let name: String =
        name.unwrap_or_default().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    if ProjectName::new(&name).is_ok() { name } else { MARKER.to_owned() }
}
