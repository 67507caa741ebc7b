//! Golden cases: each folder of `golden/` is one test with the name of the folder. `out/` has the files that the stack
//! generates, `error.txt` the findings of a stack that is refused. `NSELF_BLESS=1` rewrites both; read the diff before
//! you commit it. The comment at the top of a `stack.ncl` describes the case. Three of its lines are options: `#
//! Plugins: links` copies plugins of `examples/` into the project, `# Environments: prod` limits a case with `out/` to
//! these environments, and `# Time limit: 2` is passed on to `nself gen` in a case with `error.txt`.

// Tests may use functions of `std::fs` that the program must not use.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod stacks;
#[allow(dead_code, reason = "the other test binary uses the rest")]
#[path = "../suite/support.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use support::{PLUGINS, golden, name, nself_in, project, tree};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |folder: PathBuf, check: fn(&Case)| {
        Trial::test(name(&folder), move || {
            check(&Case::read(folder));
            Ok(())
        })
    };
    let files = golden(false).into_iter().map(|folder| trial(folder, check_generated_files));
    let errors = golden(true).into_iter().map(|folder| trial(folder, check_findings));
    let stacks = stacks::folders().into_iter().map(|folder| {
        Trial::test(format!("stacks::{}", name(&folder)), move || {
            stacks::is_accepted_whole(&folder);
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, files.chain(errors).chain(stacks).collect()).exit_code()
}

const ENVIRONMENTS: &str = "Environments: ";
const TIME_LIMIT: &str = "Time limit: ";

/// A folder of `golden/` and the comment at the top of its stack.
struct Case {
    folder: PathBuf,
    comment: Vec<String>,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let text = fs::read_to_string(folder.join("stack.ncl")).unwrap();
        let comment: Vec<String> = text.lines().map_while(|line| line.strip_prefix("# ")).map(str::to_owned).collect();
        let setting = |line: &str| [ENVIRONMENTS, TIME_LIMIT, PLUGINS].iter().any(|label| line.starts_with(label));
        let purpose = comment.first().is_some_and(|line| line.len() > 20 && !setting(line));
        assert!(
            purpose,
            "the first line of {}/stack.ncl must be a comment with the purpose of the case",
            name(&folder)
        );
        Self { folder, comment }
    }

    /// Returns the rest of the comment line that starts with this label.
    fn setting(&self, label: &str) -> Option<&str> {
        self.comment.iter().find_map(|line| line.strip_prefix(label))
    }

    /// Returns the options that limit a command to the environments of the case.
    fn environments(&self) -> Vec<&str> {
        let names = self.setting(ENVIRONMENTS).into_iter().flat_map(|names| names.split(", "));
        names.flat_map(|name| ["--env", name]).collect()
    }
}

fn is_blessing() -> bool {
    std::env::var_os("NSELF_BLESS").is_some()
}

fn check_generated_files(case: &Case) {
    let copy = project(&case.folder);
    let output = nself_in(copy.path(), [&["gen", "--out", "out"], case.environments().as_slice()].concat());
    assert_eq!(output.code, 0, "{}", output.stderr);
    let (golden, generated) = (case.folder.join("out"), copy.path().join("out"));
    if is_blessing() {
        replace(&golden, &generated);
    }
    let (expected, files) = (tree(&golden), tree(&generated));
    assert_eq!(expected.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        let (expected, text) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&files[path]));
        assert!(expected == text, "out/{path} differs: {}", first_difference(&expected, &text));
    }
    second_run_changes_nothing(case, copy.path());
}

/// Replaces the golden folder by the generated one.
fn replace(golden: &Path, generated: &Path) {
    if golden.exists() {
        fs::remove_dir_all(golden).unwrap();
    }
    for path in tree(generated).keys() {
        let target = golden.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(generated.join(path), target).unwrap();
    }
}

/// Checks that a second run writes nothing, and that `check` finds no difference with and without the cache.
fn second_run_changes_nothing(case: &Case, project: &Path) {
    let before = tree(&project.join("out"));
    let environments = case.environments();
    for command in [["gen"].as_slice(), &["check"], &["gen", "--check", "--format", "json"]] {
        let output = nself_in(project, [command, &["--out", "out"], &environments].concat());
        assert_eq!(output.code, 0, "{command:?}: {}", output.stderr);
        let same = output.stderr.contains("all up to date") || output.stdout.contains("\"same\"");
        assert!(same, "{command:?}: {}", output.stderr);
    }
    assert_eq!(before, tree(&project.join("out")));
    fs::remove_dir_all(project.join(".nself")).unwrap();
    assert_eq!(nself_in(project, [&["check", "--out", "out"], environments.as_slice()].concat()).code, 0);
}

fn check_findings(case: &Case) {
    assert_eq!(case.setting(ENVIRONMENTS), None, "a refused stack is refused in every environment");
    let copy = project(&case.folder);
    let command = ["gen", "--time-limit", case.setting(TIME_LIMIT).unwrap_or("30")];
    let output = nself_in(copy.path(), command);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    assert!(!copy.path().join("deploy").exists(), "a refused stack leaves no file");
    let file = case.folder.join("error.txt");
    if is_blessing() {
        fs::write(&file, &output.stderr).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    assert!(expected == output.stderr, "{}\n{}", first_difference(&expected, &output.stderr), output.stderr);
    let json = nself_in(copy.path(), [command.as_slice(), &["--format", "json"]].concat()).stdout;
    every_finding_has_a_place(&json);
}

/// Checks that every finding has a code, a line of the stack and a message in JSON as well.
fn every_finding_has_a_place(json: &str) {
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    let findings = answer["diagnostics"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert!(finding["code"].as_str().unwrap().starts_with("NS"), "{finding}");
        assert!(finding["span"]["line"].as_u64().unwrap() >= 1, "{finding}");
        assert!(!finding["message"].as_str().unwrap().is_empty(), "{finding}");
    }
}

fn first_difference(expected: &str, text: &str) -> String {
    let mut lines = expected.lines().zip(text.lines()).enumerate();
    lines.find(|(_, (a, b))| a != b).map_or_else(
        || "one of the two is longer".to_owned(),
        |(line, (a, b))| format!("line {}: expected {a:?}, generated {b:?}", line + 1),
    )
}
