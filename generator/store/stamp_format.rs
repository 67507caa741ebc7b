//! The text format of a stamp. METADATA is size, modification time, change time and inode.
//!
//! ```text
//! nself stamp 5
//! IDENTITY                                   inode and birth time of the stamp's file
//! LENGTH                                     of the printed text, in bytes
//! PRINTED TEXT
//! OUTPUT FOLDER
//! f METADATA DIGEST PATH                     a watched path; the letter is its kind
//! o METADATA DERIVATION DIGEST PATH          an output of this run
//! r DIGEST PATH                              any other file of the manifest
//! end
//! ```

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::fingerprint::{FileStat, Fingerprint, Watch};
use crate::artifact::{ArtifactPath, Digest};

/// The first line. Its number is the version of the format; stamps of other versions are ignored.
const HEADER: &str = "nself stamp 5";
/// Replaces the derivation of an output that has the same derivation as the output in the line above.
const SAME_DERIVATION: &str = "=";

/// The content of a stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StampContent {
    /// The text that the run printed.
    pub printed: String,
    /// Inode and birth time of the stamp's own file.
    pub identity: String,
    /// Inputs, the manifest, and the folders of the outputs.
    pub fingerprints: Vec<Fingerprint>,
    /// The path of the output folder.
    pub out: PathBuf,
    /// Every file of the manifest, in its order.
    pub outputs: Vec<StampOutput>,
}

/// One file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StampOutput {
    pub path: ArtifactPath,
    pub digest: Digest,
    /// `None` for a file of an environment that the run did not select, and for a file whose metadata changed since.
    pub written: Option<WrittenOutput>,
}

/// An output as the run wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenOutput {
    pub stat: FileStat,
    pub derivation: Digest,
}

/// Returns the text of a stamp in the format at the top of this file; `None` if a path contains a line break
/// or is not UTF-8.
pub(super) fn write(content: &StampContent) -> Option<String> {
    let StampContent { printed, identity, fingerprints, out, outputs } = content;
    let mut text = String::with_capacity(256 * (fingerprints.len() + outputs.len()) + printed.len());
    write!(text, "{HEADER}\n{identity}\n{}\n{printed}\n{}\n", printed.len(), one_line(out)?).ok()?;
    for Fingerprint { watch, stat, digest } in fingerprints {
        let (kind, path) = match watch {
            Watch::Program(path) => ('p', path),
            Watch::File(path) => ('f', path),
            Watch::Absent(path) => ('a', path),
            Watch::NoLink(path) => ('l', path),
            Watch::Folder(path) => ('d', path),
            Watch::OutputsOnly(path) => ('c', path),
        };
        writeln!(text, "{kind} {stat} {digest} {}", one_line(path)?).ok()?;
    }
    let mut last_derivation = None;
    for StampOutput { path, digest, written } in outputs {
        let Some(WrittenOutput { stat, derivation }) = written else {
            text.extend(["r ", digest.as_str(), " ", path.as_str(), "\n"]);
            continue;
        };
        // Files of one generation step are adjacent and have the same derivation.
        let derivation_text = if last_derivation == Some(derivation) { SAME_DERIVATION } else { derivation.as_str() };
        writeln!(text, "o {stat} {derivation_text} {digest} {path}").ok()?;
        last_derivation = Some(derivation);
    }
    text.push_str("end\n");
    Some(text)
}

