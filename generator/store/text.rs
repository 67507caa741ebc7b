//! A stamp as text: a line for each thing that was seen.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::seen::{Meta, Seen, Watch};
use super::stamp::{Output, Stamp};
use crate::artifact::{ArtifactPath, Record};

const HEADER: &str = "nself stamp 4";
/// The derivation of the output before.
const SAME: &str = "=";

/// Nothing when something was not as it should be, and when a path is not text of one line.
pub fn write<'a>(
    identity: &str,
    said: &str,
    seen: &[Seen],
    out: &Path,
    outputs: impl Iterator<Item = Option<(&'a ArtifactPath, &'a Record, Option<Meta>)>>,
) -> Option<String> {
    let mut text = String::with_capacity(256 * (seen.len() + outputs.size_hint().0) + said.len());
    write!(text, "{HEADER}\n{identity}\n{}\n{said}\n{}\n", said.len(), line(out)?).ok()?;
    for Seen { watch, meta, digest } in seen {
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
        let (path, Record { derivation, digest, size }, meta) = output?;
        match meta {
            Some(meta) => write!(text, "o {meta}").ok()?,
            None => write!(text, "r {size}").ok()?,
        }
        // Outputs of one step stand together.
        let step = if last == Some(derivation) { SAME } else { derivation.as_str() };
        text.extend([" ", step, " ", digest.as_str(), " ", path.as_str(), "\n"]);
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
    let (mut seen, mut outputs) = (Vec::new(), Vec::new());
    for line in rest.strip_suffix("end\n")?.lines() {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "o" => {
                let mut fields = rest.splitn(7, ' ');
                let meta = Meta::parse(&mut fields)?;
                outputs.push(output(meta.size, Some(meta), outputs.last(), &mut fields)?);
            }
            "r" => {
                let mut fields = rest.splitn(4, ' ');
                outputs.push(output(fields.next()?.parse().ok()?, None, outputs.last(), &mut fields)?);
            }
            _ => {
                let mut fields = rest.splitn(6, ' ');
                let meta = Meta::parse(&mut fields)?;
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
                seen.push(Seen { watch, meta, digest });
            }
        }
    }
    Some(Stamp { said, identity: identity.to_owned(), taken: 0, seen, out: PathBuf::from(out), outputs })
}

fn line(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| !path.contains('\n'))
}

fn output<'a>(
    size: u64,
    meta: Option<Meta>,
    before: Option<&Output>,
    fields: &mut impl Iterator<Item = &'a str>,
) -> Option<Output> {
    let derivation = match fields.next()? {
        SAME => before?.record.derivation,
        digest => digest.parse().ok()?,
    };
    let digest = fields.next()?.parse().ok()?;
    let path = ArtifactPath::new(fields.next()?).ok()?;
    Some(Output { path, record: Record { derivation, digest, size }, meta })
}
