//! `nself env list|show|diff`: environments with everything resolved, secrets by name only.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use similar::TextDiff;

use super::{FAILED, FINE, FOUND, Format, StackArguments, output};
use crate::artifact::json as writer;
use crate::diagnostic::{self, Code, Diagnostic};
use crate::path;
use crate::plan::{self, ProjectFiles};
use crate::source::{self, Environment};
use crate::stack::Host;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Names and profiles.
    List {
        #[command(flatten)]
        stack: StackArguments,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Everything that one environment consists of.
    Show {
        env: String,
        #[command(flatten)]
        stack: StackArguments,
    },
    /// What differs between two.
    Diff {
        from: String,
        to: String,
        #[command(flatten)]
        stack: StackArguments,
    },
}

pub fn run(arguments: &Arguments) -> u8 {
    let outcome = match &arguments.action {
        Action::List { stack, format } => environments(stack).map(|all| list(&all, *format)),
        Action::Show { env, stack } => environments(stack).and_then(|all| {
            output::result(&text(find(&all, env)?)?);
            Ok(FINE)
        }),
        Action::Diff { from, to, stack } => environments(stack).and_then(|all| {
            let (old, new) = (text(find(&all, from)?)?, text(find(&all, to)?)?);
            let diff = TextDiff::from_lines(&old, &new);
            output::result(&diff.unified_diff().context_radius(3).header(from, to).to_string());
            Ok(if old == new { FINE } else { FOUND })
        }),
    };
    outcome.unwrap_or_else(|findings| {
        output::findings(&findings);
        FAILED
    })
}

fn environments(stack: &StackArguments) -> Result<Vec<Environment>, Vec<Diagnostic>> {
    let loaded = source::load(&stack.request())?;
    if loaded.findings.iter().any(Diagnostic::is_error) { Err(loaded.findings) } else { Ok(loaded.environments) }
}

fn list(all: &[Environment], format: Format) -> u8 {
    let profile = |environment: &Environment| environment.stack.profile.map_or("", crate::stack::Profile::name);
    match format {
        Format::Json => {
            let entries: Vec<Value> = all
                .iter()
                .map(|env| json!({ "name": env.name, "profile": profile(env), "domain": domain(env) }))
                .collect();
            output::json(&json!({ "version": 1, "environments": entries }));
        }
        Format::Text => {
            let lines: String = all
                .iter()
                .map(|env| format!("{:<12} {:<8} {}\n", env.name.to_string(), profile(env), domain(env)))
                .collect();
            output::result(&lines);
        }
    }
    FINE
}

/// Where the environment answers; that of a local one is not what the stack says.
fn domain(environment: &Environment) -> Host {
    plan::resolve(&environment.name, &environment.stack, &ProjectFiles::default()).0.domain
}

fn find<'a>(all: &'a [Environment], name: &str) -> Result<&'a Environment, Vec<Diagnostic>> {
    all.iter().find(|environment| environment.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|environment| environment.name.as_str()).collect();
        vec![
            Diagnostic::error(Code::UnknownEnvironment, path!("environments"))
                .message(format!("there is no environment `{name}`"))
                .expected(format!("one of {}", names.join(", "))),
        ]
    })
}

/// The plan: everything resolved, secrets by name. Without what is empty, so that two environments differ
/// only where something differs.
fn text(environment: &Environment) -> Result<String, Vec<Diagnostic>> {
    let files = ProjectFiles { project_folder: "../..".into(), ..ProjectFiles::default() };
    let (plan, mut findings) = plan::resolve(&environment.name, &environment.stack, &files);
    if findings.iter().any(Diagnostic::is_error) {
        findings.iter_mut().for_each(|finding| environment.origins.locate(finding));
        return Err(diagnostic::merge(findings));
    }
    let mut value = serde_json::to_value(&plan).unwrap_or_default();
    prune(&mut value);
    Ok(String::from_utf8(writer::to_pretty(&value)).unwrap_or_default())
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|_, value| !empty(value));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
