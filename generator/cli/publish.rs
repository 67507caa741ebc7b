//! `nself publish` and `nself attest`: publish the generated files as a release in a registry, and sign a release.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::lock::RegistryArguments;
use super::{ERROR, Format, SUCCESS, StackArguments, output};
use crate::commands::Commands;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{OUTPUT, Root, Scope};
use crate::lock::ImageName;
use crate::pipeline;
use crate::release::attest::{self, GeneratedFiles};
use crate::release::attestation::SigningKey;
use crate::release::{ReleaseFiles, address, environments, publish, pull};
use crate::words;

#[derive(Debug, Args)]
pub struct PublishArguments {
    /// Address of the release: `oci://HOST/REPOSITORY:TAG`; the default tag is `latest`.
    #[arg(value_parser = address::parse)]
    to: ImageName,
    /// Only this environment; may be repeated.
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// The output folder of `nself gen`.
    #[arg(long, default_value = OUTPUT, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub struct AttestArguments {
    /// Address of the release: `oci://HOST/REPOSITORY:TAG` or `…@sha256:…`.
    #[arg(value_parser = address::parse, required_unless_present = "new_key")]
    what: Option<ImageName>,
    #[command(flatten)]
    stack: StackArguments,
    /// The file of the private key that signs the release.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// A number that grows from release to release, such as `git rev-list --count HEAD`. It gives releases an order if
    /// their tags have none, such as `main`.
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u64>,
    /// Create a key pair, FILE and FILE.pub, and do nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    new_key: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The result of a command: nothing, or the findings that ended it.
type Outcome = Result<(), Vec<Diagnostic>>;

/// Prints the findings of a failed command, and returns the exit code.
pub(super) fn report_outcome(outcome: Outcome, format: Format) -> u8 {
    match outcome {
        Ok(()) => SUCCESS,
        Err(findings) => {
            output::failure(format, &findings);
            ERROR
        }
    }
}

/// Returns the finding about a file that cannot be read or written as a key.
pub(super) fn key_error(path: &Path, error: &std::io::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))]
}

pub fn publish(arguments: &PublishArguments) -> u8 {
    let commands = Commands {
        stack: None,
        folder: arguments.out.clone(),
        out: Some(arguments.out.clone()).filter(|out| out != Path::new(OUTPUT)),
        environments: arguments.environments.clone(),
    };
    let outcome = run_publish(arguments).map_err(|findings| commands.complete_hints(findings));
    report_outcome(outcome, arguments.format)
}

fn run_publish(arguments: &PublishArguments) -> Outcome {
    let files = publish::read_files(&Root::at(&arguments.out, Scope::Output), &arguments.environments)?;
    let release = publish::publish(&arguments.registry.registry(), &arguments.to, &files)?;
    let publish::PublishedRelease { digest, tag, sbom } = release;
    let release_address = format!("oci://{}@{digest}", arguments.to.name());
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "published", "artifact": release_address, "tag": tag, "digest": digest, "sbom": sbom,
            "files": files.len(),
        })),
        Format::Text => {
            output::line(&release_address);
            output::remark(&format!("{} published as {tag}", words::count(files.len(), "file")));
        }
    }
    Ok(())
}

pub fn attest(arguments: &AttestArguments) -> u8 {
    let outcome = run_attest(arguments).map_err(|findings| arguments.stack.complete_hints(findings));
    report_outcome(outcome, arguments.format)
}

fn run_attest(arguments: &AttestArguments) -> Outcome {
    if let Some(path) = &arguments.new_key {
        SigningKey::create(path).map_err(|error| key_error(path, &error))?;
        output::line(&format!("{}.pub", path.display()));
        output::remark(&format!("{} is the private key: keep it out of version control", path.display()));
        return Ok(());
    }
    // clap requires both arguments without `--new-key`.
    let (Some(address), Some(key_path)) = (&arguments.what, &arguments.key) else { return Ok(()) };
    let key = SigningKey::read(key_path).map_err(|error| key_error(key_path, &error))?;
    let registry = arguments.registry.registry();
    let release = pull::fetch(&registry, address)?;
    let generated = generate_files(&arguments.stack, &release.files)?;
    let attestation = attest::attest(&registry, address, &release, &generated, &key, arguments.serial)?;
    let attestation_address = format!("oci://{}@{}", address.name(), attestation.manifest_digest);
    match arguments.format {
        Format::Json => output::json(&json!({
            "version": 1, "status": "attested", "subject": release.digest, "attestation": attestation_address,
            "statement": attestation.statement_digest, "release": attestation.release, "inputs": generated.inputs,
        })),
        Format::Text => {
            output::line(&attestation_address);
            let files = words::count(release.files.len(), "file");
            let inputs = words::count(generated.inputs.len(), "input");
            output::remark(&format!("{files} from {inputs} attested"));
        }
    }
    Ok(())
}

/// Generates the environments of a release again from the stack, for a comparison with the files of the release.
fn generate_files(stack: &StackArguments, files: &ReleaseFiles) -> Result<GeneratedFiles, Vec<Diagnostic>> {
    let environments: Vec<String> = environments(files).into_iter().collect();
    let generated = pipeline::generate(&stack.request(&environments, None))?;
    let project = generated.plans.first().map(|planned| planned.plan.project.to_string()).unwrap_or_default();
    Ok(GeneratedFiles::new(
        &generated.artifacts,
        &generated.inputs().map(Path::to_owned).collect::<Vec<_>>(),
        &stack.project(),
        project,
    ))
}
