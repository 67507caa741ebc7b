//! Attacks by size and nesting: stacks, tables and files that take too much memory or time.

mod nesting;

use std::fmt::Write;
use std::fs;

use super::commit;
use crate::support::{nself, nself_in, run, stack};

/// Attack: a stack of 3 MB declares 400 environments, each of which is a copy of it.
/// Expectation: NS005 with the required size, before the memory is allocated.
#[test]
fn many_environments_of_a_large_stack_are_refused() {
    let layers = |count: usize| {
        (0..count).fold(String::new(), |mut text, i| {
            let _ = write!(text, "e{i} = {{ profile = 'staging }}, ");
            text
        })
    };
    let body = |count: usize, size: usize| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.web = {{ image = \"a/b:1\", port = 8001, \
             command = [\"{}\"] }}, environments = {{ {} }} }}",
            "x".repeat(size),
            layers(count)
        )
    };
    let case = stack(&body(400, 3 << 20));
    // The evaluation has a separate limit, so this limit applies to the main process.
    let program = env!("CARGO_BIN_EXE_nself");
    let mut limited = nself(case.path());
    limited = {
        let mut shell = std::process::Command::new("bash");
        shell.current_dir(limited.get_current_dir().unwrap());
        shell.args(["-c", &format!("ulimit -v {}; exec {program} gen", 3_400_000)]);
        shell
    };
    let output = run(&mut limited);
    assert!(output.code == 2 && output.stderr.contains("NS005"), "{} {}", output.code, output.stderr);
    assert!(output.stderr.contains("403 environments would take 12"), "{}", output.stderr);
    assert!(output.stderr.contains("(environments)") && output.stderr.contains("at most 256 MiB"), "{}", output.stderr);
    // Many environments alone and a large stack alone stay below this limit; the large stack is refused because a command has
    // a limit, too.
    let many = nself_in(stack(&body(60, 100)).path(), ["env", "list"]);
    assert!(many.code == 0 && many.stdout.lines().count() == 63, "{}", many.stderr);
    let large = nself_in(stack(&body(0, 3 << 20)).path(), ["gen"]);
    assert!(large.code == 2 && !large.stderr.contains("NS005"), "{}", large.stderr);
}

/// Attack: a committed file has 320,000 changed lines, in an order for which a simple diff compares all pairs of lines.
/// Expectation: the diff is shown up to a limit, with the number of omitted lines.
#[test]
fn a_difference_of_many_lines_is_shown_in_part() {
    let case = stack(r#"{ project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject" }"#);
    let folder = case.path();
    assert_eq!(nself_in(folder, ["gen", "--env", "local"]).code, 0);
    let compose = folder.join("deploy/local/compose.yaml");
    let generated = fs::read_to_string(&compose).unwrap();
    let generated: Vec<&str> = generated.lines().collect();
    // Repeated lines of the generated file, so that no line is unique.
    let mut hostile = String::new();
    for i in 0..320_000_usize {
        hostile.push_str(generated[i * 7919 % generated.len()]);
        hostile.push('\n');
    }
    commit(folder, "local/compose.yaml", hostile.as_bytes());
    let output = nself_in(folder, ["check", "--env", "local"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let lines = output.stdout.lines().count();
    assert!((1_000..3_000).contains(&lines), "{lines}");
    let note = output.stdout.lines().last().unwrap();
    let hidden = note.strip_prefix("# ").and_then(|note| note.strip_suffix(" more lines of this difference not shown"));
    assert!(hidden.and_then(|count| count.parse::<usize>().ok()).is_some_and(|count| count > 300_000), "{note}");
    // A file with one very long line.
    commit(folder, "local/compose.yaml", "x".repeat(8 << 20).as_bytes());
    let output = nself_in(folder, ["check", "--env", "local"]);
    assert!(output.stdout.len() < 200_000 && output.stdout.contains("more characters]"), "{}", output.stdout.len());
}

/// Attack: thousands of unknown names, each similar to thousands of known ones.
/// Expectation: all are counted and the first 1,000 shown; suggestions consider a limited number of names.
#[test]
fn many_misspellings_among_many_names_are_reported() {
    let count = 1_050;
    let mut body = String::from(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services = { ",
    );
    for i in 0..count {
        let _ = write!(
            body,
            "a-rather-long-service-name-{i:04} = {{ image = \"a/b:1\", port = {}, user = \"1:1\", \
             depends_on = [\"a-rather-long-servise-name-{i:04}\"] }}, ",
            8001 + i
        );
    }
    body.push_str("} }");
    let output = nself_in(stack(&body).path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 2);
    assert_eq!(output.stderr.matches("error[NS301]").count(), 1_000, "{}", &output.stderr[..2_000]);
    let end = output.stderr.lines().last().unwrap();
    assert!(end.starts_with(&format!("{count} errors")) && end.ends_with("; 50 of them not shown"), "{end}");
    assert!(output.stderr.contains("did you mean `a-rather-long-service-name-"), "{}", &output.stderr[..2_000]);
}
