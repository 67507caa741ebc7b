//! Imports definitions from SQL and from running servers, applies them to an empty database, and compares the catalogs.

use std::fs;
use std::path::Path;

use nself::database::import::sql;
use nself::database::lexer;
use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;

use super::case::{Case, schema};
use super::property::{compare_catalogs, run_up};
use super::server::{Server, Version};
use crate::support::{ProcessOutput, nself_in, root, tool};

pub fn url(server: &Server, database: &str) -> String {
    format!("postgresql://owner@/{database}?host={}", server.folder().display())
}

/// Returns the SQL that `nself db diff` plans for this definition in an empty project.
pub fn planned(folder: &Path, definition: &str) -> String {
    fs::write(folder.join("imported.ncl"), definition).unwrap();
    fs::write(
        folder.join("stack.ncl"),
        "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop = import \"imported.ncl\" } | nself.Stack\n",
    )
    .unwrap();
    let diff = nself_in(folder, ["db", "diff"]);
    assert_eq!(diff.code, 1, "{}\n{definition}", diff.stderr);
    diff.stdout
}

/// Removes the statements that contain one of these places (line, column).
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

/// Returns the places and messages of the findings.
fn refused_places(output: &ProcessOutput, file: &str) -> Vec<((usize, usize), String)> {
    let messages = output.stderr.lines().filter_map(|line| line.strip_prefix("error[NS714]: "));
    let places = output.stderr.lines().filter_map(|line| line.trim().strip_prefix("--> ")).map(|place| {
        let mut numbers =
            place.strip_prefix(file).unwrap().trim_start_matches(':').split(':').map(|n| n.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    });
    places.zip(messages.map(str::to_owned)).collect()
}

/// First words of the expected messages about unsupported parts of each schema.
const LOST: [(&str, usize, &[&str]); 8] = [
    ("authelia", 21, &[]),
    ("icingadb", 61, &["CREATE OPERATOR anynonarray"]),
    ("openfga", 5, &[]),
    ("powerdns", 7, &[]),
    ("procrastinate", 4, &["`DO`"]),
    ("river", 5, &[]),
    ("temporal", 34, &[]),
    ("visibility", 1, &[]),
];

/// Schemas that consist of migrations, so they are applied to a server first and read back.
const HISTORIES: [&str; 2] = ["authelia", "river"];

#[test]
fn schemas_of_other_projects_are_imported() {
    let (Some(files), Some(server)) = (tool("schemas"), Server::start(Version::V15)) else { return };
    for (name, tables, lost) in LOST {
        let folder = tempfile::tempdir().unwrap();
        let mut text = fs::read_to_string(files.join(format!("{name}.sql"))).unwrap();
        let file = folder.path().join("schema.sql");
        fs::write(&file, &text).unwrap();
        if !HISTORIES.contains(&name) {
            let output = nself_in(folder.path(), ["db", "import", "--sql", "schema.sql"]);
            let found = refused_places(&output, "schema.sql");
            for (_, message) in &found {
                assert!(lost.iter().any(|known| message.contains(known)), "{name}: {message}");
            }
            for known in lost {
                assert!(found.iter().any(|(_, message)| message.contains(known)), "{name}: {known} is not refused");
            }
            assert!(lost.is_empty() || (output.code == 2 && output.stdout.is_empty()), "{name}: {}", output.stdout);
            // Without the statements at these places, nothing is refused.
            text = without(&text, &found.iter().map(|(place, _)| *place).collect::<Vec<_>>());
            fs::write(&file, &text).unwrap();
        }
        server.database(name);
        let mut theirs = server.session("owner", name);
        theirs.run_or_panic(&text);
        let wanted = theirs.catalog();
        let count = wanted.lines().filter(|line| line.starts_with("table\t")).count();
        assert_eq!(count, tables, "{name}");

        fs::write(folder.path().join("dump.sql"), server.dump(name)).unwrap();
        let address = url(&server, name);
        let ways = [("sql", "schema.sql"), ("sql", "dump.sql"), ("url", address.as_str())];
        let mut definitions = Vec::new();
        for (i, (way, from)) in ways.iter().enumerate().filter(|(i, _)| *i > 0 || !HISTORIES.contains(&name)) {
            let output = nself_in(folder.path(), ["db", "import", &format!("--{way}"), from]);
            assert_eq!(output.code, 0, "{name} {way}: {}", output.stderr);
            let ours = format!("{name}_{i}");
            server.database(&ours);
            let mut session = server.session("owner", &ours);
            session
                .transaction(&planned(folder.path(), &output.stdout))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            compare_catalogs("theirs", &wanted, way, &session.catalog())
                .unwrap_or_else(|error| panic!("{name} {way}: {error}"));
            definitions.push(output.stdout);
        }
        assert_eq!(definitions[definitions.len() - 2], definitions[definitions.len() - 1], "{name}: dump and server");
        let facts = wanted.lines().count();
        eprintln!("{name}: {count} tables, {facts} facts, equal in {} ways", definitions.len());
    }
}

/// Default names, serials, partitions and grants: the SQL is applied directly, and imported.
#[test]
fn an_import_equals_what_the_server_creates_from_the_sql() {
    let Some(server) = Server::start(Version::V15) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("tests/sql/shop.sql").display().to_string();
    let output = nself_in(folder.path(), ["db", "import", "--sql", &file]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let notes: Vec<&str> = output.stderr.lines().filter_map(|line| line.strip_prefix("warning[NS714]: ")).collect();
    let (roles, notes): (Vec<&str>, Vec<&str>) = notes.iter().partition(|note| note.contains("names the role"));
    assert!(roles.len() == 2 && roles[0].contains("`reader`") && roles[1].contains("`writer`"), "{roles:?}");
    assert_eq!(notes.len(), 3, "{notes:?}");
    for (note, words) in notes.iter().zip(["the comment on the extension", "`number_of_it`", "the owner `owner`"]) {
        assert!(note.contains(words) && note.contains("left out"), "{note}");
    }
    for name in ["theirs", "ours"] {
        server.database(name);
    }
    let (mut theirs, mut ours) = (server.session("owner", "theirs"), server.session("owner", "ours"));
    let text = fs::read_to_string(&file).unwrap();
    theirs.run_or_panic(&text);
    // Not through a stack, since its roles would be the roles of services.
    let (read, findings) = nself::database::complete(sql::read(&text).unwrap().schema, &FieldPath::root());
    assert!(findings.is_empty(), "{findings:#?}");
    run_up(&mut ours, &plan(&Schema::default(), &read, &FieldPath::root()).unwrap()).unwrap();
    compare_catalogs("theirs", &theirs.catalog(), "ours", &ours.catalog()).unwrap_or_else(|error| panic!("{error}"));
    assert!(ours.catalog().lines().count() > 80);
}

#[test]
fn a_schema_that_nself_created_is_imported_from_a_server() {
    read_back(Version::V15, 0);
}

#[test]
fn a_dump_of_a_newer_server_is_imported() {
    read_back(Version::V17, 40);
}

fn read_back(version: Version, from: u64) {
    let Some(server) = Server::start(version) else { return };
    server.database("made");
    server.database("again");
    let (mut made, mut again) = (server.session("owner", "made"), server.session("owner", "again"));
    let empty = Schema::default();
    let steps = |to: &Schema| plan(&empty, to, &FieldPath::root()).unwrap_or_else(|error| panic!("{error:#?}"));
    let mut imported_schemas = 0;
    for number in from..from + 40 {
        let (draft, _) = Case::new(number * 23 + 22).drafts(&mut Vec::new());
        let wanted = schema(&draft.root).unwrap();
        made.reset();
        again.reset();
        run_up(&mut made, &steps(&wanted)).unwrap();
        let text = server.dump("made");
        let read = sql::read(&text).unwrap_or_else(|lost| panic!("{number}: {lost:#?}\n{text}"));
        let (read, findings) = nself::database::complete(read.schema, &FieldPath::root());
        assert!(findings.is_empty(), "{number}: {findings:#?}\n{text}");
        run_up(&mut again, &steps(&read)).unwrap_or_else(|error| panic!("{number}: {error}"));
        compare_catalogs("made", &made.catalog(), "read", &again.catalog())
            .unwrap_or_else(|error| panic!("{number}: {error}"));
        imported_schemas += wanted.tables.len() + wanted.views.len() + wanted.functions.len() + wanted.types.len();
    }
    assert!(imported_schemas > 100, "{imported_schemas} objects");
}
