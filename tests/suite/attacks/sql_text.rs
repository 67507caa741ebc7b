//! Attacks by SQL text of the user that is more than one expression.

mod differential;
mod wire;

use nself::database::model::{Body, Expression, Schema, Statements};
use nself::values::Checked;
use serde_json::{Value, json};

use crate::database::server::{Server, Version};
use crate::support::{nself_in, stack};

/// A string that continues on the next line. The server reads backslash escapes in the second line, too, because the first
/// one has the prefix `E`. So `'\''` is the whole second part, and SQL follows. A reader that does not know continued
/// strings reads the second line as a string up to the end of the text. psql does so, too, and sends the whole text as one
/// query.
const CONTINUED: &str = "E'a'\n'\\'')); DROP TABLE keep; SELECT (1 --'";

/// Texts that escape from their slot for at least one reader.
const HOSTILE: [&str; 24] = [
    CONTINUED,
    "E'a' || E'b'\n  '\\' || '",
    "U&'a'\n'b'",
    "B'0''1'",
    "1) + (2",
    "1, 2",
    "SELECT 1",
    "1; DROP TABLE keep",
    "a -- b",
    "a /* b */",
    "a\r-- b",
    "\\! id",
    ":HOST",
    ":'HOST'",
    ":{?HOST}",
    "a$$b$$ || $$)$$ c",
    "1$$)$$",
    "0x1F",
    "1_000",
    "U&\"d\\0061t\"",
    "a\u{b}+ b",
    "DEFAULT",
    "*",
    "a AS b",
];

/// Returns definitions with a text in one slot, for every slot that accepts an expression.
fn slots(text: &str) -> Vec<(&'static str, Value)> {
    let column = |key: &str| json!({ "type": "text", "nullable": true, key: text });
    let table = |part: Value| {
        let mut table = json!({ "columns": { "id": { "type": "bigint" } } });
        table.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        json!({ "tables": { "t": table } })
    };
    vec![
        ("default", table(json!({ "columns": { "c": column("default") } }))),
        ("generated", table(json!({ "columns": { "c": column("generated") } }))),
        ("backfill", table(json!({ "columns": { "c": column("backfill") } }))),
        ("using", table(json!({ "columns": { "c": column("using") } }))),
        ("check", table(json!({ "checks": { "c": text } }))),
        ("detailed check", table(json!({ "checks": { "c": { "expression": text, "not_valid": true } } }))),
        ("partition of", table(json!({ "partition_of": { "table": "p", "bound": { "in": [text] } } }))),
        (
            "returned value",
            json!({ "functions": { "f": { "language": "sql", "body": format!("RETURN {text}"), "returns": "text" } } }),
        ),
        ("index", table(json!({ "indexes": { "i": { "columns": [{ "expression": text }] } } }))),
        ("where", table(json!({ "indexes": { "i": { "columns": [{ "column": "id" }], "where": text } } }))),
        (
            "exclude",
            table(
                json!({ "excludes": { "e": { "using": "gist", "elements": [{ "expression": text, "with": "=" }] } } }),
            ),
        ),
        (
            "exclude where",
            table(
                json!({ "excludes": { "e": { "using": "gist", "elements": [{ "expression": "id", "with": "=" }], "where": text } } }),
            ),
        ),
        ("policy using", table(json!({ "policies": { "p": { "using": text } } }))),
        ("policy check", table(json!({ "policies": { "p": { "for": "insert", "check": text } } }))),
        ("trigger", table(json!({ "triggers": { "g": { "events": ["insert"], "when": text, "function": "f" } } }))),
        (
            "trigger of a view",
            json!({ "views": { "v": { "query": "SELECT 1", "triggers": { "g": { "events": ["insert"], "when": text, "function": "f" } } } } }),
        ),
        ("partition from", table(json!({ "partitions": { "p": { "range": { "from": [text], "to": ["2"] } } } }))),
        ("partition in", table(json!({ "partitions": { "p": { "in": [text] } } }))),
        ("domain check", json!({ "types": { "d": { "domain": { "type": "text", "checks": { "c": text } } } } })),
        ("domain default", json!({ "types": { "d": { "domain": { "type": "text", "default": text } } } })),
        (
            "argument",
            json!({ "functions": { "f": { "language": "sql", "body": "SELECT 1", "returns": "text", "arguments": [{ "name": "a", "type": "text", "default": text }] } } }),
        ),
    ]
}

