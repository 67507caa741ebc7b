//! A stamp as text: a line for each thing that was seen.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::fingerprint::{FileStat, Fingerprint, Watch};
use super::stamp::{Output, SeenOutput, Stamp};
use crate::artifact::{ArtifactPath, Digest};

const HEADER: &str = "nself stamp 5";
/// The derivation of the output before.
const SAME: &str = "=";

/// Nothing when something was not as it should be, and when a path is not text of one line.
pub fn write<'a>(
    identity: &str,
    said: &str,
    seen: &[Fingerprint],
    out: &Path,
    outputs: impl Iterator<Item = Option<(&'a ArtifactPath, &'a Digest, Option<SeenOutput>)>>,
) -> Option<String> {
    let mut text = String::with_capacity(256 * (seen.len() + outputs.size_hint().0) + said.len());
    write!(text, "{HEADER}\n{identity}\n{}\n{said}\n{}\n", said.len(), line(out)?).ok()?;
    for Fingerprint { watch, meta, digest } in seen {
        let (kind, path) = match watch {
            Watch::Program(path) => ('p', path),
            Watch::File(path) => ('f', path),
            Watch::Absent(path) => ('a', path),
            Watch::Plain(path) => ('l', path),
            Watch::Folder(path) => ('d', path),
            Watch::Clean(path) => ('c', path),
        };
        writeln!(text, "{kind} {meta} {digest} {}", line(path)?).ok()?;
    }
    let mut last = None;
    for output in outputs {
        let (path, digest, seen) = output?;
        let Some(SeenOutput { meta, derivation }) = seen else {
            text.extend(["r ", digest.as_str(), " ", path.as_str(), "\n"]);
            continue;
        };
        // Outputs of one step follow one another.
        let step = if last == Some(derivation) { SAME } else { derivation.as_str() };
        writeln!(text, "o {meta} {step} {digest} {path}").ok()?;
        last = Some(derivation);
    }
    text.push_str("end\n");
    Some(text)
}

pub fn parse(text: &str) -> Option<Stamp> {
    let text = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
    let (identity, text) = text.split_once('\n')?;
    let (length, rest) = text.split_once('\n')?;
    let length: usize = length.parse().ok()?;
    let said = rest.get(..length)?.to_owned();
    let (out, rest) = rest.get(length..)?.strip_prefix('\n')?.split_once('\n')?;
    let (mut seen, mut outputs, mut last) = (Vec::new(), Vec::new(), None);
    for line in rest.strip_suffix("end\n")?.lines() {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "o" => {
                let mut fields = rest.splitn(7, ' ');
                let meta = FileStat::parse(&mut fields)?;
                let derivation = match fields.next()? {
                    SAME => last?,
                    digest => digest.parse().ok()?,
                };
                last = Some(derivation);
                outputs.push(output(&mut fields, Some(SeenOutput { meta, derivation }))?);
            }
            "r" => outputs.push(output(&mut rest.splitn(2, ' '), None)?),
            _ => {
                let mut fields = rest.splitn(6, ' ');
                let meta = FileStat::parse(&mut fields)?;
                let digest = fields.next()?.to_owned();
                let path = PathBuf::from(fields.next()?);
                let watch = match kind {
                    "p" => Watch::Program(path),
                    "f" => Watch::File(path),
                    "a" => Watch::Absent(path),
                    "l" => Watch::Plain(path),
                    "d" => Watch::Folder(path),
                    "c" => Watch::Clean(path),
                    _ => return None,
                };
                seen.push(Fingerprint { watch, meta, digest });
            }
        }
    }
    Some(Stamp { said, identity: identity.to_owned(), taken: 0, seen, out: PathBuf::from(out), outputs })
}

fn line(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| !path.contains('\n'))
}

fn output<'a>(fields: &mut impl Iterator<Item = &'a str>, seen: Option<SeenOutput>) -> Option<Output> {
    let digest = fields.next()?.parse().ok()?;
    let path = ArtifactPath::new(fields.next()?).ok()?;
    Some(Output { path, digest, seen })
}
