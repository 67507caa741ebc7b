//! Attacks by nesting: every recursive reader has a limit, and reports a finding beyond it.

use std::fs;
use std::path::Path;

use crate::support::{ProcessOutput, nself_in, stack};

const LEVELS: usize = 8_000;

fn nested_brackets(levels: usize) -> String {
    format!("{}1{}", "(".repeat(levels), ")".repeat(levels))
}

/// Writes a stack with these fields and, for fields of the database `d`, a service that owns it.
fn write_stack(folder: &Path, fields: &str) {
    let owner = if fields.starts_with("databases.d") {
        "services.owner = { image = \"a/owner:1\", databases.main.name = \"d\" },"
    } else {
        ""
    };
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {owner}\n{fields}\n}} | nself.Stack\n"
    );
    fs::write(folder.join("stack.ncl"), text).unwrap();
}

/// Checks that the run ends with a finding with a place.
fn assert_refused(output: &ProcessOutput, code: &str, place: &str) {
    assert_eq!(output.code, 2, "{}", &output.stderr[..output.stderr.len().min(2_000)]);
    let (found, placed) = (output.stderr.contains(code), output.stderr.contains(place));
    assert!(found && placed, "{code} {place}: {}", &output.stderr[..output.stderr.len().min(2_000)]);
}

/// Attack: SQL of a definition with 8,000 brackets, signs or casts, in each kind of slot.
/// Expectation: NS741 at the field. Control: with 150 brackets, the definition is accepted.
#[test]
fn definitions() {
    let project = stack("{}");
    let deep = [
        nested_brackets(LEVELS),
        format!("{}1", "- ".repeat(LEVELS)),
        format!("{}true", "NOT ".repeat(3_000)),
        format!("1{}", " + 1".repeat(3_900)),
        format!("x{}", "::int".repeat(3_000)),
        format!("{}1{}", "CASE WHEN a THEN ".repeat(600), " END".repeat(600)),
    ];
    for text in &deep {
        write_stack(
            project.path(),
            &format!("databases.d.tables.t = {{ columns.a.type = \"int\", checks.c = \"{text}\" }}"),
        );
        assert_refused(&nself_in(project.path(), ["db", "diff"]), "NS741", "stack.ncl:3:");
    }
    let (accepted, refused) = (nested_brackets(150), nested_brackets(250));
    for text in [&accepted, &refused] {
        let fields = [
            format!("tables.t = {{ columns.a = {{ type = \"int\", default = \"{text}\" }} }}"),
            format!("tables.t.columns.a.type = \"int\", views.v.query = \"SELECT {text} AS x\""),
            format!("functions.f = {{ language = 'sql, returns = \"int\", body = \"SELECT {text}\" }}"),
            format!("functions.f = {{ language = 'plpgsql, returns = \"int\", body = \"BEGIN RETURN {text}; END\" }}"),
            format!("tables.t.columns.a.type = \"int\", seeds.local = [\"INSERT INTO t VALUES ({text});\"]"),
        ];
        for fields in fields {
            write_stack(project.path(), &format!("databases.d = {{ {fields} }}"));
            let output = nself_in(project.path(), ["db", "diff"]);
            if text == &accepted {
                // The definition is accepted, and differs from the migrations, of which there are none.
                assert_eq!(output.code, 1, "{}", output.stderr);
            } else {
                assert_refused(&output, "NS741", "stack.ncl:3:");
            }
        }
    }
}