/// Attack: each text in each slot of a definition and of a snapshot.
/// Expectation: it is refused. Control: the same definition with a plain text is accepted.
#[test]
fn no_slot_accepts_text_that_escapes_it() {
    for (slot, value) in slots("1 + 1") {
        serde_json::from_value::<Schema>(value).unwrap_or_else(|error| panic!("{slot}: {error}"));
    }
    for text in HOSTILE {
        for (slot, value) in slots(text) {
            assert!(serde_json::from_value::<Schema>(value).is_err(), "{slot} takes {text:?}");
        }
    }
    let returns = |text: &str| {
        let function = json!({ "language": "sql", "body": "SELECT 1", "returns": text });
        serde_json::from_value::<Schema>(json!({ "functions": { "f": function } })).is_ok()
    };
    for text in ["text", "trigger", "SETOF orders", "TABLE (id bigint, name text)", "numeric(12,2)[]", "audit.mood"] {
        assert!(returns(text), "{text}");
    }
    for text in [
        "text STRICT",
        "text AS 'SELECT 2'",
        "text SET role = 'postgres'",
        "text) (",
        "text SECURITY DEFINER",
        "int COST 1",
        CONTINUED,
    ] {
        assert!(!returns(text), "{text}");
    }
    let body = |text: &str| {
        let function = json!({ "language": "sql", "body": text, "returns": "text" });
        serde_json::from_value::<Schema>(json!({ "functions": { "f": function } })).is_ok()
    };
    for text in
        ["BEGIN ATOMIC SELECT 1; END", "begin atomic RETURN CASE WHEN true THEN 1 END; end", "SELECT 1; SELECT 2"]
    {
        assert!(body(text), "{text}");
    }
    for text in [
        "BEGIN ATOMIC SELECT 1; END; DROP TABLE keep",
        "BEGIN ATOMIC SELECT 1; END SECURITY DEFINER",
        "BEGIN ATOMIC SELECT 1",
        "BEGIN ATOMIC SELECT 1 AS end; DROP TABLE keep; SELECT 1; END",
        "RETURN 1; DROP TABLE keep",
    ] {
        assert!(!body(text), "{text}");
    }
    // Storage parameters are words, and their values words or numbers.
    let storage = |name: &str, value: &str| {
        let table = json!({ "columns": {}, "storage": { name: value } });
        serde_json::from_value::<Schema>(json!({ "tables": { "t": table } })).is_ok()
    };
    for (name, value) in
        [("fillfactor", "70"), ("toast.autovacuum_enabled", "off"), ("autovacuum_vacuum_scale_factor", "0.05")]
    {
        assert!(storage(name, value), "{name} {value}");
    }
    for (name, value) in
        [("fill factor", "1"), ("a\"", "1"), ("other.fillfactor", "1"), ("fillfactor", "1')"), ("fillfactor", "")]
    {
        assert!(!storage(name, value), "{name} {value}");
    }
    let query = |text: &str| serde_json::from_value::<Schema>(json!({ "views": { "v": { "query": text } } })).is_ok();
    for text in [
        "SELECT 1",
        "(SELECT 1)",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1)",
        "SELECT 1 UNION SELECT 2",
        "TABLE a",
    ] {
        assert!(query(text), "{text}");
    }
    for text in [
        "SELECT 1 WITH CHECK OPTION",
        "SELECT 1 INTO x",
        "DELETE FROM keep RETURNING 1",
        "1",
        "SELECT 1; DROP TABLE keep",
        CONTINUED,
    ] {
        assert!(!query(text), "{text}");
    }
    // Seeds and other statements must be complete, with a `;` after the last one.
    for text in [
        "INSERT INTO a VALUES (1)",
        "\\! id",
        "SELECT 'a'\n'b';",
        "INSERT INTO a VALUES (:'HOST');",
        "SELECT 1; -- \\! id\r\\! id",
    ] {
        assert!(Statements::new(text).is_err(), "{text}");
    }
    assert!(Statements::new("INSERT INTO a VALUES ('x'); -- note\n").is_ok());
}

