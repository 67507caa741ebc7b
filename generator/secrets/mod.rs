//! Creates and checks the values of secrets and local certificates; no other module reads them. Values are files in
//! `<environment>/secrets/`, with `.env` next to it. The module reads the list of secrets from the generated
//! `secrets.json`, so a server needs no stack file. The folder may come from an untrusted checkout: links are not
//! followed, modes are corrected on each run, and a value that git tracks is refused.

mod certificate;
mod check;
mod committed;
mod create;
mod created_secrets;
mod environment_file;
mod folder;
mod kubernetes;
mod missing;
mod modes;
mod placeholder;
mod random;
mod tracked;
mod value_search;

pub use check::{CheckedSecrets, check};
pub use create::create_missing;
pub use created_secrets::CreatedSecrets;
pub use folder::{SecretFolder, environments};
pub use kubernetes::manifests;
