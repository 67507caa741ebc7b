//! Schemas as other tools write them: the SQL, a dump of it, and a dump with quotes around all names are imported, and
//! each definition creates what the SQL creates. The two dumps give the same definition.

use std::fs;
use std::path::PathBuf;

use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;

use super::pairs::import;
use super::property::{compare_catalogs, run_up};
use super::server::{Server, Session, Version};
use crate::support::root;

/// Returns the files with schemas, sorted.
fn files() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("tests/sql/frameworks")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 15);
    files.push(root().join("tests/sql/shop.sql"));
    files
}

/// Checks a schema, whose SQL has run in the database `theirs`, against the definitions from the SQL and from dumps.
fn check(server: &Server, text: &str, theirs: &mut Session, ours: &mut Session) -> Result<(), String> {
    let expected = theirs.catalog();
    // With quotes around names, pg_dump does not recognise the schema `public` and leaves this statement out.
    let dump = server.dump("theirs").replace("COMMENT ON SCHEMA public IS '';\n", "");
    let quoted_dump = server.dump_with("theirs", &["--quote-all-identifiers"]);
    let sources = [("the SQL", text), ("a dump", dump.as_str()), ("a quoted dump", quoted_dump.as_str())];
    let mut definitions = Vec::new();
    for (name, source) in sources {
        let schema = import(source);
        ours.reset();
        let groups = plan(&Schema::default(), &schema, &FieldPath::root()).map_err(|error| format!("{error:#?}"))?;
        run_up(ours, &groups).map_err(|error| format!("{name}: {error}"))?;
        compare_catalogs("theirs", &expected, name, &ours.catalog())?;
        definitions.push(serde_json::to_string_pretty(&schema).unwrap());
    }
    compare_catalogs("a dump", &definitions[1], "a quoted dump", &definitions[2])
}

fn check_all_files(version: Version) {
    let Some(server) = Server::start(version) else { return };
    server.database("theirs");
    server.database("ours");
    let (mut theirs, mut ours) = (server.session("owner", "theirs"), server.session("owner", "ours"));
    let mut failed = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        theirs.reset();
        // A separate session, since the settings of a dump would stay.
        let output = server.psql("owner", "theirs", &text);
        assert_eq!(output.code, 0, "{}: {}", file.display(), output.stderr);
        if let Err(error) = check(&server, &text, &mut theirs, &mut ours) {
            failed.push(format!("{}: {error}", file.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn schemas_of_15_tools_are_read_from_their_sql_and_from_dumps() {
    check_all_files(Version::V15);
}

#[test]
fn dumps_of_a_newer_server_are_read() {
    check_all_files(Version::V17);
}
