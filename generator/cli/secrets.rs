//! `nself secrets init|check|kubernetes`: values of secrets, beside the artifacts and outside version control.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{DIFFERENCES, ERROR, SUCCESS, output};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{EntryKind, FileError, Root};
use crate::secrets::{self, Folder};
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
    /// Judge values: missing, weak, well service_name, shared between environments.
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

impl Place {
    fn folder(&self, env: &str) -> Result<Folder, Vec<Diagnostic>> {
        Folder::open(&self.root(), &self.out, env).map_err(|finding| vec![finding])
    }

    fn root(&self) -> Root {
        Root::output(Path::new("."), Some(&self.out))
    }
}

pub fn run(arguments: &Arguments) -> u8 {
    let outcome = match &arguments.action {
        Action::Init { env, place } => init(place, env),
        Action::Kubernetes { env, place } => kubernetes(place, env),
        Action::Check { env, place } => check(place, env),
    };
    outcome.unwrap_or_else(|findings| {
        output::findings(&findings);
        ERROR
    })
}

fn init(place: &Place, env: &str) -> Result<u8, Vec<Diagnostic>> {
    let outcome = secrets::init(&place.folder(env)?)?;
    output::findings(&outcome.findings);
    for name in &outcome.made {
        output::line(&format!("made {name}"));
    }
    output::remark(&format!("{} made, {} kept", outcome.made.len(), outcome.kept.len()));
    outcome.remark.iter().for_each(|remark| output::remark(remark));
    for (name, what) in &outcome.wanted {
        output::remark(&format!(
            "missing {name}: {what}; write it to {}",
            place.out.join(env).join("secrets").join(name.as_str()).display()
        ));
    }
    Ok(if outcome.wanted.is_empty() { SUCCESS } else { DIFFERENCES })
}

/// Values are printed for another program, never for a screen.
fn kubernetes(place: &Place, env: &str) -> Result<u8, Vec<Diagnostic>> {
    let (text, remark) = secrets::manifests(&place.folder(env)?)?;
    if terminal::are_terminals().0 {
        return Err(vec![
            Diagnostic::error(Code::PlainSecret, FieldPath::root())
                .message("values of secrets are not shown on a terminal")
                .hint(format!("nself secrets kubernetes --env {env} | kubectl apply --server-side -f -")),
        ]);
    }
    remark.iter().for_each(|remark| output::remark(remark));
    output::document(&text);
    Ok(SUCCESS)
}

fn check(place: &Place, envs: &[String]) -> Result<u8, Vec<Diagnostic>> {
    let names = if envs.is_empty() { generated(place)? } else { envs.to_vec() };
    let folders: Result<Vec<Folder>, Vec<Diagnostic>> = names.iter().map(|name| place.folder(name)).collect();
    let (findings, remark) = secrets::check(&folders?).map_err(|finding| vec![finding])?;
    output::findings(&findings);
    remark.iter().for_each(|remark| output::remark(remark));
    if findings.is_empty() {
        output::remark("all secrets are in order");
    }
    Ok(if findings.iter().any(Diagnostic::is_error) { DIFFERENCES } else { SUCCESS })
}

/// The environments that were generated.
fn generated(place: &Place) -> Result<Vec<String>, Vec<Diagnostic>> {
    let one = |error: FileError| vec![Diagnostic::from(error)];
    let Some(out) = place.root().open().map_err(one)? else { return Ok(Vec::new()) };
    let entries = out.list().map_err(one)?.into_iter().filter(|entry| entry.kind == EntryKind::Folder);
    let entries = entries.filter(|entry| out.has_file(Path::new(&entry.name).join("secrets.json")));
    Ok(entries.filter_map(|entry| entry.name.into_string().ok()).collect())
}
