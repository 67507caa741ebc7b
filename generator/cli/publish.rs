//! `nself publish`, `attest` and `pull`: the rendered set in a registry, what it was made from, and back. What is
//! published is what the manifest records, so values of secrets cannot be part of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::lock::WaysArguments;
use super::{FAILED, FINE, Format, StackArguments, generate, output};
use crate::artifact::{ArtifactPath, Digest, Sha256, json as writer};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::lock::Reference;
use crate::oci::inventory;
use crate::oci::set::{self, Files};
use crate::oci::statement::{self, ENVELOPE, Key, Trust};
use crate::registry::{Failure, Registry, media};
use crate::store::{self, MANIFEST, Manifest};

/// Where a set lies.
fn artifact(text: &str) -> Result<Reference, String> {
    let name = text.strip_prefix("oci://").ok_or("it does not begin with oci://")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:@-[]".contains(c)) && name.contains('/');
    let reference = Reference::read(name);
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
    to: Reference,
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
    what: Option<Reference>,
    #[command(flatten)]
    stack: StackArguments,
    /// The private key that signs.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// Make a key and its public half, FILE.pub, and do nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    new_key: Option<PathBuf>,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub struct PullArguments {
    /// `oci://HOST/REPOSITORY:TAG` or `…@sha256:…`.
    #[arg(value_parser = artifact)]
    from: Reference,
    /// The folder to write; it must be empty or hold an earlier pull as it was.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Take only what this public key attests. May be repeated; one is enough.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

type Outcome = Result<(), Vec<Diagnostic>>;

fn end(outcome: Outcome, format: Format) -> u8 {
    match outcome {
        Ok(()) => FINE,
        Err(findings) => {
            output::failure(format, &findings);
            FAILED
        }
    }
}

pub fn publish(arguments: &PublishArguments) -> u8 {
    end(do_publish(arguments), arguments.format)
}

pub fn attest(arguments: &AttestArguments) -> u8 {
    end(do_attest(arguments), arguments.format)
}

pub fn pull(arguments: &PullArguments) -> u8 {
    end(do_pull(arguments), arguments.format)
}

fn failed(failure: Failure) -> Vec<Diagnostic> {
    vec![failure.finding(FieldPath::root())]
}

fn set_finding(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Set, FieldPath::root()).message(message)
}

/// The files that the manifest records, as they were generated.
fn recorded(out: &Path, environments: &[String]) -> Result<Files, Vec<Diagnostic>> {
    let whole = Manifest::read(out).map_err(|finding| vec![finding])?;
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
    for (path, record) in &manifest.files {
        match store::read(out, path.as_str()) {
            Ok(Some(bytes)) if Digest::of(&bytes) == record.digest => drop(files.insert(path.to_string(), bytes)),
            Ok(_) => findings.push(
                set_finding(format!("{path} is not what the manifest says"))
                    .hint("`nself check` shows the difference; only what was generated is published"),
            ),
            Err(finding) => findings.push(finding),
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
    let (blobs, digest) = set::pack(title, &files).map_err(|error| vec![set_finding(error.to_string())])?;
    let registry = arguments.ways.registry();
    for (blob, bytes) in &blobs.0 {
        if *blob != digest {
            registry.push_blob(&arguments.to, bytes).map_err(failed)?;
        }
    }
    let manifest = &blobs.0[&digest];
    registry.push_manifest(&arguments.to, None, media::MANIFEST, manifest).map_err(failed)?;
    let bill = writer::to_canonical(&inventory::spdx(title, &digest, &files));
    let bill = registry.refer(&arguments.to, (&digest, manifest.len()), inventory::SPDX, &bill).map_err(failed)?;
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
fn fetch(registry: &Registry, reference: &Reference) -> Result<(Sha256, usize, Files), Vec<Diagnostic>> {
    let manifest = registry.manifest(reference).map_err(failed)?;
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let layers = document["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let digest = match layers {
        [layer] if layer["mediaType"] == set::CONTENT => layer["digest"].as_str(),
        _ => None,
    };
    let digest = digest.and_then(|digest| Sha256::try_from(digest.to_owned()).ok());
    let digest = digest.ok_or_else(|| vec![set_finding(format!("{reference} is no set of generated files"))])?;
    let layer = registry.blob(reference, &digest).map_err(failed)?;
    let files = set::unpack(&layer).map_err(|error| vec![set_finding(format!("{reference}: {error}"))])?;
    Ok((manifest.digest, manifest.bytes.len(), files))
}

fn sums(files: &Files) -> BTreeMap<String, Sha256> {
    files.iter().map(|(path, bytes)| (path.clone(), Sha256::of(bytes))).collect()
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
    let (derived, inputs) = derive(&arguments.stack, &files)?;
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
    let text = statement::statement(&what.name(), &subject, &sums(&files), &inputs);
    let envelope = key.seal(&text);
    let digest = registry.refer(what, (&subject, size), ENVELOPE, &envelope).map_err(failed)?;
    let name = format!("oci://{}@{digest}", what.name());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "attested", "subject": subject, "attestation": name,
            "statement": Sha256::of(&text), "inputs": inputs,
        })),
        Format::Text => {
            output::line(&name);
            output::remark(&format!("{} files from {} inputs attested", files.len(), inputs.len()));
        }
    }
    Ok(())
}

