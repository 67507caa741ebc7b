//! `nself publish` and `attest`: the rendered set in a registry, and a signature of what it was made from. What is
//! published is what the manifest records and a generator can write, so values of secrets cannot be part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::lock::WaysArguments;
use super::{ERROR, Format, SUCCESS, StackArguments, generate, output};
use crate::artifact::{ArtifactPath, Digest, Sha256, json as writer};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, Root, Scope, read_named};
use crate::lock::ImageName;
use crate::registry::{Failure, Registry, media};
use crate::release::archive::{self, Files};
use crate::release::attestation::{self, ENVELOPE, Key};
use crate::release::record::Release;
use crate::release::sbom;
use crate::store::{MANIFEST, Manifest};

/// Where a set lies.
pub(super) fn artifact(text: &str) -> Result<ImageName, String> {
    let name = text.strip_prefix("oci://").ok_or("it does not begin with oci://")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:@-[]".contains(c)) && name.contains('/');
    let reference = ImageName::read(name);
    if !plain || reference.repository.split('/').any(str::is_empty) || name.contains('@') && reference.digest.is_none()
    {
        return Err("it is not oci://HOST/REPOSITORY:TAG".to_owned());
    }
    Ok(reference)
}

#[derive(Debug, Args)]
pub struct PublishArguments {
    /// `oci://HOST/REPOSITORY:TAG`; the tag is `latest` unless given.
    #[arg(value_parser = artifact)]
    to: ImageName,
    /// Only this environment; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The output folder of `nself gen`.
    #[arg(long, default_value = "deploy", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub struct AttestArguments {
    /// `oci://HOST/REPOSITORY:TAG` or `…@sha256:…`.
    #[arg(value_parser = artifact, required_unless_present = "new_key")]
    what: Option<ImageName>,
    #[command(flatten)]
    stack: StackArguments,
    /// The private key that signs.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// A number that grows from release to release, such as `git rev-list --count HEAD`: it tells which of two sets is
    /// newer where their tags do not, as `main`.
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u64>,
    /// Make a key and its public half, FILE.pub, and do nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    new_key: Option<PathBuf>,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) type Outcome = Result<(), Vec<Diagnostic>>;

pub(super) fn end(outcome: Outcome, format: Format) -> u8 {
    match outcome {
        Ok(()) => SUCCESS,
        Err(findings) => {
            output::failure(format, &findings);
            ERROR
        }
    }
}

pub fn publish(arguments: &PublishArguments) -> u8 {
    end(do_publish(arguments), arguments.format)
}

pub fn attest(arguments: &AttestArguments) -> u8 {
    end(do_attest(arguments), arguments.format)
}

pub(super) fn failed(failure: Failure) -> Vec<Diagnostic> {
    vec![failure.finding(FieldPath::root())]
}

pub(super) fn set_finding(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Release, FieldPath::root()).message(message)
}

/// The files that the manifest records, as they were generated.
fn recorded(out: &Path, environments: &[String]) -> Result<Files, Vec<Diagnostic>> {
    let folder = Root::at(out, Scope::Output);
    let whole = Manifest::read(&folder).and_then(Manifest::settled).map_err(|finding| vec![finding])?;
    let mut manifest = Manifest::default();
    let chosen =
        |path: &ArtifactPath| environments.is_empty() || environments.iter().any(|name| path.top() == name.as_str());
    manifest.files.extend(whole.files.into_iter().filter(|(path, _)| chosen(path)));
    if manifest.files.is_empty() {
        return Err(vec![
            set_finding(format!("{}: nothing is recorded there", out.display()))
                .hint("`nself gen` generates and records"),
        ]);
    }
    let mut files = Files::new();
    let mut findings = Vec::new();
    for (path, digest) in &manifest.files {
        match folder.read(path.as_str(), FileKind::Output) {
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => drop(files.insert(path.to_string(), bytes)),
            Ok(_) => findings.push(
                set_finding(format!("{path} is not what the manifest says"))
                    .hint("`nself check` shows the difference; only what was generated is published"),
            ),
            Err(error) => findings.push(error.into()),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    files.insert(MANIFEST.to_owned(), manifest.to_bytes());
    Ok(files)
}

fn do_publish(arguments: &PublishArguments) -> Outcome {
    let files = recorded(&arguments.out, &arguments.environments)?;
    let title = arguments.to.repository.rsplit('/').next().unwrap_or_default();
    let (blobs, digest) = archive::pack(title, &files).map_err(|error| vec![set_finding(error.to_string())])?;
    let registry = arguments.ways.registry();
    for (blob, bytes) in &blobs.0 {
        if *blob != digest {
            registry.push_blob(&arguments.to, bytes).map_err(failed)?;
        }
    }
    let manifest = &blobs.0[&digest];
    registry.push_manifest(&arguments.to, None, media::MANIFEST, manifest).map_err(failed)?;
    let bill = writer::to_canonical(&sbom::spdx(title, &digest, &files));
    let bill = registry.refer(&arguments.to, (&digest, manifest.len()), sbom::SPDX, &bill).map_err(failed)?;
    // Last: before it, nothing can be pulled.
    let tag = arguments.to.tag.as_deref().unwrap_or("latest");
    registry.push_manifest(&arguments.to, Some(tag), media::MANIFEST, manifest).map_err(failed)?;
    let name = format!("oci://{}@{digest}", arguments.to.name());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "published", "artifact": name, "tag": tag, "digest": digest, "sbom": bill,
            "files": files.len(),
        })),
        Format::Text => {
            output::line(&name);
            output::remark(&format!("{} files published as {tag}", files.len()));
        }
    }
    Ok(())
}

