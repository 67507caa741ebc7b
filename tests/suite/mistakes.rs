//! Mistakes that people make, each with the exact findings: one mistake, one error, and none that follows from it.

use std::fmt::Write;
use std::fs;

use nself::pipeline::{self, Request};
use nself::source::Guard;

use crate::support::root;

const FILES: [&str; 5] = ["fields", "names", "references", "safety", "types"];
/// What the table leaves out: the stack around each mistake declines monitoring and has a domain for each environment.
const AROUND: &str =
    "monitoring.waive = \"not the subject\", environments.staging.domain = \"staging.shop.example.com\",";

/// Returns the findings of a stack with these fields, one line for each.
fn findings(fields: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("stack.ncl");
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", {AROUND}\n{fields}\n}} | nself.Stack\n"
    );
    fs::write(&stack, text).unwrap();
    let found = match pipeline::generate(&Request::new(&stack, Guard::InProcess)) {
        Ok(output) => output.findings,
        Err(findings) => findings,
    };
    found.iter().map(|one| format!("=> {} {}: {}", one.code, one.path, one.message)).collect()
}

/// Each mistake is a line of fields, and the lines of its findings begin with `=>`. `NSELF_BLESS=1` writes them.
#[test]
fn each_mistake_has_exactly_these_findings() {
    let mut mistakes = 0;
    for name in FILES {
        let path = root().join("tests/mistakes").join(format!("{name}.txt"));
        let expected = fs::read_to_string(&path).unwrap();
        let mut actual = String::new();
        for fields in expected.lines().filter(|line| !line.starts_with("=>")) {
            mistakes += 1;
            let _ = writeln!(actual, "{fields}");
            for finding in findings(fields) {
                let _ = writeln!(actual, "{finding}");
            }
        }
        if std::env::var_os("NSELF_BLESS").is_some() {
            fs::write(&path, &actual).unwrap();
        } else {
            assert_eq!(expected, actual, "{name}");
        }
    }
    assert!(mistakes >= 150, "{mistakes}");
}

/// One mistake, one error: apart from those that are two mistakes for the reader, too, a line has one finding.
#[test]
fn no_mistake_has_a_follow_up() {
    for name in FILES {
        let text = fs::read_to_string(root().join("tests/mistakes").join(format!("{name}.txt"))).unwrap();
        let mut fields = "";
        let mut count = 1;
        for line in text.lines().chain([""]) {
            if line.starts_with("=>") {
                count += 1;
                continue;
            }
            assert_eq!(count, 1, "{name}: {fields}");
            (fields, count) = (line, 0);
        }
    }
}

/// Known good: the stack around the mistakes has no finding.
#[test]
fn the_stack_around_the_mistakes_is_right() {
    assert_eq!(findings(""), Vec::<String>::new());
}
