//! `nself pull`: a published set into a folder. With `--trust`, only a set that a key signed for this very name, and none
//! that is older than the one that is there. What no generator writes is never written.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::lock::WaysArguments;
use super::publish::{Outcome, artifact, end, environments, failed, fetch, set_finding, sums, tag};
use super::{Format, output};
use crate::artifact::{ArtifactPath, Digest, Sha256, json as writer};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, Root, Scope};
use crate::lock::ImageName;
use crate::registry::Registry;
use crate::release::archive::{self, Files};
use crate::release::attestation::{self, ENVELOPE, Trust};
use crate::release::record::{PullRecord, Release, Wanted};
use crate::store::{MANIFEST, Manifest};

#[derive(Debug, Args)]
pub struct PullArguments {
    /// `oci://HOST/REPOSITORY:TAG` or `…@sha256:…`.
    #[arg(value_parser = artifact)]
    from: ImageName,
    /// Take only a set of exactly these environments; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The folder to write; it must be empty or hold an earlier pull as it was.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Take only what this public key attests for this name. May be repeated; one is enough.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Take a set that is older than the one that is there, or of which this is not known.
    #[arg(long)]
    allow_downgrade: bool,
    #[command(flatten)]
    ways: WaysArguments,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The record of a pull, beside the manifest.
const RECORD: &str = "nself.pull.json";
/// Most referrers of a set that are looked at.
const REFERRERS: usize = 100;

pub fn pull(arguments: &PullArguments) -> u8 {
    end(do_pull(arguments), arguments.format)
}

fn do_pull(arguments: &PullArguments) -> Outcome {
    let mut trusted = Vec::new();
    for path in &arguments.trust {
        trusted.push(Trust::read(path).map_err(|error| {
            vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))]
        })?);
    }
    let out = Root::at(&arguments.out, Scope::Output);
    let before = read_record(&out)?;
    let registry = arguments.ways.registry();
    let (digest, _, files) = fetch(&registry, &arguments.from)?;
    let wanted = Wanted {
        repository: arguments.from.name(),
        tag: tag(&arguments.from),
        environments: arguments.environments.iter().cloned().collect(),
    };
    if !wanted.environments.is_empty() && environments(&files) != wanted.environments {
        let names: Vec<String> = environments(&files).into_iter().collect();
        return Err(vec![
            set_finding(format!("{} is of the environments {}", arguments.from, names.join(", ")))
                .expected(format!("exactly {}", arguments.environments.join(", "))),
        ]);
    }
    let release = if trusted.is_empty() {
        None
    } else {
        Some(attested(&registry, &arguments.from, &wanted, (&digest, &sums(&files)), &trusted)?)
    };
    let record = PullRecord { version: 1, digest: digest.clone(), release };
    let first = Manifest::read(&out).map_err(|finding| vec![finding])?.files.is_empty();
    if !arguments.allow_downgrade && !first {
        forward(&record, before.as_ref()).map_err(|finding| vec![finding])?;
    }
    let manifest = place(&out, &arguments.out, &files, &record)?;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "pulled", "digest": digest, "files": manifest.files.len(),
            "attested": record.release.is_some(), "release": record.release,
        })),
        Format::Text => {
            output::line(&format!("oci://{}@{digest}", arguments.from.name()));
            let how = if trusted.is_empty() { "not attested: no key was given with --trust" } else { "attested" };
            output::remark(&format!("{}: {} files, {how}", arguments.out.display(), manifest.files.len()));
        }
    }
    Ok(())
}

/// The release for which one of the keys signed this very set, under the name by which it was asked for.
fn attested(
    registry: &Registry,
    reference: &ImageName,
    wanted: &Wanted,
    (digest, files): (&Sha256, &BTreeMap<String, Sha256>),
    trusted: &[Trust],
) -> Result<Release, Vec<Diagnostic>> {
    let mut mismatch = None;
    let referrers = registry.referrers(reference, digest).map_err(failed)?;
    for referrer in referrers.into_iter().filter(|referrer| referrer.artifact_type == ENVELOPE).take(REFERRERS) {
        let at = ImageName { digest: Some(referrer.digest), ..reference.clone() };
        let manifest = registry.manifest(&at).map_err(failed)?;
        let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
        let layer = document["layers"][0]["digest"].as_str().and_then(|text| Sha256::try_from(text.to_owned()).ok());
        let Some(layer) = layer else { continue };
        let envelope = registry.blob(reference, &layer).map_err(failed)?;
        let opened = trusted.iter().find_map(|key| key.open(&envelope));
        let Some(release) = opened.and_then(|statement| attestation::release(&statement, digest, files)) else {
            continue;
        };
        match release.mismatch(wanted) {
            None => return Ok(release),
            Some(reason) => mismatch = Some(reason),
        }
    }
    let name = format!("{}@{digest}", wanted.repository);
    Err(vec![match mismatch {
        Some(reason) => Diagnostic::error(Code::ReleaseMismatch, FieldPath::root())
            .message(format!("{name} is attested for something else: {reason}"))
            .expected("a statement for the name by which the set is pulled")
            .hint("name what you want as it was attested, or `nself attest` it under this name"),
        None => set_finding(format!("none of the trusted keys attests {name}"))
            .hint("`nself attest` signs what a stack gives"),
    }])
}

