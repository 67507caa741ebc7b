//! Signed statements about the sources of a release: in-toto statements in DSSE envelopes, signed with ed25519. A
//! statement contains no time, so it has the same bytes on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::record::Release;
use crate::artifact::{Sha256, json as writer};
use crate::backend::Backend;
use crate::files::{FileKind, create_operator_file, read_operator_file, stat_path};

/// Media type of the envelope.
pub const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Media type of the payload, which is a statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Value of `_type` in a statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// Value of `predicateType`: the content of the statement is the provenance of an artifact.
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// Value of `buildType`: the process that generated the release.
const BUILD_TYPE: &str = "https://nself.org/render/v2";

/// The bytes of a SubjectPublicKeyInfo (RFC 8410) before an ed25519 key.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Returns the bytes of a statement about a release: the release is the artifact `digest`, consists of these files, and
/// was generated from these inputs. Files and inputs are maps from paths to digests.
pub fn statement(
    release: &Release,
    digest: &Sha256,
    files: &BTreeMap<String, Sha256>,
    inputs: &BTreeMap<String, Sha256>,
) -> Vec<u8> {
    let artifact_subject = json!({ "name": release.repository, "digest": { "sha256": digest.hex() } });
    let file_subjects =
        files.iter().map(|(path, digest)| json!({ "name": path, "digest": { "sha256": digest.hex() } }));
    let inputs = inputs.iter().map(|(path, digest)| json!({ "name": path, "digest": { "sha256": digest.hex() } }));
    let generators: BTreeMap<&str, &str> =
        Backend::ALL.iter().map(|backend| (backend.name(), backend.generator().source_digest())).collect();
    writer::to_canonical(&json!({
        "_type": STATEMENT,
        "subject": std::iter::once(artifact_subject).chain(file_subjects).collect::<Vec<_>>(),
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": release,
                "internalParameters": { "generators": generators },
                "resolvedDependencies": inputs.collect::<Vec<_>>(),
            },
            "runDetails": { "builder": { "id": concat!("https://nself.org/nself/", env!("CARGO_PKG_VERSION")) } },
        },
    }))
}

/// Returns the bytes that are signed: type and payload, each after its length, so that no bytes of one can pass for
/// bytes of the other (DSSE, "Pre-Authentication Encoding").
fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    [format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).as_bytes(), payload].concat()
}

/// A private key that signs releases.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Creates a key pair: the private key in a file that only its owner can read, and the public key next to it, with
    /// `.pub` appended to the name.
    ///
    /// # Errors
    /// Either file exists or cannot be written.
    pub fn create(path: &Path) -> io::Result<()> {
        let private_der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| io::Error::other("the operating system provides no random numbers"))?;
        let pair =
            Ed25519KeyPair::from_pkcs8(private_der.as_ref()).map_err(|error| io::Error::other(error.to_string()))?;
        let public_der = [SPKI_PREFIX.as_slice(), pair.public_key().as_ref()].concat();
        let mut public_path = path.as_os_str().to_owned();
        public_path.push(".pub");
        if stat_path(Path::new(&public_path)).is_ok() {
            let public_path = Path::new(&public_path).display();
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("its public key {public_path} exists already"),
            ));
        }
        create_operator_file(path, encode_pem("PRIVATE KEY", private_der.as_ref()).as_bytes(), 0o600)?;
        Ok(create_operator_file(Path::new(&public_path), encode_pem("PUBLIC KEY", &public_der).as_bytes(), 0o644)?)
    }

    /// Reads a key in PEM.
    ///
    /// # Errors
    /// The file cannot be read or is not an ed25519 key. The error does not repeat its content.
    pub fn read(path: &Path) -> io::Result<Self> {
        let der = decode_pem("PRIVATE KEY", &read_key_text(path)?)?;
        // Keys that openssl writes lack the public key. If a file has one, it is compared with the private key.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        pair.map(SigningKey).map_err(|_| io::Error::other("it is not an ed25519 key"))
    }

    /// Returns the signed envelope of a payload.
    pub fn seal(&self, payload: &[u8]) -> Vec<u8> {
        let key_id = Sha256::of(self.0.public_key().as_ref());
        let signature = self.0.sign(&pre_authentication_encoding(payload));
        writer::to_canonical(&json!({
            "payloadType": PAYLOAD_TYPE,
            "payload": STANDARD.encode(payload),
            "signatures": [{ "keyid": key_id.hex(), "sig": STANDARD.encode(signature.as_ref()) }],
        }))
    }
}

/// A public key whose signatures are trusted.
#[derive(Debug)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// The file cannot be read or is not an ed25519 key.
    pub fn read(path: &Path) -> io::Result<Self> {
        let der = decode_pem("PUBLIC KEY", &read_key_text(path)?)?;
        let key = der.strip_prefix(SPKI_PREFIX.as_slice()).filter(|key| key.len() == 32);
        key.map(|key| PublicKey(key.to_owned())).ok_or_else(|| io::Error::other("it is not an ed25519 key"))
    }

    /// Returns the statement in an envelope; `None` if this key did not sign it, or if the payload is not a statement.
    pub fn open(&self, envelope: &[u8]) -> Option<Value> {
        let envelope: Value = serde_json::from_slice(envelope).ok()?;
        let payload = STANDARD.decode(envelope["payload"].as_str()?).ok()?;
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        let is_signed = envelope["signatures"].as_array()?.iter().any(|signature| {
            let signature = signature["sig"].as_str().and_then(|text| STANDARD.decode(text).ok());
            signature.is_some_and(|signature| key.verify(&pre_authentication_encoding(&payload), &signature).is_ok())
        });
        let is_statement = envelope["payloadType"] == PAYLOAD_TYPE;
        (is_statement && is_signed).then(|| serde_json::from_slice(&payload).ok()).flatten()
    }
}

