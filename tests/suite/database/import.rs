//! Definitions from SQL and from running servers, judged by PostgreSQL: what was imported is applied to an empty
//! database, and the catalogs are equal.

use std::fs;
use std::path::Path;

use nself::database::import::sql;
use nself::database::lexer;
use nself::database::model::Schema;
use nself::database::plan::plan;
use nself::diagnostic::FieldPath;

use super::property::{Case, run_up, same, schema};
use super::server::{Server, Version};
use crate::support::{Ran, nself, nself_in, root, run, tool};

pub fn url(server: &Server, database: &str) -> String {
    format!("postgresql://owner@/{database}?host={}", server.folder().display())
}

/// What `nself db diff` plans for a stack with this definition, in an empty project.
fn planned(folder: &Path, definition: &str) -> String {
    fs::write(folder.join("imported.ncl"), definition).unwrap();
    fs::write(
        folder.join("stack.ncl"),
        "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"shop.example.com\", databases.shop = import \"imported.ncl\" } | nself.Stack\n",
    )
    .unwrap();
    let diff = nself_in(folder, ["db", "diff"]);
    assert_eq!(diff.code, 1, "{}\n{definition}", diff.stderr);
    diff.stdout
}

/// The statements of a text without those that hold one of these places (line, column).
fn without(text: &str, places: &[(usize, usize)]) -> String {
    let lines: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let places: Vec<usize> = places.iter().map(|(line, column)| lines[line - 1] + column - 1).collect();
    let ends = lexer::tokens(text).unwrap().into_iter().filter(|token| token.text == ";").map(|token| token.at + 1);
    let (mut kept, mut from) = (String::new(), 0);
    for end in ends.chain([text.len()]) {
        if !places.iter().any(|at| (from..end).contains(at)) {
            kept.push_str(&text[from..end]);
        }
        from = end;
    }
    kept
}

