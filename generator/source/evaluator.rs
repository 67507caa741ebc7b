//! Evaluates a program in a child process with limits of time and memory. A program that does not end, needs too much
//! memory or overflows the stack causes a finding.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::errors;
use super::evaluate::evaluate;
use super::node::{Document, Finding};
use super::program::NickelProgram;
use crate::codes::Code;
use crate::terminal;

/// Limits of one evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    /// Address space in bytes.
    pub memory: u64,
    /// Maximum nesting of records and arrays, at most 511.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { time: Duration::from_secs(30), memory: 3 << 30, depth: 100 }
    }
}

/// Stack size of the evaluating thread in bytes. Nickel's recursion depth grows with the nesting of a program.
const STACK_SIZE: usize = 512 << 20;
/// Maximum size of the child's document in bytes. A stack of 5,000 services needs a tenth of it.
const MAX_OUTPUT: u64 = 64 << 20;

/// Runs the evaluation in this process.
pub fn in_process(program: &NickelProgram) -> Document {
    on_large_stack(program, |document| document).unwrap_or_else(failed_thread)
}

/// Evaluates a program on a thread with a large stack, and returns what `use_document` returns for its document; `None` if
/// the thread cannot be started or fails.
fn on_large_stack<T: Send + 'static>(
    program: &NickelProgram,
    use_document: impl FnOnce(Document) -> T + Send + 'static,
) -> Option<T> {
    let program = program.clone();
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(move || evaluate(&program, use_document));
    thread.ok()?.join().ok()
}

/// Returns the document for an evaluation whose thread could not be started or failed.
fn failed_thread() -> Document {
    stopped_evaluation("it needs more memory than the limit")
}

/// Runs `nself __evaluate`, which calls [`child`], and waits for its document. Stops it after the time limit.
pub fn in_child(executable: &PathBuf, program: &NickelProgram, limits: Limits) -> Document {
    let mut command = Command::new(executable);
    command
        .arg("__evaluate")
        .arg(&program.stack)
        .arg(&program.library)
        .arg(program.depth.to_string())
        .arg(limits.memory.to_string());
    command.args(&program.allow_imports);
    // The evaluation must depend on files only.
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return document_with_error(Code::Io, format!("the evaluator cannot be started: {error}")),
    };
    let (sender, receiver) = mpsc::channel();
    if let Some(mut stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read_result = stdout.by_ref().take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
            let _ = sender.send(read_result.map(|_| bytes));
        });
    }
    let output = receiver.recv_timeout(limits.time);
    let _ = child.kill();
    let status = child.wait();
    match (output, status) {
        (Err(_), _) => stopped_evaluation(&format!("it took longer than {} s", limits.time.as_secs())),
        (Ok(Ok(bytes)), _) if bytes.len() as u64 > MAX_OUTPUT => {
            stopped_evaluation(&format!("its value is larger than {} MiB", MAX_OUTPUT >> 20))
        }
        (Ok(Ok(bytes)), Ok(_)) if !bytes.is_empty() => serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| document_with_error(Code::Internal, "the evaluator's output is damaged".into())),
        // The child ended without output: an allocation failed, or its stack overflowed.
        (Ok(Ok(_)), Ok(_)) => stopped_evaluation(&format!(
            "it needs more than {} MiB of memory, or nests too deeply",
            limits.memory >> 20
        )),
        _ => document_with_error(Code::Internal, "the evaluator's output cannot be read".into()),
    }
}

/// Returns a document with a finding about an evaluation that exceeded a limit. `reason` is a clause such as "it took
/// longer than 30 s".
fn stopped_evaluation(reason: &str) -> Document {
    let message = format!("the evaluation was stopped: {reason}");
    let hint =
        "look for recursion that does not end; if the stack is only large, raise the limit with `--time-limit SECONDS`"
            .into();
    Document {
        findings: vec![Finding { hint, ..errors::without_place(Code::EvaluationLimit, message) }],
        ..Document::default()
    }
}

fn document_with_error(code: Code, message: String) -> Document {
    Document { findings: vec![errors::without_place(code, message)], ..Document::default() }
}

/// Runs in the child process: evaluates under the memory limit and writes the document to stdout. Returns the exit code 2
/// for malformed arguments.
pub fn child(arguments: &[OsString]) -> ExitCode {
    let [stack, library, depth, memory, allow_imports @ ..] = arguments else { return ExitCode::from(2) };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let (Some(depth), Some(memory)) = (number(depth), number(memory)) else { return ExitCode::from(2) };
    let _ = rlimit::setrlimit(rlimit::Resource::AS, memory, memory);
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    let program = NickelProgram {
        stack: stack.into(),
        library: library.into(),
        allow_imports: allow_imports.iter().map(PathBuf::from).collect(),
        depth: usize::try_from(depth).unwrap_or(usize::MAX),
    };
    // The process ends here, because freeing the memory of the evaluator takes longer than sending the document.
    on_large_stack(&program, |document| std::process::exit(i32::from(!is_sent(&document))));
    ExitCode::from(u8::from(!is_sent(&failed_thread())))
}

/// Writes a document to stdout. Returns whether all of it was written.
fn is_sent(document: &Document) -> bool {
    serde_json::to_string(document).is_ok_and(|text| terminal::send(&text).is_ok())
}