/// Returns the release of a statement about this artifact and exactly these files; `None` for any other statement.
pub fn release(statement: &Value, digest: &Sha256, files: &BTreeMap<String, Sha256>) -> Option<Release> {
    let statement_types = (statement["_type"].as_str()?, statement["predicateType"].as_str()?);
    let build = &statement["predicate"]["buildDefinition"];
    if statement_types != (STATEMENT, PROVENANCE)
        || build["buildType"] != BUILD_TYPE
        || !covers(statement, digest, files)
    {
        return None;
    }
    Release::deserialize(&build["externalParameters"]).ok()
}

/// Returns whether the subjects of a statement are this artifact and exactly these files.
fn covers(statement: &Value, digest: &Sha256, files: &BTreeMap<String, Sha256>) -> bool {
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    // A subject without a name or a digest is none that this version of nself signs.
    let names_and_digests: Option<Vec<(&str, &str)>> = subjects
        .iter()
        .map(|subject| Some((subject["name"].as_str()?, subject["digest"]["sha256"].as_str()?)))
        .collect();
    // The first subject is the artifact, the others are its files.
    let names_and_digests = names_and_digests.unwrap_or_default();
    let Some(((_, artifact_digest), named_files)) = names_and_digests.split_first() else { return false };
    // A file that is named twice must not count in the place of a missing one.
    let different_names: BTreeSet<&str> = named_files.iter().map(|(name, _)| *name).collect();
    *artifact_digest == digest.hex()
        && named_files.len() == files.len()
        && different_names.len() == files.len()
        && named_files.iter().all(|(name, hex)| files.get(*name).is_some_and(|digest| digest.hex() == *hex))
}

fn read_key_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_operator_file(path, FileKind::Secret)?).map_err(|_| io::Error::other("it is not text"))
}

/// Returns a key in PEM: base64 in lines of 64 characters between `-----BEGIN label-----` and `-----END label-----`.
fn encode_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

/// Returns the key in the first PEM block with this label.
fn decode_pem(label: &str, text: &str) -> io::Result<Vec<u8>> {
    let after_begin = text.split_once(&format!("-----BEGIN {label}-----")).map(|(_, after_begin)| after_begin);
    let base64 = after_begin.and_then(|block| block.split_once("-----END ")).map(|(base64, _)| base64);
    let der = base64.and_then(|base64| STANDARD.decode(base64.split_whitespace().collect::<String>()).ok());
    der.ok_or_else(|| io::Error::other(format!("it has no PEM block `{}`", label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signed_statement_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        SigningKey::create(&path("one")).unwrap();
        SigningKey::create(&path("two")).unwrap();
        assert!(SigningKey::create(&path("one")).is_err(), "a key is never overwritten");
        let files = BTreeMap::from([("a".to_owned(), Sha256::of(b"a"))]);
        let digest = Sha256::of(b"whole");
        let release_with_tag = |tag: &str| Release {
            repository: "example.com/acme/shop".to_owned(),
            tag: Some(tag.to_owned()),
            project: "shop".to_owned(),
            environments: BTreeSet::from(["prod".to_owned()]),
            serial: Some(7),
        };
        let text = statement(&release_with_tag("x"), &digest, &files, &BTreeMap::new());
        assert_eq!(text, statement(&release_with_tag("x"), &digest, &files, &BTreeMap::new()));
        let envelope = SigningKey::read(&path("one")).unwrap().seal(&text);
        let (one, two) = (PublicKey::read(&path("one.pub")).unwrap(), PublicKey::read(&path("two.pub")).unwrap());
        let opened_statement = one.open(&envelope).unwrap();
        assert_eq!(release(&opened_statement, &digest, &files), Some(release_with_tag("x")));
        assert!(two.open(&envelope).is_none(), "a different key");
        let text = String::from_utf8(envelope.clone()).unwrap();
        let opened_after_change = |from: &str, to: &str| one.open(text.replace(from, to).as_bytes());
        assert!(opened_after_change(PAYLOAD_TYPE, "text/plain").is_none());
        let mut parsed: Value = serde_json::from_slice(&envelope).unwrap();
        let other_statement = statement(&release_with_tag("y"), &digest, &files, &BTreeMap::new());
        parsed["payload"] = STANDARD.encode(other_statement).into();
        assert!(one.open(parsed.to_string().as_bytes()).is_none(), "a changed statement");
        assert_eq!(release(&opened_statement, &Sha256::of(b"other"), &files), None);
        assert_eq!(release(&opened_statement, &digest, &BTreeMap::new()), None, "one file is missing");
        let more = BTreeMap::from([("a".to_owned(), Sha256::of(b"a")), ("b".to_owned(), Sha256::of(b"b"))]);
        assert_eq!(release(&opened_statement, &digest, &more), None, "one additional file");
        let subject = |i: usize| opened_statement["subject"][i].clone();
        for subjects in [[subject(0), subject(1), subject(1)], [subject(0), subject(1), json!({ "name": "b" })]] {
            let mut other = opened_statement.clone();
            other["subject"] = subjects.to_vec().into();
            assert_eq!(release(&other, &digest, &more), None, "a file is named twice, or without a digest");
        }
        for (field, value) in [("predicateType", "https://example.com/other"), ("_type", "other")] {
            let mut other = opened_statement.clone();
            other[field] = value.into();
            assert_eq!(release(&other, &digest, &files), None, "a different type of statement");
        }
    }
}
