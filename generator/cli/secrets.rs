//! `nself secrets init|check|kubernetes`: values of secrets, beside the artifacts and outside version control.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{FAILED, FINE, FOUND, output};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::keys::{self, Folder};
use crate::terminal;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make what is missing: passwords, keys, composed values, the local certificate, `.env`.
    Init {
        /// The environment.
        #[arg(long, default_value = "local")]
        env: String,
        #[command(flatten)]
        place: Place,
    },
    /// Print values as Secrets of the cluster, for `kubectl apply -f -`.
    Kubernetes {
        /// The environment.
        #[arg(long)]
        env: String,
        #[command(flatten)]
        place: Place,
    },
    /// Judge values: missing, weak, well known, shared between environments.
    Check {
        /// The environments; all that were generated when none is named.
        #[arg(long)]
        env: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The output folder of `nself gen`.
    #[arg(long, default_value = "deploy", value_name = "DIR")]
    out: PathBuf,
}

pub fn run(arguments: &Arguments) -> u8 {
    let outcome = match &arguments.action {
        Action::Init { env, place } => init(&place.out, env),
        Action::Kubernetes { env, place } => kubernetes(&place.out, env),
        Action::Check { env, place } => check(&place.out, env),
    };
    outcome.unwrap_or_else(|findings| {
        output::findings(&findings);
        FAILED
    })
}

fn init(out: &Path, env: &str) -> Result<u8, Vec<Diagnostic>> {
    let folder = Folder::open(out, env).map_err(|finding| vec![finding])?;
    let outcome = keys::init(&folder)?;
    for name in &outcome.made {
        output::line(&format!("made {name}"));
    }
    output::remark(&format!("{} made, {} kept", outcome.made.len(), outcome.kept.len()));
    for (name, what) in &outcome.wanted {
        output::remark(&format!(
            "missing {name}: {what}; write it to {}",
            out.join(env).join("secrets").join(name.as_str()).display()
        ));
    }
    Ok(if outcome.wanted.is_empty() { FINE } else { FOUND })
}

/// Values are printed for another program, never for a screen.
fn kubernetes(out: &Path, env: &str) -> Result<u8, Vec<Diagnostic>> {
    let folder = Folder::open(out, env).map_err(|finding| vec![finding])?;
    let text = keys::manifests(&folder)?;
    if terminal::are_terminals().0 {
        return Err(vec![
            Diagnostic::error(Code::PlainSecret, FieldPath::root())
                .message("values of secrets are not shown on a terminal")
                .hint(format!("nself secrets kubernetes --env {env} | kubectl apply --server-side -f -")),
        ]);
    }
    output::document(&text);
    Ok(FINE)
}

fn check(out: &Path, envs: &[String]) -> Result<u8, Vec<Diagnostic>> {
    let all = || {
        let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join("secrets.json").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    };
    let names = if envs.is_empty() { all() } else { envs.to_vec() };
    let folders: Result<Vec<Folder>, Diagnostic> = names.iter().map(|name| Folder::open(out, name)).collect();
    let findings = folders.and_then(|folders| keys::check(&folders)).map_err(|finding| vec![finding])?;
    output::findings(&findings);
    if findings.is_empty() {
        output::remark("all secrets are in order");
    }
    Ok(if findings.iter().any(Diagnostic::is_error) { FOUND } else { FINE })
}
