//! Plans configuration files of services. The content of a file is text or data in the stack with resolved references, or a
//! file of the project. It never contains a secret, because generated files are committed.

use std::collections::BTreeMap;

use super::file_content::{ContentResolver, Holder, refused_file};
use super::mail::MailServer;
use super::reference_scope::ReferenceScope;
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::addresses::Addresses;
use crate::plan::inputs::Inputs;
use crate::plan::model::{ConfigMount, File, FileContent};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::values::{ContainerPath, FileMode, ServiceName, assignments, credential_formats};

/// Maximum size of a file in bytes. A ConfigMap has at most 1 MiB, including the file's name.
const MAX_FILE_SIZE: usize = (1 << 20) - 1024;

/// Plans the files by their paths in the environment's folder, and mounts each into its service. Processes mount the
/// files of their service.
pub fn plan(
    inputs: Inputs,
    roster: &Roster,
    addresses: &Addresses,
    mail: &MailServer,
) -> Planned<BTreeMap<String, File>> {
    let mut planned = Planned::<BTreeMap<String, File>>::default();
    // The path in its container and the field of each file.
    let mut targets_by_source: BTreeMap<String, (&ContainerPath, FieldPath)> = BTreeMap::new();
    for (name, member) in roster {
        let owner = member.main_service(name);
        if owner == name {
            planned.findings.extend(check_nested_files(name, member));
        }
        for (target, declared) in &member.service.files {
            let path = roster[owner].path.key("files").key(target.as_str());
            let source = source(owner, target, declared.mode.as_ref());
            let mount = ConfigMount { source: source.clone(), target: target.clone(), reloads: false };
            planned.wirings.push(Wiring::new(name, Addition::Config(mount), &path));
            if owner != name {
                continue;
            }
            let scope = ReferenceScope { inputs, service: name, variable: None, roster, addresses, mail };
            let resolver = ContentResolver { scope, holder: Holder::File };
            let checked_file = resolver
                .resolve(declared, &path)
                .and_then(|file| check_path_and_size(target, file, &path))
                .and_then(|file| check_credentials(target, file));
            match checked_file {
                Ok(file) => {
                    if let Some((other_target, other_path)) =
                        targets_by_source.insert(source.clone(), (target, path.clone()))
                    {
                        let message = format!("`{target}` and `{other_target}` would both be written to `{source}`");
                        planned.findings.push(
                            refused_file(&path, message).hint(HINT_TO_RENAME).counterpart(other_path, "the other file"),
                        );
                    }
                    planned.value.insert(source, file);
                }
                Err(findings) => planned.findings.extend(findings),
            }
        }
    }
    planned
}

/// Returns the path of a file in the environment's folder. The names of hidden files start with `dot-` there, and files
/// with a mode are in a folder that names the mode (`artifact::mode`). A first folder with a name like a mode folder gets
/// the prefix `dir-`. For example, `/app/.env` of the service `web` is `files/web/app/dot-env`, with the mode 0600
/// `files/web/mode-0600/app/dot-env`.
fn source(service: &ServiceName, target: &ContainerPath, mode: Option<&FileMode>) -> String {
    let parts =
        target.as_str().trim_matches('/').split('/').enumerate().map(|(i, part)| match part.strip_prefix('.') {
            Some(hidden) => format!("dot-{hidden}"),
            None if i == 0 && part.starts_with(FileMode::FOLDER) => format!("dir-{part}"),
            None => part.to_owned(),
        });
    let mode = mode.map(|mode| format!("{:0>4}", mode.as_str())).filter(|mode| mode != "0644");
    let folder = mode.map_or_else(String::new, |mode| format!("{}{mode}/", FileMode::FOLDER));
    format!("files/{service}/{folder}{}", parts.collect::<Vec<_>>().join("/").replace('~', "-"))
}

/// The hint for two files of a service whose paths are different in the container, but not in the environment's folder.
const HINT_TO_RENAME: &str = "rename one of the two: `.` at the start of a name is written as `dot-`, and `~` as `-`";