/// The places and messages of what was refused.
fn refused(ran: &Ran, file: &str) -> Vec<((usize, usize), String)> {
    let messages = ran.stderr.lines().filter_map(|line| line.strip_prefix("error[NS714]: "));
    let places = ran.stderr.lines().filter_map(|line| line.trim().strip_prefix("--> ")).map(|place| {
        let mut numbers =
            place.strip_prefix(file).unwrap().trim_start_matches(':').split(':').map(|n| n.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    });
    places.zip(messages.map(str::to_owned)).collect()
}

/// What the model cannot hold of a schema, without what is said about it more than once: first words of the messages.
const LOST: [(&str, usize, &[&str]); 8] = [
    ("authelia", 21, &[]),
    (
        "icingadb",
        61,
        &[
            "`CREATE OPERATOR anynonarray`",
            "`INSERT INTO icingadb_schema`",
            "the function anynonarrayliketext",
            "`SET STORAGE`",
        ],
    ),
    ("openfga", 5, &[]),
    ("powerdns", 7, &[]),
    ("procrastinate", 4, &["`DO`"]),
    ("river", 5, &[]),
    ("temporal", 34, &["`INSERT INTO namespace_metadata`"]),
    ("visibility", 1, &[]),
];

/// These are migrations, which change what they made; only the server knows what they give.
const HISTORIES: [&str; 2] = ["authelia", "river"];

#[test]
fn schemas_of_others_come_through() {
    let (Some(files), Some(server)) = (tool("schemas"), Server::start(Version::V15)) else { return };
    for (name, tables, lost) in LOST {
        let folder = tempfile::tempdir().unwrap();
        let mut text = fs::read_to_string(files.join(format!("{name}.sql"))).unwrap();
        let file = folder.path().join("schema.sql");
        fs::write(&file, &text).unwrap();
        if !HISTORIES.contains(&name) {
            let ran = nself_in(folder.path(), ["db", "import", "--sql", "schema.sql"]);
            let found = refused(&ran, "schema.sql");
            for (_, message) in &found {
                assert!(lost.iter().any(|known| message.contains(known)), "{name}: {message}");
            }
            for known in lost {
                assert!(found.iter().any(|(_, message)| message.contains(known)), "{name}: {known} is not refused");
            }
            assert!(lost.is_empty() || (ran.code == 2 && ran.stdout.is_empty()), "{name}: {}", ran.stdout);
            // The places are those of statements: without them, nothing is refused.
            text = without(&text, &found.iter().map(|(place, _)| *place).collect::<Vec<_>>());
            fs::write(&file, &text).unwrap();
        }
        server.database(name);
        let mut theirs = server.session("owner", name);
        theirs.must(&text);
        let wanted = theirs.catalog();
        let count = wanted.lines().filter(|line| line.starts_with("table\t")).count();
        assert_eq!(count, tables, "{name}");

        fs::write(folder.path().join("dump.sql"), server.dump(name)).unwrap();
        let address = url(&server, name);
        let ways = [("sql", "schema.sql"), ("sql", "dump.sql"), ("url", address.as_str())];
        let mut definitions = Vec::new();
        for (i, (way, from)) in ways.iter().enumerate().filter(|(i, _)| *i > 0 || !HISTORIES.contains(&name)) {
            let ran = nself_in(folder.path(), ["db", "import", &format!("--{way}"), from]);
            assert_eq!(ran.code, 0, "{name} {way}: {}", ran.stderr);
            let ours = format!("{name}_{i}");
            server.database(&ours);
            let mut session = server.session("owner", &ours);
            session.transaction(&planned(folder.path(), &ran.stdout)).unwrap_or_else(|error| panic!("{name}: {error}"));
            same("theirs", &wanted, way, &session.catalog()).unwrap_or_else(|error| panic!("{name} {way}: {error}"));
            definitions.push(ran.stdout);
        }
        assert_eq!(definitions[definitions.len() - 2], definitions[definitions.len() - 1], "{name}: dump and server");
        let facts = wanted.lines().count();
        eprintln!("{name}: {count} tables, {facts} facts, equal in {} ways", definitions.len());
    }
}

/// Names that the server makes up, serials, partitions, grants: applied as they are, and imported.
#[test]
fn sql_as_people_write_it_gives_what_the_server_makes_of_it() {
    let Some(server) = Server::start(Version::V15) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("tests/sql/shop.sql").display().to_string();
    let ran = nself_in(folder.path(), ["db", "import", "--sql", &file]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let notes: Vec<&str> = ran.stderr.lines().filter_map(|line| line.strip_prefix("warning[NS714]: ")).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    for (note, words) in notes.iter().zip(["the comment on the extension", "`number_of_it`", "the owner `owner`"]) {
        assert!(note.contains(words) && note.contains("left out"), "{note}");
    }
    for name in ["theirs", "ours"] {
        server.database(name);
    }
    let (mut theirs, mut ours) = (server.session("owner", "theirs"), server.session("owner", "ours"));
    let text = fs::read_to_string(&file).unwrap();
    theirs.must(&text);
    // Not through a stack, whose roles would be those of its services.
    let (read, findings) = nself::database::complete(sql::read(&text).unwrap().schema, &FieldPath::root());
    assert!(findings.is_empty(), "{findings:#?}");
    run_up(&mut ours, &plan(&Schema::default(), &read, &FieldPath::root()).unwrap()).unwrap();
    same("theirs", &theirs.catalog(), "ours", &ours.catalog()).unwrap_or_else(|error| panic!("{error}"));
    assert!(ours.catalog().lines().count() > 80);
}

#[test]
fn what_nself_made_is_read_back_from_a_server() {
    read_back(Version::V15, 0);
}

#[test]
fn a_newer_server_prints_what_is_read_back() {
    read_back(Version::V17, 40);
}

fn read_back(version: Version, from: u64) {
    let Some(server) = Server::start(version) else { return };
    server.database("made");
    server.database("again");
    let (mut made, mut again) = (server.session("owner", "made"), server.session("owner", "again"));
    let empty = Schema::default();
    let steps = |to: &Schema| plan(&empty, to, &FieldPath::root()).unwrap_or_else(|error| panic!("{error:#?}"));
    let mut seen = 0;
    for number in from..from + 40 {
        let (draft, _) = Case::new(number * 23 + 22).drafts(&mut Vec::new());
        let wanted = schema(&draft.root).unwrap();
        made.reset();
        again.reset();
        for session in [&mut made, &mut again] {
            session.must("GRANT USAGE ON SCHEMA public TO PUBLIC;");
        }
        run_up(&mut made, &steps(&wanted)).unwrap();
        let text = server.dump("made");
        let read = sql::read(&text).unwrap_or_else(|lost| panic!("{number}: {lost:#?}\n{text}"));
        let (read, findings) = nself::database::complete(read.schema, &FieldPath::root());
        assert!(findings.is_empty(), "{number}: {findings:#?}\n{text}");
        run_up(&mut again, &steps(&read)).unwrap_or_else(|error| panic!("{number}: {error}"));
        same("made", &made.catalog(), "read", &again.catalog()).unwrap_or_else(|error| panic!("{number}: {error}"));
        seen += wanted.tables.len() + wanted.views.len() + wanted.functions.len() + wanted.types.len();
    }
    assert!(seen > 100, "{seen} objects");
}

/// A statement and how its loss begins, where it is.
const REFUSED: [(&str, (usize, usize), &str); 44] = [
    ("CREATE TABLE t (id int) TABLESPACE fast;", (1, 25), "the table t: `TABLESPACE` has no place"),
    ("CREATE TABLE t (id int) WITH (fillfactor = 70);", (1, 25), "the table t: `WITH` has no place"),
    ("CREATE TABLE t (id int) INHERITS (u);", (1, 25), "the table t: `INHERITS`"),
    ("CREATE TEMP TABLE t (id int);", (1, 8), "the table t: `TEMP`"),
    ("CREATE TABLE t (LIKE u);", (1, 17), "the table t: `LIKE`"),
    ("CREATE TABLE \"Orders\" (id int);", (1, 14), "the name `Orders`"),
    ("CREATE TABLE t (id \"char\");", (1, 20), "the table t: the type \"char\""),
    ("CREATE TABLE t (id int DEFAULT 'x' COLLATE \"C\");", (1, 32), "the table t: write COLLATE before DEFAULT"),
    ("CREATE TABLE t (id text COLLATE \"de_DE\");", (1, 33), "the table t: the collation `de_DE`"),
    ("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (START 7));", (1, 53), "the table t: options of an identity"),
    ("CREATE TABLE t (id int, CHECK (id > 0) NO INHERIT);", (1, 40), "the table t: `NO INHERIT`"),
    ("CREATE TABLE t (id int REFERENCES u (id) MATCH FULL);", (1, 42), "the table t: `MATCH FULL`"),
    ("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE);", (1, 36), "the table t: `DEFERRABLE`"),
    ("CREATE TABLE t (id int) PARTITION BY RANGE (lower(id));", (1, 45), "the table t: a table is divided by columns"),
    ("CREATE TABLE t AS SELECT 1 AS id;", (1, 1), "`CREATE TABLE t`"),
    ("ALTER TABLE t ADD COLUMN id int;", (1, 15), "the table t: there is no table `t`"),
    ("CREATE TABLE t (id int);\nALTER TABLE t DISABLE TRIGGER ALL;", (2, 15), "the table t: `DISABLE TRIGGER ALL`"),
    (
        "CREATE TABLE t (id int);\nALTER TABLE t ALTER id SET STATISTICS 5;",
        (2, 24),
        "the table t: `SET STATISTICS` of t.id",
    ),
    (
        "CREATE TABLE t (id int);\nALTER TABLE t FORCE ROW LEVEL SECURITY;",
        (2, 15),
        "the table t: row security is forced but not on",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE INDEX i ON t (id COLLATE \"C\");",
        (2, 22),
        "the index i: the collation of an index",
    ),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON t (id) WITH (fillfactor = 9);", (2, 26), "the index i: `WITH`"),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON t USING rum (id);", (2, 27), "the index i: the index method `rum`"),
    ("CREATE TABLE t (id int);\nCREATE INDEX i ON ONLY t (id);", (2, 19), "the index i: `ONLY`"),
    ("CREATE VIEW v (a) AS SELECT 1;", (1, 15), "the view v: names of columns"),
    ("CREATE VIEW v WITH (security_barrier) AS SELECT 1 AS a;", (1, 21), "the view v: the option `security_barrier`"),
    ("CREATE VIEW v AS SELECT 1 AS a WITH CHECK OPTION;", (1, 32), "the view v: `WITH CHECK OPTION`"),
    (
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        (1, 19),
        "the function f: an argument without a name",
    ),
    ("CREATE FUNCTION f(OUT a int) LANGUAGE sql AS 'SELECT 1';", (1, 19), "the function f: `OUT` has no place"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'f';", (1, 1), "the function f: the language c"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;", (1, 1), "the function f: only a body in quotes"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql COST 5 AS 'SELECT 1';", (1, 46), "the function f: `COST`"),
    (
        "CREATE TABLE t (id int);\nCREATE TRIGGER g INSTEAD OF INSERT ON t EXECUTE FUNCTION f();",
        (2, 1),
        "the trigger g of t: `INSTEAD OF`",
    ),
    (
        "CREATE TABLE t (id int);\nCREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f('x');",
        (2, 1),
        "the trigger g of t: arguments of a trigger",
    ),
    ("CREATE TABLE t (id int);\nGRANT SELECT (id) ON t TO reader;", (2, 7), "GRANT ON t: privileges of single columns"),
    (
        "CREATE TABLE t (id int);\nGRANT SELECT ON t TO reader WITH GRANT OPTION;",
        (2, 29),
        "GRANT ON t: `WITH GRANT OPTION`",
    ),
    ("GRANT reader TO writer;", (1, 1), "membership in roles"),
    ("CREATE TABLE t (id int);\nCOMMENT ON CONSTRAINT c ON t IS 'x';", (2, 12), "comments on a constraint"),
    (
        "CREATE EXTENSION hstore SCHEMA ext;",
        (1, 32),
        "the extension hstore: the model has extensions in the schema public",
    ),
    ("CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;", (1, 1), "`CREATE RULE"),
    ("CREATE PUBLICATION p FOR ALL TABLES;", (1, 1), "`CREATE PUBLICATION"),
    ("INSERT INTO t VALUES ('s3cret');", (1, 1), "`INSERT INTO t`"),
    ("SET search_path = audit;", (1, 1), "`SET search_path`"),
    ("\\i other.sql", (1, 1), "`\\i` is a command of psql"),
    ("CREATE TABLE t (id int;", (1, 23), "this is not SQL"),
];

#[test]
fn what_the_model_cannot_hold_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (text, (line, column), words) in REFUSED {
        fs::write(folder.path().join("x.sql"), text).unwrap();
        let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
        let place = format!("  --> x.sql:{line}:{column}\n");
        let said = ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(words) && ran.stderr.contains(&place);
        if !said {
            wrong.push(format!("{text}\nwanted {words} at {place}{}{}", ran.stdout, ran.stderr));
        }
        assert!(!ran.stderr.contains("s3cret"), "a value is repeated: {}", ran.stderr);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Several owners, and a definition that contradicts itself, at the place of its statement.
    let text = "CREATE TABLE a (id int);\nCREATE TABLE b (id int, a_id int REFERENCES a (id));\nALTER TABLE a OWNER TO x;\nALTER TABLE b OWNER TO y;\n";
    fs::write(folder.path().join("x.sql"), text).unwrap();
    let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(
        ran.stderr.contains("objects belong to several roles: x, y") && ran.stderr.contains("x.sql:4:15"),
        "{}",
        ran.stderr
    );
    fs::write(folder.path().join("x.sql"), &text[..text.find("ALTER").unwrap()]).unwrap();
    let ran = nself_in(folder.path(), ["db", "import", "--sql", "x.sql"]);
    assert!(ran.stderr.contains("[NS710]") && ran.stderr.contains("x.sql:2:1"), "{}", ran.stderr);
}

#[test]
fn a_password_is_seen_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >>{0}\nprintf '%s\\n' \"$PGPASSWORD\" >>{0}.env\necho \"no: $PGPASSWORD\" >&2\nexit 1\n",
        seen.display()
    );
    for program in ["psql", "pg_dump"] {
        let path = folder.path().join(program);
        fs::write(&path, &script).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    fs::write(
        folder.path().join("stack.ncl"),
        "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"shop.example.com\", databases.shop.tables.a = { columns.id.type = \"bigint\" } } | nself.Stack\n",
    )
    .unwrap();
    assert_eq!(nself_in(folder.path(), ["db", "new"]).code, 0);
    let url = "postgresql://me:s3%2Fcret@127.0.0.1:1/shop";
    for arguments in [
        &["db", "import", "--url", url][..],
        &["db", "status", "--url", url],
        &["db", "diff", "--from", url, "--to", "stack.ncl"],
        &["db", "baseline", "--url", url, "--scratch", url],
        &["db", "import", "--url", "postgresql://me:s3/cret@127.0.0.1/shop"],
    ] {
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let ran = run(nself(folder.path()).args(arguments).env("PATH", path));
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("cret") && !ran.stdout.contains("cret"), "{arguments:?}: {}", ran.stderr);
    }
    let arguments = fs::read_to_string(&seen).unwrap();
    assert!(
        arguments.contains("--dbname=postgresql://me@127.0.0.1:1/shop") && !arguments.contains("cret"),
        "{arguments}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("seen.env")).unwrap(), "s3/cret\n".repeat(4));
}

#[test]
fn a_server_is_compared_with_what_is_written() {
    let Some(server) = Server::start(Version::V15) else { return };
    let folder = tempfile::tempdir().unwrap();
    let definition = "{ types.state.enum.values = [\"new\", \"paid\"],\n\
         tables.orders = { columns = { id = { type = \"int8\", identity = 'always }, total = { type = \"numeric(8,2)\", default = \"0\" },\n\
           state = { type = \"state\", default = \"'new'\" } }, primary_key = [\"id\"],\n\
           checks.total_check = \"total >= 0 AND state IN ('new', 'paid')\" },\n\
         views.settled = { query = \"SELECT id, total FROM orders WHERE state = 'paid'\", depends_on = [\"state\"], grants.public = ['select] } }";
    server.database("shop");
    let mut session = server.session("owner", "shop");
    session.transaction(&planned(folder.path(), definition)).unwrap();
    assert_eq!(nself_in(folder.path(), ["db", "new"]).code, 0);
    let (shop, scratch) =
        (url(&server, "shop"), format!("postgresql://postgres@/postgres?host={}", server.folder().display()));
    let diff = |arguments: &[&str]| nself_in(folder.path(), [&["db", "diff"], arguments].concat());

    // Written and printed by a server are two spellings.
    let alone = diff(&["--from", &shop, "--to", "stack.ncl"]);
    assert!(
        alone.code == 2 && alone.stderr.contains("[NS716]") && alone.stderr.contains("--scratch"),
        "{}",
        alone.stderr
    );
    for pair in
        [[shop.as_str(), "stack.ncl"], ["stack.ncl", &shop], [&shop, "db/shop"], ["db/shop", &shop], [&shop, &shop]]
    {
        let ran = diff(&["--from", pair[0], "--to", pair[1], "--scratch", &scratch]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{pair:?}: {}{}", ran.stdout, ran.stderr);
    }

    // A change on the server, both ways; the way back loses data, which a stack has to allow.
    session.must("ALTER TABLE orders ADD COLUMN note text; ALTER TABLE orders DROP CONSTRAINT total_check;");
    let ahead = diff(&["--from", "stack.ncl", "--to", &shop, "--scratch", &scratch]);
    assert!(ahead.code == 1 && ahead.stdout.contains("ADD COLUMN \"note\" text;"), "{}{}", ahead.stdout, ahead.stderr);
    assert!(ahead.stdout.contains("DROP CONSTRAINT \"total_check\""), "{}", ahead.stdout);
    let back = diff(&["--from", &shop, "--to", "stack.ncl", "--scratch", &scratch]);
    assert!(back.code == 2 && back.stderr.contains("[NS720]: orders.note is gone"), "{}", back.stderr);
    let json = diff(&["--from", &shop, "--to", "db/shop", "--scratch", &scratch, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &answer["status"]), (1, &"differs".into()), "{}", json.stderr);
    assert!(answer.to_string().contains("deletes_data"), "{answer}");

    // Two servers, with what the other lacks.
    server.database("other");
    server.session("owner", "other").must("CREATE TABLE b (id int);");
    let ran = diff(&["--from", &shop, "--to", &url(&server, "other")]);
    assert!(ran.code == 1 && ran.stdout.contains("DROP TABLE \"public\".\"orders\""), "{}{}", ran.stdout, ran.stderr);
    // What the model cannot hold is not compared as if it were not there.
    session.must("CREATE RULE nothing AS ON DELETE TO orders DO INSTEAD NOTHING;");
    let ran = diff(&["--from", &shop, "--to", "stack.ncl", "--scratch", &scratch]);
    assert!(ran.code == 2 && ran.stderr.contains("`CREATE RULE"), "{}", ran.stderr);
    // Nothing is left behind.
    let left =
        server.session("postgres", "postgres").must("SELECT count(*) FROM pg_database WHERE datname LIKE 'nself%';");
    assert_eq!(left.trim(), "0");
}
