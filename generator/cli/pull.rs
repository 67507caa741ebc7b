//! `nself pull`: writes the files of a published release to a folder.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::lock::RegistryArguments;
use super::publish::{key_error, report_outcome};
use super::{Format, output};
use crate::diagnostic::Diagnostic;
use crate::files::{Root, Scope};
use crate::lock::ImageName;
use crate::release::address;
use crate::release::attestation::PublicKey;
use crate::release::pull::{self, PullRequest};
use crate::words;

#[derive(Debug, Args)]
pub struct PullArguments {
    /// Address of the release: `oci://HOST/REPOSITORY:TAG` or `…@sha256:…`.
    #[arg(value_parser = address::parse)]
    from: ImageName,
    /// Accept only a release of exactly these environments; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The folder to write to; it must be empty or contain only unchanged files of an earlier pull.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Accept only a release that this public key signed for this address. If repeated, one of the keys is enough.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Accept a release that is older than the installed one, or that cannot be compared with it.
    #[arg(long)]
    allow_downgrade: bool,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn pull(arguments: &PullArguments) -> u8 {
    report_outcome(run(arguments), arguments.format)
}

fn run(arguments: &PullArguments) -> Result<(), Vec<Diagnostic>> {
    let keys = arguments.trust.iter().map(|path| PublicKey::read(path).map_err(|error| key_error(path, &error)));
    let request = PullRequest {
        address: arguments.from.clone(),
        environments: arguments.environments.iter().cloned().collect(),
        trusted_keys: keys.collect::<Result<_, _>>()?,
        allow_downgrade: arguments.allow_downgrade,
    };
    let target = Root::at(&arguments.out, Scope::Output);
    let pulled_release = pull::pull(&arguments.registry.registry(), &request, &target)?;
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "pulled", "digest": pulled_release.digest, "files": pulled_release.files,
            "attested": pulled_release.release.is_some(), "release": pulled_release.release,
        })),
        Format::Text => {
            output::line(&format!("oci://{}@{}", arguments.from.name(), pulled_release.digest));
            let signature = match pulled_release.release {
                Some(_) => "attested",
                None => "signature not checked, because --trust names no key",
            };
            let files = words::count(pulled_release.files, "file");
            output::remark(&format!("{}: {files}, {signature}", arguments.out.display()));
        }
    }
    Ok(())
}
