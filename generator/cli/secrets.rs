//! `nself secrets init`, `nself secrets check` and `nself secrets kubernetes`: create, check and print values of
//! secrets.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{DIFFERENCES, ERROR, SUCCESS, output};
use crate::commands::Commands;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{OUTPUT, Root, absolute_path};
use crate::secrets::{self, SecretFolder};
use crate::terminal;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create missing values: passwords, keys, composed values, the local certificate, `.env`.
    Init {
        /// The environment.
        #[arg(long, default_value = "local")]
        env: String,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Print the values as Kubernetes Secrets, for `kubectl apply -f -`.
    Kubernetes {
        /// The environment.
        #[arg(long)]
        env: String,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Check the values: missing, weak, well-known, shared between environments, tracked by git.
    Check {
        /// The environment; may be repeated. All generated environments by default.
        #[arg(long)]
        env: Vec<String>,
        #[command(flatten)]
        output: OutputArguments,
    },
}

#[derive(Debug, Args)]
struct OutputArguments {
    /// The output folder of `nself gen`.
    #[arg(long, default_value = OUTPUT, value_name = "DIR")]
    out: PathBuf,
}

impl OutputArguments {
    /// Returns the output folder.
    fn root(&self) -> Root {
        Root::output(Path::new("."), Some(&self.out))
    }

    /// Returns the folder of the project: the working folder, or the parent of an output folder outside of it.
    fn project(&self) -> PathBuf {
        let is_below = absolute_path(&self.out).starts_with(absolute_path(Path::new(".")));
        match self.out.parent().filter(|_| !is_below) {
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("."),
        }
    }

    /// Returns the folder and options that commands in messages have to contain.
    fn commands(&self) -> Commands {
        let out = Some(self.out.clone()).filter(|out| out != Path::new(OUTPUT));
        Commands { stack: None, folder: self.out.clone(), out, environments: Vec::new() }
    }

    /// Returns the folder with the secrets of an environment.
    fn folder(&self, environment: &str) -> Result<SecretFolder, Vec<Diagnostic>> {
        SecretFolder::open(&self.root(), &self.out, environment).map_err(|finding| vec![finding])
    }
}

pub fn run(arguments: &Arguments) -> u8 {
    let outcome = match &arguments.action {
        Action::Init { env, output } => init(output, env),
        Action::Kubernetes { env, output } => kubernetes(output, env),
        Action::Check { env, output } => check(output, env),
    };
    outcome.unwrap_or_else(|findings| {
        let (Action::Init { output, .. } | Action::Kubernetes { output, .. } | Action::Check { output, .. }) =
            &arguments.action;
        output::findings(&output.commands().complete_hints(findings));
        ERROR
    })
}

/// Creates the missing values. The exit code is 1 if there are values that only the user can create.
fn init(arguments: &OutputArguments, environment: &str) -> Result<u8, Vec<Diagnostic>> {
    let outcome = secrets::create_missing(&arguments.folder(environment)?)?;
    output::findings(&arguments.commands().complete_hints(outcome.findings));
    outcome.created.iter().for_each(|name| output::line(&format!("created {name}")));
    output::remark(&format!("{} created, {} existing", outcome.created.len(), outcome.existing.len()));
    outcome.version_control_problem.iter().for_each(|problem| output::remark(problem));
    for (name, description) in &outcome.required {
        let path = arguments.out.join(environment).join("secrets").join(name.as_str());
        output::remark(&format!("missing {name}: {description}; write it to {}", path.display()));
    }
    for (name, description) in &outcome.placeholders {
        let path = arguments.out.join(environment).join("secrets").join(name.as_str());
        output::remark(&format!(
            "placeholder {name}: a random value in place of: {description}; if a service needs the real one, write it to {}",
            path.display()
        ));
    }
    Ok(if outcome.required.is_empty() { SUCCESS } else { DIFFERENCES })
}

/// Prints the values as manifests of Kubernetes for a different program. It refuses a terminal, on which the values
/// would stay visible.
fn kubernetes(arguments: &OutputArguments, environment: &str) -> Result<u8, Vec<Diagnostic>> {
    let (manifests, remark) = secrets::manifests(&arguments.folder(environment)?)?;
    if terminal::is_stdout_terminal() {
        return Err(vec![
            Diagnostic::error(Code::PlainSecret, FieldPath::root())
                .message("nself does not print values of secrets on a terminal")
                .hint(format!(
                    "pipe the output: `nself secrets kubernetes --env {environment} | kubectl apply --server-side -f -`"
                )),
        ]);
    }
    remark.iter().for_each(|remark| output::remark(remark));
    output::document(&manifests);
    Ok(SUCCESS)
}

/// Checks the values of these environments, or of all generated environments if the list is empty. The exit code is 1
/// if a finding is an error.
fn check(arguments: &OutputArguments, environments: &[String]) -> Result<u8, Vec<Diagnostic>> {
    let environments = match environments {
        [] => secrets::environments(&arguments.root()).map_err(|finding| vec![finding])?,
        selected => selected.to_vec(),
    };
    let folders: Result<Vec<SecretFolder>, _> = environments.iter().map(|name| arguments.folder(name)).collect();
    let project = arguments.project();
    let outcome = secrets::check(&Root::named(&project), &project, &folders?).map_err(|finding| vec![finding])?;
    let has_errors = outcome.findings.iter().any(Diagnostic::is_error);
    let has_findings = !outcome.findings.is_empty();
    output::findings(&arguments.commands().complete_hints(outcome.findings));
    outcome.version_control_problems.iter().for_each(|problem| output::remark(problem));
    if !has_findings {
        output::remark("no findings about secrets");
    }
    Ok(if has_errors { DIFFERENCES } else { SUCCESS })
}