/// Returns a finding for each file of a service that is below another file of it: in the container, as `/etc/app/key` is
/// below `/etc/app`, or only in the environment's folder, as `/dot-a/b` is below `/.a`.
fn check_nested_files(service: &ServiceName, member: &PlannedService) -> Vec<Diagnostic> {
    let files = &member.service.files;
    let path_of = |target: &ContainerPath| member.path.key("files").key(target.as_str());
    // `check_path_and_size` reports a target that names a folder.
    let named_files = files.iter().filter(|(target, _)| !target.as_str().ends_with('/'));
    let targets_by_source: BTreeMap<String, &ContainerPath> =
        named_files.map(|(target, declared)| (source(service, target, declared.mode.as_ref()), target)).collect();
    let mut findings = Vec::new();
    for (target, declared) in files {
        let source = source(service, target, declared.mode.as_ref());
        let outer_target = folders(target.as_str()).find_map(|folder| files.get_key_value(folder));
        let outer_source = folders(&source).find_map(|folder| targets_by_source.get_key_value(folder));
        let (outer, message, hint) = match (outer_target, outer_source) {
            (Some((outer, _)), _) => (
                outer,
                format!("`{target}` is inside `{outer}`, which is a file itself"),
                "change the path of one of the two, so that neither is a folder of the other",
            ),
            (None, Some((outer_source, outer))) => (
                *outer,
                format!("`{target}` would be written to `{source}`, but `{outer}` to the file `{outer_source}`"),
                HINT_TO_RENAME,
            ),
            (None, None) => continue,
        };
        findings.push(refused_file(&path_of(target), message).hint(hint).counterpart(path_of(outer), "the other file"));
    }
    findings
}

/// Returns every folder that contains the file at this path, the outermost first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(move |(i, _)| &path[..i])
}

/// Returns the file if it can be mounted: its path names a file, and a ConfigMap can hold its size.
fn check_path_and_size(target: &ContainerPath, file: File, path: &FieldPath) -> Result<File, Vec<Diagnostic>> {
    if target.as_str().ends_with('/') {
        let finding = refused_file(path, "the path ends with `/`, so it names a folder")
            .expected("the path of a file")
            .hint(format!("remove the `/`, or add the name of the file: `{target}file.conf`"));
        return Err(vec![finding]);
    }
    let size = match &file.content {
        FileContent::Text(text) => text.len(),
        FileContent::Yaml(data) | FileContent::Json(data) => data.to_string().len(),
    };
    if size <= MAX_FILE_SIZE {
        return Ok(file);
    }
    let finding = refused_file(&file.origin, format!("the file has {size} bytes"))
        .expected(format!("at most {MAX_FILE_SIZE} bytes, which a ConfigMap can hold"))
        .hint("build the file into the image, or let the service read it from a volume");
    Err(vec![finding])
}

/// Ends of the names of programs, in which `password = …` may be a variable of the program.
const PROGRAMS: [&str; 16] = [
    ".bash",
    ".cjs",
    ".go",
    ".java",
    ".js",
    ".lua",
    ".mjs",
    ".php",
    ".pl",
    ".py",
    ".rb",
    ".rs",
    ".sh",
    ".sql",
    ".ts",
    ".conf.template",
];

/// Returns the file if no line of its text gives a credential a value.
fn check_credentials(target: &ContainerPath, file: File) -> Result<File, Vec<Diagnostic>> {
    let FileContent::Text(text) = &file.content else { return Ok(file) };
    if PROGRAMS.iter().any(|end| target.as_str().ends_with(end)) {
        return Ok(file);
    }
    match assignments::line_in_configuration(text) {
        // A credential in a published format is reported with the text that contains it.
        Some(line) if credential_formats::find(text).is_none() => {
            Err(vec![Holder::File.refused_secret(
                &file.origin,
                &format!("line {line} of `{target}` contains a credential in plain text"),
            )])
        }
        _ => Ok(file),
    }
}
