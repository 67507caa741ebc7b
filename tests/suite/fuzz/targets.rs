//! One test for each reader.

use std::collections::BTreeMap;
use std::fs;

use nself::database::history::{History, HistoryFiles, SumLine};
use nself::database::import::sql;
use nself::database::model::{Body, Expression, Query, Returns, Statements, TypeName};
use nself::lock::Lock;
use nself::store::Manifest;
use nself::values::{Checked, SqlIdent};

use super::run;
use crate::support::{nself, run as run_command};

/// Words for SQL that readers may read differently.
pub const SQL: &[&str] = &[
    "'",
    "\"",
    "''",
    "\\'",
    "\\",
    "E'",
    "e'",
    "U&'",
    "U&\"",
    "B'",
    "X'",
    "N'",
    "$$",
    "$a$",
    "$1",
    "--",
    "/*",
    "*/",
    "\n",
    "\r",
    "\t",
    "\u{c}",
    "\u{b}",
    "\u{a0}",
    "\u{feff}",
    "'\n'",
    "' -- c\n'",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    ".",
    "..",
    ":",
    "::",
    ":x",
    "{",
    "}",
    "+",
    "-",
    "@-",
    "||",
    "->>",
    "<=",
    "!",
    "`",
    "?",
    "#",
    "1",
    "1e",
    "1.5e3",
    "0x1F",
    "1_0",
    "a",
    "a$$",
    "é",
    "NOT ",
    " AND ",
    " OR ",
    " IS NULL",
    " IN (1)",
    " BETWEEN 1 AND 2",
    "CASE WHEN ",
    " THEN ",
    " END",
    "SELECT ",
    " FROM t",
    " UNION ",
    " AS x",
    "::int",
    "CAST(",
    " AT TIME ZONE 'UTC'",
    " COLLATE \"C\"",
    "interval '1' day",
    "ARRAY[",
    "ROW(",
    "EXISTS (",
    " ESCAPE '!'",
    " UESCAPE '!'",
    "DEFAULT",
    "*",
    " ISNULL",
    " OPERATOR(pg_catalog.+) ",
    "begin",
    "end",
    ";\nDROP TABLE keep;",
];

#[test]
fn sql_text() {
    run("sql", 2_000, SQL, |text| {
        let _ = (Query::new(text), Returns::new(text), Statements::new(text), Body::new(text), TypeName::new(text));
        let _ = sql::read(text);
        Expression::new(text).is_ok()
    });
}

#[test]
fn migrations() {
    let zero = "0".repeat(64);
    let plan = format!(
        r#"{{"version":1,"from":"{zero}","to":"{zero}","part":[1,1],"run":"transaction","steps":[],"changes":{{"set":{{}},"unset":[]}}}}"#
    );
    run("migration", 1_000, SQL, |text| {
        let file = |name: &str, text: &str| (format!("migrations/0001_a/{name}"), text.as_bytes().to_vec());
        let files: HistoryFiles = [file("up.sql", text), file("plan.json", &plan)].into();
        let database = SqlIdent::new("shop").unwrap();
        match History::parse(&database, &files) {
            Ok(history) => history.check_sql(&database).is_empty(),
            Err(findings) => panic!("{findings:?}"),
        }
    });
}

#[test]
fn sums() {
    run("sum", 2_000, &["0001_a", " ", "\n", "h1:", "0", "f", "\r", "#", "\u{feff}"], |text| {
        let database = SqlIdent::new("shop").unwrap();
        let files: HistoryFiles = BTreeMap::from([("nself.sum".to_owned(), text.as_bytes().to_vec())]);
        let _ = History::read(&database, &files);
        SumLine::parse(text).is_some()
    });
}

#[test]
fn locks() {
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\\u0000",
        "sha256:",
        "null",
        "1e999",
        "<<<<<<< a\n",
        "=======\n",
        "\\ud800",
    ];
    run("lock", 2_000, &words, |text| {
        fs::write(folder.path().join("nself.lock"), text).unwrap();
        Lock::read(folder.path()).is_ok()
    });
}

#[test]
fn manifests() {
    let words = [
        "  ",
        " ",
        "\n",
        "\r\n",
        "../",
        "/",
        "local/",
        ".env",
        "\0",
        "<<<<<<< a\n",
        "=======\n",
        "# nself is writing\n",
    ];
    run("manifest", 2_000, &words, |text| Manifest::parse(text.as_bytes()).is_ok());
}

/// Runs the program on a stack, because evaluation needs a child process.
#[test]
fn stacks() {
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "=",
        ",",
        "\"",
        "%{",
        "m%\"",
        "\"%",
        "let x = ",
        " in ",
        "import \"nself/main.ncl\"",
        " & ",
        " | ",
        "null",
        "'prod",
        "1e999",
        "fun x => ",
        "x",
        "services.",
        "rec",
        "std.array.generate ",
        "\\u{1F600}",
        "#",
        "if true then ",
        "env.",
        "..",
    ];
    run("stack", 20, &words, |text| {
        fs::write(folder.path().join("stack.ncl"), text).unwrap();
        let output = run_command(nself(folder.path()).args(["gen", "--check"]));
        assert!((0..=2).contains(&output.code), "{}\n{}", output.code, output.stderr);
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("NS901"), "{}", output.stderr);
        output.code < 2
    });
}
