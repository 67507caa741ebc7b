//! Functions to run programs, copy projects and find tools.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// The exit code and output of a process.
#[derive(Debug)]
pub struct ProcessOutput {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(command: &mut Command) -> ProcessOutput {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    ProcessOutput {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns a port of the loopback interface that no other call returns. The system gives ports from 32768 on to
/// connections, so a server that starts later could find such a port taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(14_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until a process ends, for at most a minute, and returns whether it succeeded.
pub fn ends_successfully(process: &mut Child) -> bool {
    for _ in 0..600 {
        if let Some(status) = process.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    process.kill().unwrap();
    panic!("the process did not end within a minute");
}

/// Returns a command that runs nself in a folder.
pub fn nself(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nself"));
    command.current_dir(folder);
    command
}

/// Runs nself in a folder.
pub fn nself_in<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> ProcessOutput {
    run(nself(folder).args(arguments))
}

/// Returns the root of this repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the folders of golden/ that are expected to succeed, or to fail.
pub fn golden(errors: bool) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root().join("golden")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir() && name(path).starts_with("error-") == errors);
    cases.sort();
    assert!(cases.len() >= 4, "golden cases are missing");
    cases
}

pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Label of the comment line in a stack with the example plugins that it uses.
pub const PLUGINS: &str = "Plugins: ";

/// Copies a project without its outputs, and the plugins of `examples/` that a comment of its stack names.
pub fn project(case: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_tree(case, copy.path());
    let text = std::fs::read_to_string(case.join("stack.ncl")).unwrap_or_default();
    let names = text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(PLUGINS));
    for plugin in names.into_iter().flat_map(|names| names.split(", ")) {
        copy_tree(&root().join("examples/plugins").join(plugin), &copy.path().join("plugins").join(plugin));
    }
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().filter_entry(|entry| {
        entry.depth() != 1 || !["out", ".nself", "deploy"].iter().any(|name| entry.file_name() == *name)
    }) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Creates a project with this stack; the import of the library is added.
pub fn stack(body: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("stack.ncl"),
        format!("let nself = import \"nself/main.ncl\" in\n{body} | nself.Stack\n"),
    )
    .unwrap();
    folder
}

/// Returns all files below a folder with their bytes.
pub fn tree(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| !entry.file_type().is_dir());
    let files = entries.map(|entry| {
        let path = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        (path, std::fs::read(entry.path()).unwrap_or_default())
    });
    files.collect()
}

/// Returns the first digits of the derivation of each file of an environment, by its path below the output folder.
pub fn derivations(folder: &Path, environment: &str) -> std::collections::BTreeMap<String, String> {
    let output = nself_in(folder, ["graph", "--env", environment, "--of", "derivations", "--format", "json"]);
    let graph: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    graph["edges"].as_array().unwrap().iter().map(|edge| (text(&edge["to"]), text(&edge["label"]))).collect()
}

/// Returns the path of a tool, if it exists.
pub fn tool(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let tools = std::env::var_os("NSELF_TOOLS").map_or_else(|| home.join(".cache/nself-tools"), PathBuf::from);
    let path = tools.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing; tests/tools.sh installs it", path.display());
    skip(&format!("{} is missing; tests/tools.sh installs it", path.display()));
    None
}

/// Prints why a test is skipped.
pub fn skip(why: &str) {
    remark(&format!("SKIP: {why}"));
}

/// Start of the lines of [`report_measurement`].
pub const MEASURED: &str = "MEASURED: ";

/// Prints what a test measured.
pub fn report_measurement(what: &str) {
    remark(&format!("{MEASURED}{what}"));
}

/// Prints a line. It bypasses the test harness, which captures the output of passing tests, and appends to the log file if
/// stderr is one.
pub fn remark(line: &str) {
    use std::io::Write;
    if let Ok(mut stderr) = std::fs::OpenOptions::new().append(true).open("/dev/stderr") {
        let _ = writeln!(stderr, "{line}");
    }
}

/// Returns every generated environment of the golden cases.
pub fn environments() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for case in golden(false) {
        let folders = std::fs::read_dir(case.join("out")).unwrap().map(|entry| entry.unwrap().path());
        all.extend(folders.filter(|path| path.is_dir()));
    }
    all.sort();
    assert!(all.len() >= 12, "{all:?}");
    all
}

/// Returns a file that the golden case `full-catalogue` expects for an environment.
pub fn golden_file(environment: &str, path: &str) -> String {
    std::fs::read_to_string(root().join("golden/full-catalogue/out").join(environment).join(path)).unwrap()
}

/// Returns the lines of one service in the `compose.yaml` of [`golden_file`].
pub fn golden_service(environment: &str, service: &str) -> String {
    let text = golden_file(environment, "compose.yaml");
    let start = text.find(&format!("\n  {service}:\n")).unwrap() + 1;
    let rest = &text[start..];
    let end = rest[1..]
        .match_indices("\n  ")
        .find(|(i, _)| !rest[i + 4..].starts_with(' '))
        .map_or(rest.len(), |(i, _)| i + 1);
    rest[..end].to_owned()
}

/// Runs `nself gen` on a small stack with these services, written in Nickel.
pub fn generate_services(services: &str) -> ProcessOutput {
    let case = stack(&format!(
        r#"{{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject", services = {{ {services} }} }}"#
    ));
    nself_in(case.path(), ["gen"])
}

/// Asserts that [`generate_services`] fails with this code.
pub fn assert_services_refused(services: &str, code: &str) {
    let output = generate_services(services);
    assert!(output.code == 2 && output.stderr.contains(&format!("error[{code}]")), "{services}: {}", output.stderr);
}