/// What the stack gives for the environments of a set, with its manifest; and what it was read from.
fn derive(stack: &StackArguments, files: &Files) -> Result<(Files, BTreeMap<String, Sha256>), Vec<Diagnostic>> {
    let environments: std::collections::BTreeSet<String> =
        files.keys().filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect();
    let environments: Vec<String> = environments.into_iter().collect();
    let made = generate::made(stack, &environments, None, None)?;
    let mut manifest = Manifest::default();
    let mut derived = Files::new();
    for (path, artifact) in made.artifacts.iter() {
        manifest.files.insert(path.clone(), artifact.record());
        derived.insert(path.to_string(), artifact.bytes().unwrap_or_default().to_vec());
    }
    derived.insert(MANIFEST.to_owned(), manifest.to_bytes());
    let project = stack.project();
    let inputs = made.inputs.iter().filter_map(|path| {
        let shown = path.strip_prefix(&project).ok()?.to_string_lossy().into_owned();
        Some((shown, Sha256::of(&std::fs::read(path).ok()?)))
    });
    Ok((derived, inputs.collect()))
}

fn do_pull(arguments: &PullArguments) -> Outcome {
    let mut trusted = Vec::new();
    for path in &arguments.trust {
        trusted.push(Trust::read(path).map_err(|error| {
            vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))]
        })?);
    }
    let registry = arguments.ways.registry();
    let (digest, _, files) = fetch(&registry, &arguments.from)?;
    let attested = trusted.is_empty() || attested(&registry, &arguments.from, &digest, &sums(&files), &trusted)?;
    if !attested {
        return Err(vec![
            set_finding(format!("nobody who is trusted attests {}@{digest}", arguments.from.name()))
                .hint("`nself attest` signs what a stack gives"),
        ]);
    }
    let manifest = place(&arguments.out, &files)?;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "pulled", "digest": digest, "files": manifest.files.len(),
            "attested": !trusted.is_empty(),
        })),
        Format::Text => {
            output::line(&format!("oci://{}@{digest}", arguments.from.name()));
            let how = if trusted.is_empty() { "not attested: no key was given with --trust" } else { "attested" };
            output::remark(&format!("{}: {} files, {how}", arguments.out.display(), manifest.files.len()));
        }
    }
    Ok(())
}

/// Whether one of the keys signed a statement about this very set.
fn attested(
    registry: &Registry,
    reference: &Reference,
    digest: &Sha256,
    files: &BTreeMap<String, Sha256>,
    trusted: &[Trust],
) -> Result<bool, Vec<Diagnostic>> {
    for referrer in registry.referrers(reference, digest).map_err(failed)? {
        if referrer.artifact_type != ENVELOPE {
            continue;
        }
        let at = Reference { digest: Some(referrer.digest), ..reference.clone() };
        let manifest = registry.manifest(&at).map_err(failed)?;
        let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
        let layer = document["layers"][0]["digest"].as_str().and_then(|text| Sha256::try_from(text.to_owned()).ok());
        let Some(layer) = layer else { continue };
        let envelope = registry.blob(reference, &layer).map_err(failed)?;
        let opened = trusted.iter().find_map(|key| key.open(&envelope));
        if opened.is_some_and(|statement| statement::covers(&statement, digest, files)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes a set whose manifest records exactly its files; files of an earlier pull that are gone from it go.
fn place(out: &Path, files: &Files) -> Result<Manifest, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let text = files.get(MANIFEST).ok_or_else(|| one(set_finding(format!("the set has no {MANIFEST}"))))?;
    let manifest = Manifest::parse(text).map_err(one)?;
    let recorded = |path: &String, bytes: &Vec<u8>| {
        path == MANIFEST || manifest.files.get(path.as_str()).is_some_and(|record| record.digest == Digest::of(bytes))
    };
    if files.len() != manifest.files.len() + 1 || !files.iter().all(|(path, bytes)| recorded(path, bytes)) {
        return Err(one(set_finding("the files of the set are not those of its manifest")));
    }
    let before = Manifest::read(out).map_err(one)?;
    let mut findings = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        let ours = match store::read(out, path.as_str()) {
            Ok(None) => true,
            Ok(Some(there)) => {
                there == *bytes || before.files.get(path.as_str()).is_some_and(|old| old.digest == Digest::of(&there))
            }
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        if !ours {
            findings.push(
                Diagnostic::error(Code::Foreign, FieldPath::root())
                    .message(format!("{path} in {} is not from an earlier pull", out.display()))
                    .hint("pull into an empty folder"),
            );
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        store::write(out, path, bytes).map_err(one)?;
    }
    for (path, old) in before.files.iter().filter(|(path, _)| !files.contains_key(path.as_str())) {
        if store::read(out, path.as_str()).map_err(one)?.is_some_and(|bytes| Digest::of(&bytes) == old.digest) {
            let _ = std::fs::remove_file(out.join(path.as_str()));
        }
    }
    store::write(out, MANIFEST, text).map_err(one)?;
    Ok(manifest)
}