/// Whether a set may replace the one that is there.
fn forward(new: &PullRecord, before: Option<&PullRecord>) -> Result<(), Diagnostic> {
    let refused = |code, message: String| {
        Err(Diagnostic::error(code, FieldPath::root())
            .message(message)
            .hint("`--allow-downgrade` takes it all the same; `nself attest --serial NUMBER` gives sets an order"))
    };
    let old = before.and_then(|before| before.release.as_ref());
    let (release, old) = match (&new.release, old) {
        (Some(release), Some(old)) => (release, old),
        (None, Some(_)) => {
            return refused(
                Code::ReleaseOrder,
                "a set without a signature would replace one that was attested".to_owned(),
            );
        }
        (Some(_), None) => {
            return refused(
                Code::ReleaseOrder,
                "what is there was not attested, so its order to the new set is unknown".to_owned(),
            );
        }
        (None, None) => return Ok(()),
    };
    if let Some(reason) = release.discontinuity(old) {
        return refused(Code::ReleaseMismatch, format!("the set does not continue the one that is there: {reason}"));
    }
    if before.is_some_and(|before| before.digest == new.digest) {
        return Ok(());
    }
    let name = |release: &Release| match (release.serial, &release.tag) {
        (Some(serial), Some(tag)) => format!("{tag} with serial {serial}"),
        (Some(serial), None) => format!("serial {serial}"),
        (None, tag) => tag.clone().unwrap_or_else(|| "a set without a tag".to_owned()),
    };
    match release.order(old) {
        Some(Ordering::Greater) => Ok(()),
        Some(Ordering::Less) => {
            refused(Code::ReleaseOrder, format!("{} is older than {}, which is there", name(release), name(old)))
        }
        Some(Ordering::Equal) => refused(
            Code::ReleaseOrder,
            format!("{} is a different set than {}, which is there, and not a newer one", name(release), name(old)),
        ),
        None => refused(
            Code::ReleaseOrder,
            format!("whether {} is newer than {}, which is there, is not known", name(release), name(old)),
        ),
    }
}

/// What an earlier pull wrote of itself.
fn read_record(out: &Root) -> Result<Option<PullRecord>, Vec<Diagnostic>> {
    let Some(text) = out.read(RECORD, FileKind::Manifest).map_err(|error| vec![error.into()])? else { return Ok(None) };
    let damaged = |reason: String| {
        vec![
            Diagnostic::error(Code::Manifest, FieldPath::root())
                .message(format!("{} is damaged: {reason}", out.path().join(RECORD).display()))
                .hint("pull into an empty folder"),
        ]
    };
    let record: PullRecord = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if record.version == 1 { Ok(Some(record)) } else { Err(damaged("it is from a newer release of nself".to_owned())) }
}

/// Writes a set whose manifest records exactly its files; files of an earlier pull that are gone from it go.
fn place(out: &Root, shown: &Path, files: &Files, record: &PullRecord) -> Result<Manifest, Vec<Diagnostic>> {
    let one = |finding: Diagnostic| vec![finding];
    let text = files.get(MANIFEST).ok_or_else(|| one(set_finding(format!("the set has no {MANIFEST}"))))?;
    let findings: Vec<Diagnostic> = files.iter().filter_map(|(path, bytes)| refusal(path, bytes)).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let manifest = Manifest::parse(text).and_then(Manifest::settled).map_err(one)?;
    let recorded = |path: &String, bytes: &Vec<u8>| {
        path == MANIFEST || manifest.files.get(path.as_str()).is_some_and(|digest| *digest == Digest::of(bytes))
    };
    if files.len() != manifest.files.len() + 1 || !files.iter().all(|(path, bytes)| recorded(path, bytes)) {
        return Err(one(set_finding("the files of the set are not those of its manifest")));
    }
    let before = Manifest::read(out).map_err(one)?;
    in_the_way(out, shown, files, &before)?;
    let folder = out.make(0o755).map_err(|error| one(error.into()))?;
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        folder.write(path, bytes).map_err(|error| one(error.into()))?;
    }
    let gone: BTreeSet<&ArtifactPath> = before.files.keys().filter(|path| !files.contains_key(path.as_str())).collect();
    for path in gone {
        let there = folder.read(path.as_str(), FileKind::Output).map_err(|error| one(error.into()))?;
        if there.is_some_and(|bytes| Digest::of(&bytes) == before.files[path]) {
            let _ = folder.remove_file(path.as_str());
        }
    }
    folder.write(RECORD, &writer::to_pretty(record)).map_err(|error| one(error.into()))?;
    folder.write(MANIFEST, text).map_err(|error| one(error.into()))?;
    Ok(manifest)
}

/// The finding about a file that no generator writes.
fn refusal(path: &str, bytes: &[u8]) -> Option<Diagnostic> {
    (path != MANIFEST && !archive::is_generated(path, bytes)).then(|| {
        Diagnostic::error(Code::ReleasePath, FieldPath::root())
            .message(format!("`nself gen` never writes `{path}` with this content, and the set holds it"))
            .expected("generated files below a folder for each environment")
            .hint("do not use this set; find out who published it")
    })
}

/// Refuses files that no earlier pull wrote.
fn in_the_way(out: &Root, shown: &Path, files: &Files, before: &Manifest) -> Result<(), Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let Some(folder) = out.open().map_err(|error| vec![error.into()])? else { return Ok(()) };
    for (path, bytes) in files.iter().filter(|(path, _)| *path != MANIFEST) {
        match folder.read(path, FileKind::Output) {
            Ok(None) => {}
            Ok(Some(there)) => {
                let written = before.files.get(path.as_str()).is_some_and(|old| *old == Digest::of(&there));
                if there != *bytes && !written {
                    findings.push(
                        Diagnostic::error(Code::Foreign, FieldPath::root())
                            .message(format!("{path} in {} is not from an earlier pull", shown.display()))
                            .hint("pull into an empty folder"),
                    );
                }
            }
            Err(error) => findings.push(error.into()),
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}
