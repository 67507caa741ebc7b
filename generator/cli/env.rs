//! `nself env list|show|diff`: environments with all values resolved; secrets are shown by name only.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{DIFFERENCES, ERROR, Format, SUCCESS, StackArguments, output};
use crate::artifact::json as json_writer;
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::pipeline::{self, PlannedEnvironment, Request};
use crate::plan::{self, ProjectFiles};
use crate::source::{self, Environment};
use crate::store;
use crate::terminal::Lines;
use crate::values::Host;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List names and profiles.
    List {
        #[command(flatten)]
        stack: StackArguments,
        /// The format of the output.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show all resolved settings of one environment.
    Show {
        /// The environment.
        env: String,
        #[command(flatten)]
        stack: StackArguments,
        /// `text` has one line for each value.
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
    },
    /// Show the differences between two environments.
    Diff {
        /// The first environment.
        from: String,
        /// The second environment.
        to: String,
        #[command(flatten)]
        stack: StackArguments,
    },
}

pub fn run(arguments: &Arguments) -> u8 {
    let format = if let Action::List { format, .. } = &arguments.action { *format } else { Format::Text };
    let outcome = match &arguments.action {
        Action::List { stack, format } => {
            load_environments(stack).map(|environments| print_environments(&environments, *format))
        }
        Action::Show { env, stack, format } => plans(stack, &[env]).map(|plans| {
            match format {
                Format::Json => output::json_text(&settings_as_json(&plans, env)),
                Format::Text => {
                    let mut lines = Lines::default();
                    push_fields(&mut lines, &FieldPath::root(), &resolved_settings(&plans, env));
                    output::lines(&lines);
                }
            }
            SUCCESS
        }),
        Action::Diff { from, to, stack } => plans(stack, &[from, to]).map(|plans| {
            let (old, new) = (settings_as_json(&plans, from), settings_as_json(&plans, to));
            output::lines(&store::text_diff(
                (from, &old),
                (to, &new),
                store::OldSide::Printed,
                &mut store::DiffBudget::default(),
            ));
            if old == new { SUCCESS } else { DIFFERENCES }
        }),
    };
    outcome.unwrap_or_else(|findings| {
        output::failure(format, &findings);
        ERROR
    })
}

/// Returns the environments of the stack.
///
/// # Errors
/// All findings of the stack if one of them is an error.
fn load_environments(stack: &StackArguments) -> Result<Vec<Environment>, Vec<Diagnostic>> {
    let loaded = source::load(&stack.evaluation_request()).map_err(|findings| stack.complete_hints(findings))?;
    if loaded.findings.iter().any(Diagnostic::is_error) { Err(loaded.findings) } else { Ok(loaded.environments) }
}

/// Prints the name, profile and domain of each environment, and returns the exit code.
fn print_environments(environments: &[Environment], format: Format) -> u8 {
    let profile_name = |environment: &Environment| environment.stack.profile.map_or("", crate::stack::Profile::name);
    match format {
        Format::Json => {
            let entries: Vec<Value> = environments
                .iter()
                .map(|env| json!({ "name": env.name, "profile": profile_name(env), "domain": domain(env) }))
                .collect();
            output::json(&json!({ "version": 1, "environments": entries }));
        }
        Format::Text => {
            for env in environments {
                output::line(&format!("{:<12} {:<8} {}", env.name.to_string(), profile_name(env), domain(env)));
            }
        }
    }
    SUCCESS
}

/// Returns the domain of the environment, which for a local environment may differ from the domain that the stack
/// declares.
fn domain(environment: &Environment) -> Host {
    plan::resolve(&environment.name, &environment.stack, &ProjectFiles::default()).0.domain
}

/// Returns the plans of these environments, as `gen` uses them.
fn plans(stack: &StackArguments, environments: &[&String]) -> Result<Vec<PlannedEnvironment>, Vec<Diagnostic>> {
    let environments: Vec<String> = environments.iter().copied().cloned().collect();
    let request = Request { allows_unwritten_migrations: true, ..stack.request(&environments, None) };
    Ok(pipeline::generate(&request)?.plans)
}

/// Returns all resolved settings of an environment, with secrets by name; `null` if no plan is of this environment.
/// Empty values are omitted, so that a comparison shows only real differences.
fn resolved_settings(plans: &[PlannedEnvironment], environment: &str) -> Value {
    let planned = plans.iter().find(|planned| planned.plan.environment.as_str() == environment);
    let mut value = planned.and_then(|planned| serde_json::to_value(&planned.plan).ok()).unwrap_or_default();
    remove_empty_values(&mut value);
    value
}

/// Returns the [`resolved_settings`] of an environment as readable JSON.
fn settings_as_json(plans: &[PlannedEnvironment], environment: &str) -> String {
    String::from_utf8(json_writer::to_pretty(&resolved_settings(plans, environment))).unwrap_or_default()
}

/// Appends a line with path and value, such as `services.orders.replicas = 2`, for each value below a field.
fn push_fields(lines: &mut Lines, path: &FieldPath, value: &Value) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| push_fields(lines, &path.key(key), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| push_fields(lines, &path.index(i), value))
        }
        Value::String(text) => lines.push(&format!("{path} = {text}")),
        value => lines.push(&format!("{path} = {value}")),
    }
}

/// Removes the fields of records whose values are empty, at every depth. Items of lists stay, since they have a
/// position.
fn remove_empty_values(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(remove_empty_values);
            fields.retain(|_, value| !is_empty_value(value));
        }
        Value::Array(items) => items.iter_mut().for_each(remove_empty_values),
        _ => {}
    }
}

/// Returns whether a value is null, `false`, or an empty list or record.
fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
