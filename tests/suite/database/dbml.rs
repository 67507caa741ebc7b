//! Loads DBML into PostgreSQL with nself and with the reference reader, and compares tables, columns and keys.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::server::{Server, Session, Version};
use crate::support::{nself_in, root, run, tool};

/// The facts that must be equal. Names of constraints differ, and DBML does not specify when keys are checked.
const FACTS: &str = "
  SELECT concat_ws(' ', n.nspname, c.relname, attname, format_type(atttypid, atttypmod), attnotnull)
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
   WHERE attnum > 0 AND relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  UNION ALL
  SELECT regexp_replace(concat_ws(' ', conrelid::regclass, contype, pg_get_constraintdef(oid)), ' ON UPDATE NO ACTION| DEFERRABLE', '', 'g')
    FROM pg_constraint WHERE contype IN ('p', 'f') AND connamespace <> 'pg_catalog'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', indrelid::regclass, indisunique, regexp_replace(pg_get_indexdef(indexrelid), 'INDEX .* ON', 'ON'))
    FROM pg_index JOIN pg_class ON oid = indrelid WHERE relnamespace <> 'pg_catalog'::regnamespace AND relkind = 'r'
  UNION ALL
  SELECT concat_ws(' ', enumtypid::regtype, enumsortorder, enumlabel) FROM pg_enum
  ORDER BY 1;";

/// Returns the SQL of the reference reader.
fn sql_of_reference_reader(tools: &Path, file: &Path) -> crate::support::ProcessOutput {
    let script = "const {exporter} = require(process.argv[1] + '/node_modules/@dbml/core');\
        try { process.stdout.write(exporter.export(require('fs').readFileSync(process.argv[2], 'utf8'), 'postgres')) }\
        catch (error) { console.error(JSON.stringify(error.diags)); process.exit(1) }";
    run(Command::new("node").args(["-e", script]).arg(tools).arg(file))
}

fn facts(session: &mut Session) -> String {
    session.run_or_panic(FACTS)
}

#[test]
fn both_readers_of_dbml_give_the_same_tables() {
    let (Some(tools), Some(server)) = (tool("dbml"), Server::start(Version::V15)) else { return };
    for name in ["shop", "school"] {
        let file = root().join("tests/dbml").join(format!("{name}.dbml"));
        let theirs = sql_of_reference_reader(&tools, &file);
        assert_eq!(theirs.code, 0, "{}", theirs.stderr);
        server.database(&format!("{name}_theirs"));
        let mut their_session = server.session("postgres", &format!("{name}_theirs"));
        their_session.run_or_panic(&theirs.stdout);

        let folder = tempfile::tempdir().unwrap();
        let output = nself_in(folder.path(), ["db", "import", &file.display().to_string()]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        fs::write(folder.path().join("imported.ncl"), &output.stdout).unwrap();
        fs::write(
            folder.path().join("stack.ncl"),
            "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop = import \"imported.ncl\" } | nself.Stack\n",
        )
        .unwrap();
        let diff = nself_in(folder.path(), ["db", "diff"]);
        assert_eq!(diff.code, 1, "{}", diff.stderr);
        server.database(&format!("{name}_ours"));
        let mut session = server.session("postgres", &format!("{name}_ours"));
        session.transaction(&diff.stdout).unwrap();
        let (ours, theirs) = (facts(&mut session), facts(&mut their_session));
        let diff = similar::TextDiff::from_lines(&theirs, &ours);
        assert!(ours == theirs, "{name}\n{}", diff.unified_diff().context_radius(0).header("theirs", "ours"));
        assert!(ours.lines().count() > 15, "{ours}");
    }
}

#[test]
fn invalid_and_unsupported_dbml_is_reported_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.dbml");
    for (text, line, words) in [
        ("Table a {\n  id int [pk\n}", 3, "unexpected end of the file"),
        ("Table a {\n  id int [note: 'it''s']\n}", 2, "must have exactly one value"),
        ("Table a {\n  abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb int\n}", 2, "it has 64 bytes"),
        ("Table a {\n  id int [colour: #fff]\n}", 2, "nself cannot represent the setting `colour` of a.id"),
        ("Table a {\n  id int [pk]\n}\nTable b {\n  id int [pk]\n}\nRef: a.id <> b.id", 7, "many-to-many"),
        ("Table a {\n  id int [default: 'x]\n}", 2, "the text is not closed"),
        ("TablePartial a {\n  id int\n}", 1, "nself cannot represent `tablepartial`"),
        ("Table a {\n  id int [default: `1; DROP TABLE x`]\n}", 2, "`;` is not allowed here"),
        ("Enum e { a }\nEnum e { c }", 2, "there are two enumerations `e`"),
        ("Enum e { a [color: red] }", 1, "nself cannot represent the setting `color` of the label `a`"),
        (
            "Table a {\n  id int\n  indexes {\n    id [name: 'i']\n    (id) [name: 'i']\n  }\n}",
            5,
            "two constraints or indexes `i`",
        ),
        ("Table a {\n  id int\n  checks {\n    `id > 0` [note: 'x']\n  }\n}", 4, "the setting `note` of a check"),
        ("Table a {\n  id int\n  checks {\n    id\n  }\n}", 4, "`id` is not an expression in backquotes"),
        ("Table a as x { id int }\nTable b as x { id int }", 2, "two tables have the alias `x`"),
        ("Table a {\n  id int [pk]\n  n int\n  indexes {\n    (id, n) [pk]\n  }\n}", 5, "a has two primary keys"),
        (
            "Table a {\n  id int\n}\nTable b {\n  id int [pk]\n}\nTable c {\n  id int [pk]\n}\nRef f: a.id > b.id\nRef f: a.id > c.id",
            11,
            "two constraints or indexes `f`",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = nself_in(folder.path(), ["db", "import", "x.dbml"]);
        let place = format!("x.dbml:{line}:1");
        assert!(
            output.code == 2
                && output.stdout.is_empty()
                && output.stderr.contains("[NS714]")
                && output.stderr.contains(words),
            "{text}: {}{}",
            output.stdout,
            output.stderr
        );
        assert!(output.stderr.contains(&place), "{place}: {}", output.stderr);
    }
}
