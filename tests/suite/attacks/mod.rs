//! Attacks on nself and on generated files, one test for each, grouped by attack surface.
//!
//! Each test states the attack and the expectation in its doc comment, in this form:
//!
//! ```text
//! /// Attack: …
//! /// Expectation: …
//! ```
//! If it is cheap, a control runs the attack without the protection and shows that it succeeds. `SECURITY.md` has the
//! trust model behind the expectations.

mod checkout;
mod credentials;
mod database_sessions;
pub mod edge;
mod manifest;
mod messages;
mod networks;
mod published_sets;
mod resources;
mod row_isolation;
mod sql_text;

/// Changes a generated file and its record in the manifest, as a pull request can do; it then looks like a file that an
/// earlier run wrote.
fn commit(folder: &std::path::Path, path: &str, bytes: &[u8]) {
    use nself::artifact::Digest;
    use nself::store::{MANIFEST, Manifest};
    let manifest = folder.join("deploy").join(MANIFEST);
    let mut recorded = Manifest::parse(&std::fs::read(&manifest).unwrap()).unwrap();
    *recorded.files.get_mut(path).unwrap() = Digest::of(bytes);
    std::fs::write(manifest, recorded.to_bytes()).unwrap();
    std::fs::write(folder.join("deploy").join(path), bytes).unwrap();
}