/// Reads the text of a stamp; `None` for any other text.
pub(super) fn parse(text: &str) -> Option<StampContent> {
    let after_header = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
    let (identity, after_identity) = after_header.split_once('\n')?;
    let (length, after_length) = after_identity.split_once('\n')?;
    let length: usize = length.parse().ok()?;
    let printed = after_length.get(..length)?.to_owned();
    let (out, lines) = after_length.get(length..)?.strip_prefix('\n')?.split_once('\n')?;
    let (mut fingerprints, mut outputs, mut last_derivation) = (Vec::new(), Vec::new(), None);
    // Unlike `lines`, this keeps a carriage return at the end of a path.
    for line in lines.strip_suffix("end\n")?.split_terminator('\n') {
        let (kind, fields_text) = line.split_once(' ')?;
        match kind {
            "o" => {
                let mut fields = fields_text.splitn(7, ' ');
                let stat = FileStat::parse(&mut fields)?;
                let derivation = match fields.next()? {
                    SAME_DERIVATION => last_derivation?,
                    digest => digest.parse().ok()?,
                };
                last_derivation = Some(derivation);
                outputs.push(parse_output(&mut fields, Some(WrittenOutput { stat, derivation }))?);
            }
            "r" => outputs.push(parse_output(&mut fields_text.splitn(2, ' '), None)?),
            _ => fingerprints.push(parse_fingerprint(kind, fields_text)?),
        }
    }
    Some(StampContent { printed, identity: identity.to_owned(), fingerprints, out: PathBuf::from(out), outputs })
}

/// Returns a path as text; `None` if it contains a line break or is not UTF-8.
fn one_line(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| !path.contains('\n'))
}

/// Parses the line of a watched path; `fields_text` is the line without its kind.
fn parse_fingerprint(kind: &str, fields_text: &str) -> Option<Fingerprint> {
    let mut fields = fields_text.splitn(6, ' ');
    let stat = FileStat::parse(&mut fields)?;
    let digest = fields.next()?.to_owned();
    let path = PathBuf::from(fields.next()?);
    let watch = match kind {
        "p" => Watch::Program(path),
        "f" => Watch::File(path),
        "a" => Watch::Absent(path),
        "l" => Watch::NoLink(path),
        "d" => Watch::Folder(path),
        "c" => Watch::OutputsOnly(path),
        _ => return None,
    };
    Some(Fingerprint { watch, stat, digest })
}

/// Parses the end of the line of an output: its digest and its path.
fn parse_output<'a>(fields: &mut impl Iterator<Item = &'a str>, written: Option<WrittenOutput>) -> Option<StampOutput> {
    let digest = fields.next()?.parse().ok()?;
    let path = ArtifactPath::new(fields.next()?).ok()?;
    Some(StampOutput { path, digest, written })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> StampContent {
        let stat = FileStat { size: 1, modified: 2, changed: 3, inode: 4 };
        let digest = Digest::of(b"content");
        let written = Some(WrittenOutput { stat, derivation: Digest::of(b"step") });
        let output = |path: &str, written| StampOutput { path: ArtifactPath::new(path).unwrap(), digest, written };
        let watches = [
            Watch::Program("/p".into()),
            Watch::Absent("/a b".into()),
            Watch::File("/a\r".into()),
            Watch::OutputsOnly("/out/x".into()),
        ];
        let fingerprints = watches.map(|watch| Fingerprint { watch, stat, digest: digest.to_string() });
        StampContent {
            printed: "two\nlines\n".to_owned(),
            identity: "1 2".to_owned(),
            fingerprints: fingerprints.into(),
            out: "/out".into(),
            outputs: vec![output("prod/a", written), output("prod/b", written), output("local/c", None)],
        }
    }

    #[test]
    fn a_stamp_survives_the_round_trip() {
        let text = write(&content()).unwrap();
        assert_eq!(parse(&text), Some(content()));
        assert_eq!(
            text.matches(&format!(" {SAME_DERIVATION} ")).count(),
            1,
            "the second output has the same derivation: {text}"
        );
    }

    #[test]
    fn other_texts_are_not_stamps() {
        let text = write(&content()).unwrap();
        for damaged_text in
            [text.replace(HEADER, "nself stamp 4"), text.replace("end\n", ""), text.replace("\nc ", "\nx ")]
        {
            assert_eq!(parse(&damaged_text), None, "{damaged_text}");
        }
        let content_with_line_break = StampContent { out: "/two\nlines".into(), ..content() };
        assert_eq!(write(&content_with_line_break), None);
    }
}