/// Attack: a default whose string continues on the next line with a different meaning of `\'`.
/// Expectation: NS740 at its place. Control: inserted into the statement, it makes the server drop a table.
#[test]
fn a_continued_string_is_refused() {
    let project = stack("{}");
    let text = CONTINUED.replace('\\', "\\\\").replace('\n', "\\n");
    let program = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         services.owner = {{ image = \"a/owner:1\", databases.main.name = \"orders\" }}, databases.orders.tables.t.columns.note = {{ type = \"text\", default = \"{text}\" }} }} | nself.Stack\n"
    );
    std::fs::write(project.path().join("stack.ncl"), program).unwrap();
    let output = nself_in(project.path(), ["db", "new"]);
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(
        output.stderr.contains("error[NS740]: at line 2, character 1: a string follows another string"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("stack.ncl:3:"), "{}", output.stderr);
    assert!(!project.path().join("db").exists());

    let Some(server) = Server::start(Version::V15) else { return };
    let mut session = server.session("postgres", "postgres");
    session.run_or_panic("CREATE TABLE keep ();");
    let _ = session.try_run(&format!("CREATE TABLE t (\n  note text DEFAULT ({CONTINUED})\n);"));
    assert_eq!(session.run_or_panic("SELECT to_regclass('keep') IS NULL;").trim(), "t", "the attack does nothing here");
}

/// Attack: psql's own lexer ends a statement where this crate does not.
/// Expectation: psql sends exactly one statement for each accepted text.
#[test]
fn psql_sends_one_statement_for_each_accepted_text() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let Some(server) = Server::start(Version::V15) else { return };
    let corpus = crate::fuzz::corpus("sql");
    let mut numbers = crate::fuzz::Numbers::new(crate::fuzz::seed());
    let texts = (0..crate::fuzz::cases(4_000) / 4)
        .map(|_| crate::fuzz::mutate(&mut numbers, &corpus, crate::fuzz::targets::SQL));
    let texts: Vec<String> = texts.collect();
    let mut statements: Vec<String> = texts
        .iter()
        .filter(|text| Expression::new(text).is_ok())
        .map(|text| format!("ALTER TABLE nowhere ADD COLUMN c text DEFAULT ({text});"))
        .collect();
    assert!(statements.len() > 20);
    // psql counts words to find the end of such a body.
    let body = |text: &String| format!("BEGIN ATOMIC SELECT {text}; SELECT 2; END");
    let bodies = texts.iter().map(body).filter(|text| Body::new(text).is_ok());
    let functions: Vec<String> =
        bodies.map(|body| format!("CREATE FUNCTION f() RETURNS integer LANGUAGE sql {body};")).collect();
    assert!(functions.len() > 20, "{}", functions.len());
    statements.extend(functions);
    let mut psql = Command::new("psql")
        .args(["-X", "-q", "-e", "-h"])
        .arg(server.folder())
        .args(["-U", "postgres", "-d", "postgres"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = psql.stdin.take().unwrap();
    let sent = statements.join("\n") + "\n";
    std::thread::spawn(move || input.write_all(sent.as_bytes()));
    // With `-e` psql prints what it sends to the server.
    let output = psql.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(printed.trim_end(), statements.join("\n").trim_end());
}