/// A set in a registry: its manifest's digest and bytes, and its files, all checked.
pub(super) fn fetch(registry: &Registry, reference: &ImageName) -> Result<(Sha256, usize, Files), Vec<Diagnostic>> {
    let manifest = registry.manifest(reference).map_err(failed)?;
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let layers = document["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let digest = match layers {
        [layer] if layer["mediaType"] == archive::CONTENT => layer["digest"].as_str(),
        _ => None,
    };
    let digest = digest.and_then(|digest| Sha256::try_from(digest.to_owned()).ok());
    let digest = digest.ok_or_else(|| vec![set_finding(format!("{reference} is no set of generated files"))])?;
    let layer = registry.blob(reference, &digest).map_err(failed)?;
    let files = archive::unpack(&layer).map_err(|error| vec![set_finding(format!("{reference}: {error}"))])?;
    Ok((manifest.digest, manifest.bytes.len(), files))
}

pub(super) fn sums(files: &Files) -> BTreeMap<String, Sha256> {
    files.iter().map(|(path, bytes)| (path.clone(), Sha256::of(bytes))).collect()
}

/// The tag by which a set is named; none when its digest alone names it.
pub(super) fn tag(reference: &ImageName) -> Option<String> {
    let usual = || reference.digest.is_none().then(|| "latest".to_owned());
    reference.tag.clone().or_else(usual)
}

/// The environments of a set: its folders.
pub(super) fn environments(files: &Files) -> BTreeSet<String> {
    files.keys().filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect()
}

fn do_attest(arguments: &AttestArguments) -> Outcome {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{path}: {error}"))]
        }
    };
    if let Some(path) = &arguments.new_key {
        Key::create(path).map_err(io(path))?;
        output::line(&format!("{}.pub", path.display()));
        output::remark(&format!("{} is the private half: keep it out of version control", path.display()));
        return Ok(());
    }
    let (Some(what), Some(key_path)) = (&arguments.what, &arguments.key) else { return Ok(()) };
    let key = Key::read(key_path).map_err(io(key_path))?;
    let registry = arguments.ways.registry();
    let (subject, size, files) = fetch(&registry, what)?;
    // Nothing is signed that the stack does not give.
    let (derived, inputs, project) = derive(&arguments.stack, &files)?;
    if derived != files {
        let differ =
            files.iter().filter(|(path, bytes)| derived.get(*path) != Some(bytes)).map(|(path, _)| path.as_str());
        let gone = derived.keys().filter(|path| !files.contains_key(*path)).map(String::as_str);
        let names: Vec<&str> = differ.chain(gone).take(5).collect();
        return Err(vec![
            set_finding(format!("the stack gives something else than {what}: {}", names.join(", ")))
                .hint("publish what the stack gives now, or attest with the stack that it was made from"),
        ]);
    }
    let release = Release {
        repository: what.name(),
        tag: tag(what),
        project,
        environments: environments(&files),
        serial: arguments.serial,
    };
    let text = attestation::statement(&release, &subject, &sums(&files), &inputs);
    let envelope = key.seal(&text);
    let digest = registry.refer(what, (&subject, size), ENVELOPE, &envelope).map_err(failed)?;
    let name = format!("oci://{}@{digest}", what.name());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "attested", "subject": subject, "attestation": name,
            "statement": Sha256::of(&text), "release": release, "inputs": inputs,
        })),
        Format::Text => {
            output::line(&name);
            output::remark(&format!("{} files from {} inputs attested", files.len(), inputs.len()));
        }
    }
    Ok(())
}

/// What the stack gives for the environments of a set, with its manifest; what it was read from; and its project.
fn derive(stack: &StackArguments, files: &Files) -> Result<(Files, BTreeMap<String, Sha256>, String), Vec<Diagnostic>> {
    let environments: Vec<String> = environments(files).into_iter().collect();
    let made = generate::made(stack, &environments, None, None)?;
    let mut manifest = Manifest::default();
    let mut derived = Files::new();
    for (path, artifact) in made.artifacts.iter() {
        manifest.files.insert(path.clone(), artifact.digest());
        derived.insert(path.to_string(), artifact.bytes().unwrap_or_default().to_vec());
    }
    derived.insert(MANIFEST.to_owned(), manifest.to_bytes());
    let project = stack.project();
    let inputs = made.inputs.iter().filter_map(|path| {
        let shown = path.strip_prefix(&project).ok()?.to_string_lossy().into_owned();
        Some((shown, Sha256::of(&read_named(path, FileKind::Input).ok()?)))
    });
    let name = made.plans.first().map(|planned| planned.plan.project.to_string()).unwrap_or_default();
    Ok((derived, inputs.collect(), name))
}