/// Attack: a hand-written migration with 8,000 brackets, and one with the brackets in the body of a function.
/// Expectation: NS741 at its line.
#[test]
fn migrations_by_hand() {
    let project = stack("{}");
    write_stack(project.path(), "databases.d.tables.t.columns.a.type = \"int\"");
    assert_eq!(nself_in(project.path(), ["db", "new"]).code, 0);
    assert_eq!(nself_in(project.path(), ["db", "new", "--by-hand"]).code, 0);
    let mut all = fs::read_dir(project.path().join("db/d/migrations")).unwrap().map(|entry| entry.unwrap().path());
    let by_hand = all.find(|path| path.to_string_lossy().contains("0002")).unwrap().join("up.sql");
    // `db sum` records the file; the next run parses it.
    let generate = || {
        assert_eq!(nself_in(project.path(), ["db", "sum"]).code, 0);
        nself_in(project.path(), ["gen", "--env", "local"])
    };
    let brackets = nested_brackets(LEVELS);
    for (line, sql) in [
        (2, format!("SELECT\n{brackets};\n")),
        (2, format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql\nAS $$ SELECT {brackets} $$;\n")),
        (2, format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql\nAS 'SELECT {brackets}';\n")),
        (1, format!("{}\nSELECT 1;\n", "EXPLAIN ".repeat(LEVELS))),
        (2, format!("SELECT\n1{};\n", " UNION SELECT 1".repeat(LEVELS))),
    ] {
        fs::write(&by_hand, sql).unwrap();
        assert_refused(&generate(), "NS741", &format!("0002_by_hand/up.sql:{line}:"));
    }
    // Escapes in a body would hide its depth, so they are refused.
    fs::write(&by_hand, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS E'SELECT \\050 1)';\n").unwrap();
    assert_refused(&generate(), "NS740", "0002_by_hand/up.sql:1:");
}

/// Attack: SQL and DBML for import with 8,000 levels.
/// Expectation: a finding with the place, about the nesting. Control: with five levels, the text is imported.
#[test]
fn imports() {
    let folder = tempfile::tempdir().unwrap();
    let import = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).unwrap();
        let arguments: &[&str] =
            if file == "a.sql" { &["db", "import", "--sql", file] } else { &["db", "import", file] };
        nself_in(folder.path(), arguments)
    };
    let (brackets, length) = ("brackets are nested deeper than", "words and symbols without a comma between them");
    type TextOfDepth = fn(usize) -> String;
    let texts: [(&str, &str, TextOfDepth); 4] = [
        ("a.sql", brackets, |levels| format!("CREATE TABLE t (\n  a int CHECK ({} > 0));\n", nested_brackets(levels))),
        ("a.sql", length, |levels| {
            format!("CREATE TABLE t (a int);\nCREATE VIEW v AS SELECT 1{};\n", " UNION SELECT 1".repeat(levels))
        }),
        ("a.sql", length, |levels| format!("CREATE TABLE t (\n  a int{});\n", "[]".repeat(levels))),
        ("a.dbml", brackets, |levels| format!("Table t {{\n  a int [default: `{}`]\n}}\n", nested_brackets(levels))),
    ];
    for (file, reason, text) in texts {
        let accepted = import(file, &text(5));
        assert_eq!(accepted.code, 0, "{reason}: {}", accepted.stderr);
        let refused = import(file, &text(LEVELS));
        assert_refused(&refused, "NS714", &format!("{file}:2:"));
        assert!(refused.stderr.contains(reason), "{reason}: {}", refused.stderr);
    }
    // These are wrong with two levels as well, but the reader must end.
    for text in [
        format!("Table t {{\n  a int\n  {} \n}}\n", "indexes { ".repeat(LEVELS)),
        format!("Table t {{\n  a int{}\n}}\n", "[".repeat(LEVELS)),
    ] {
        assert_refused(&import("a.dbml", &text), "NS714", "a.dbml:");
    }
}

/// Attack: committed files of nself with 8,000 levels of JSON.
/// Expectation: the file is reported as damaged, and its reader stops at the limit if it takes any JSON there. Control:
/// with 20 levels, it does not reach the limit.
#[test]
fn committed_files() {
    let project = stack("{}");
    write_stack(project.path(), "databases.d.tables.t.columns.a.type = \"int\"");
    assert_eq!(nself_in(project.path(), ["db", "new"]).code, 0);
    let generate = || nself_in(project.path(), ["gen", "--env", "local"]);
    assert_eq!(generate().code, 0);
    let (plan, table) = ("db/d/migrations/0001_init/plan.json", "db/d/schema/tables/t.json");
    let plan_with_type = fs::read_to_string(project.path().join(plan)).unwrap().replacen("\"integer\"", "DEEP", 1);
    let limit = "recursion limit exceeded";
    for (file, text, code, reason) in [
        ("nself.lock", "DEEP", "NS806", "invalid type: sequence"),
        ("nself.lock", "{\"version\":1,\"images\":DEEP}", "NS806", "invalid type: sequence, expected a map"),
        ("deploy/nself.manifest", "DEEP", "NS805", "it is not a digest"),
        (plan, "DEEP", "NS732", "invalid type: sequence"),
        (plan, plan_with_type.as_str(), "NS732", limit),
        (table, "DEEP", "NS732", limit),
        (table, "{\"columns\":DEEP}", "NS732", limit),
    ] {
        let path = project.path().join(file);
        let before = fs::read(&path).ok();
        let with_levels = |levels: usize| {
            fs::write(&path, text.replace("DEEP", &format!("{}{}", "[".repeat(levels), "]".repeat(levels)))).unwrap();
            generate()
        };
        let shallow = with_levels(20);
        assert!(shallow.code == 2 && !shallow.stderr.contains(limit), "{file}: {}", shallow.stderr);
        let refused = with_levels(LEVELS);
        assert_refused(&refused, code, file.rsplit('/').next().unwrap());
        assert!(refused.stderr.contains(reason), "{file}: {}", refused.stderr);
        match before {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
    assert_eq!(generate().code, 0);
}

/// Attack: a stack whose values are nested deeply, in Nickel and in imported JSON and YAML.
/// Expectation: a finding about the nesting or, for a field that takes a text, about the type; nothing aborts. Control: a
/// field that takes any data accepts 20 levels.
#[test]
fn stacks() {
    let project = stack("{}");
    let cases: [(&str, &[&str]); 2] =
        [("files.\"/etc/a.json\".json", &["NS005", "NS002"]), ("env.A", &["NS005", "NS002", "NS103", "NS106"])];
    for levels in [20, 120, 1_000, LEVELS] {
        let open = |pair: [&str; 2]| format!("{}1{}", pair[0].repeat(levels), pair[1].repeat(levels));
        fs::write(project.path().join("a.json"), open(["[", "]"])).unwrap();
        fs::write(project.path().join("a.yaml"), open(["[", "]"])).unwrap();
        for value in [
            open(["{ a = ", " }"]),
            open(["[", "]"]),
            "import \"a.json\"".to_owned(),
            "import \"a.yaml\"".to_owned(),
            format!("std.array.fold_left (fun deep _ => {{ a = deep }}) 1 (std.array.range 0 {levels})"),
        ] {
            let start_of_value = &value[..value.len().min(20)];
            for (field, codes) in cases {
                let fields = format!("services.orders = {{ image = \"a/orders:1\", {field} = {value} }},");
                write_stack(project.path(), &fields);
                let output = nself_in(project.path(), ["gen", "--env", "local"]);
                let has_code = codes.iter().any(|code| output.stderr.contains(&format!("error[{code}]")));
                let is_accepted = levels == 20 && field != "env.A";
                assert_eq!(
                    (output.code, has_code),
                    if is_accepted { (0, false) } else { (2, true) },
                    "{levels} {field} {start_of_value}: {}",
                    output.stderr.chars().take(500).collect::<String>()
                );
            }
        }
    }
}
