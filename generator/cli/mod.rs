//! The command line: arguments and exit codes. Results go to stdout, everything else to stderr. Exit codes are 0 for
//! success, 1 for a difference or finding, 2 for an error.
//!
//! Each command has a module with its arguments and a function, in most modules `run`, that returns the exit code.

mod completions;
mod db;
mod env;
mod explain;
mod fmt;
mod free_port;
mod generate;
mod graph;
mod image;
mod init;
#[cfg(feature = "registry")]
mod lock;
mod output;
mod plugin;
#[cfg(feature = "registry")]
mod publish;
#[cfg(feature = "registry")]
mod pull;
mod schema;
mod secrets;
#[cfg(test)]
mod tests;
mod usage;
mod verify;
mod why;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::diagnostic::Diagnostic;
use crate::files;
use crate::pipeline::Request;
use crate::source::{EvaluationRequest, Evaluator, Limits, STACK_FILE};
use crate::terminal;

/// Generate the deployment files of a stack of services from one typed Nickel file.
#[derive(Debug, Parser)]
#[command(name = "nself", bin_name = "nself", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate the files of a stack.
    Gen(generate::Arguments),
    /// Compare the files on disk with the stack; the same as `gen --check`.
    Check(generate::SharedArguments),
    /// Write a commented stack.ncl that works.
    Init(init::Arguments),
    /// Format the stack file and the files that it imports.
    Fmt(fmt::Arguments),
    /// Pin image tags to digests in nself.lock.
    #[cfg(feature = "registry")]
    Lock(lock::Arguments),
    /// Create the image of a service from a folder, as an OCI layout.
    Image(image::Arguments),
    /// Publish the generated files as a release in a registry.
    #[cfg(feature = "registry")]
    Publish(publish::PublishArguments),
    /// Sign a published release.
    #[cfg(feature = "registry")]
    Attest(publish::AttestArguments),
    /// Write the files of a published release to a folder.
    #[cfg(feature = "registry")]
    Pull(pull::PullArguments),
    /// Show the field of the stack from which a generated file or one line of it comes, or why the last run changed
    /// files.
    Why(why::Arguments),
    /// Compare files with the manifest and, with --rebuild, with the stack.
    Verify(verify::Arguments),
    /// Delete records of old runs, and the stored copies of files that only they use.
    Gc(verify::GcArguments),
    /// Print the services, or the steps that generated the files, as a graph.
    Graph(graph::Arguments),
    /// List, show and compare environments.
    Env(env::Arguments),
    /// Plan, write and check migrations of databases.
    Db(db::Arguments),
    /// Add, list and remove plugins, and create the files of a new one.
    Plugin(plugin::Arguments),
    /// Create and check the values of secrets.
    Secrets(secrets::Arguments),
    /// Print the stack language, as JSON Schema or as text.
    Schema(schema::Arguments),
    /// Explain a code such as NS201.
    Explain(explain::Arguments),
    /// Print completions for a shell.
    Completions(completions::Arguments),
    /// Evaluate a stack under limits; nself itself runs this command.
    #[command(name = "__evaluate", hide = true)]
    Evaluate(EvaluateArguments),
}

/// Arguments about the stack and its evaluation.
#[derive(Debug, Clone, Args)]
struct StackArguments {
    /// The stack file; by default, `stack.ncl` in this folder or the nearest one above it, up to the root of the
    /// repository.
    #[arg(default_value = STACK_FILE, hide_default_value = true)]
    stack: PathBuf,
    /// Also allow imports from this folder.
    #[arg(long, value_name = "DIR")]
    allow_import: Vec<PathBuf>,
    /// Maximum duration of the evaluation in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT)]
    time_limit: u64,
}

/// The default of `--time-limit`.
const TIME_LIMIT: u64 = 30;

impl StackArguments {
    /// Returns the arguments of a command line without options: the stack file `stack.ncl`.
    fn default_stack() -> Self {
        StackArguments { stack: STACK_FILE.into(), allow_import: Vec::new(), time_limit: TIME_LIMIT }
    }

    /// Returns the path of the stack file. `stack.ncl`, which is the default, is looked for in the working folder and in
    /// the folders above it.
    fn path(&self) -> PathBuf {
        if self.stack.as_os_str() != STACK_FILE {
            return self.stack.clone();
        }
        let working_folder = std::env::current_dir().unwrap_or_default();
        let is_file = |path: &Path| files::stat_target(path).is_ok_and(|stat| stat.is_file());
        for (depth, folder) in working_folder.ancestors().enumerate() {
            // The path is relative, such as `../stack.ncl`, so that messages show paths that the user can type.
            let path = std::iter::repeat_n("..", depth).chain([STACK_FILE]).collect::<PathBuf>();
            if is_file(&path) {
                return path;
            }
            // A stack above the root of the repository does not belong to the project.
            if files::stat_target(&folder.join(".git")).is_ok() {
                break;
            }
        }
        self.stack.clone()
    }

    /// Returns the folder of the stack.
    fn project(&self) -> PathBuf {
        let path = self.path();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::absolute_path(parent)
    }

    /// Returns the findings with complete commands in their hints.
    fn complete_hints(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        self.request(&[], None).commands().complete_hints(findings)
    }

    /// Returns the request to evaluate the stack.
    fn evaluation_request(&self) -> EvaluationRequest {
        self.request(&[], None).evaluation()
    }

    /// Returns a request for these environments, or for all if the list is empty; `out` is the output folder if it is
    /// not the default. A child process evaluates the stack.
    fn request(&self, environments: &[String], out: Option<&Path>) -> Request {
        let limits = Limits { time: Duration::from_secs(self.time_limit), ..Limits::default() };
        let executable = std::env::current_exe().unwrap_or_else(|_| "nself".into());
        Request {
            allow_imports: self.allow_import.clone(),
            environments: environments.to_vec(),
            out: out.map(Path::to_owned),
            ..Request::new(self.path(), Evaluator::Child { executable, limits })
        }
    }
}

#[derive(Debug, Args)]
struct EvaluateArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<std::ffi::OsString>,
}

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

// The exit codes: for success, for a difference or finding, and for an error.
const SUCCESS: u8 = 0;
const DIFFERENCES: u8 = 1;
const ERROR: u8 = 2;

/// Runs the command that the arguments of the process name.
pub fn run() -> ExitCode {
    terminal::set_panic_message();
    let command = match Cli::try_parse() {
        Ok(arguments) => arguments.command,
        Err(usage_or_help) => return ExitCode::from(usage::print(usage_or_help)),
    };
    let code = match command {
        Command::Gen(arguments) => generate::run(&arguments),
        Command::Check(arguments) => generate::check(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        #[cfg(feature = "registry")]
        Command::Lock(arguments) => lock::run(&arguments),
        Command::Image(arguments) => image::run(&arguments),
        #[cfg(feature = "registry")]
        Command::Publish(arguments) => publish::publish(&arguments),
        #[cfg(feature = "registry")]
        Command::Attest(arguments) => publish::attest(&arguments),
        #[cfg(feature = "registry")]
        Command::Pull(arguments) => pull::pull(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Gc(arguments) => verify::gc(&arguments),
        Command::Graph(arguments) => graph::run(&arguments),
        Command::Env(arguments) => env::run(&arguments),
        Command::Db(arguments) => db::run(&arguments),
        Command::Plugin(arguments) => plugin::run(&arguments),
        Command::Secrets(arguments) => secrets::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Evaluate(arguments) => return crate::source::evaluate_child(&arguments.arguments),
    };
    ExitCode::from(code)
}
