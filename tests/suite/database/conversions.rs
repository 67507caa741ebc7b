//! Conversions between all pairs of types: nself gives the same answer as a server, and each expression that it suggests
//! is accepted by a server.

use std::collections::BTreeMap;

use nself::codes::Code;
use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::diagnostic::FieldPath;
use serde_json::{Value, json};

use super::server::{Server, Session, Version};

const TYPES: [&str; 75] = [
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "numeric(10,2)",
    "real",
    "double precision",
    "boolean",
    "text",
    "varchar",
    "varchar(20)",
    "char(5)",
    "bpchar",
    "\"char\"",
    "name",
    "bytea",
    "uuid",
    "json",
    "jsonb",
    "jsonpath",
    "xml",
    "date",
    "timestamp",
    "timestamp(0)",
    "timestamptz",
    "timestamptz(3)",
    "time",
    "time(0)",
    "timetz",
    "timetz(3)",
    "interval",
    "interval(0)",
    "interval hour to second",
    "interval year to month",
    "interval second(2)",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "money",
    "oid",
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regrole",
    "regoper",
    "regoperator",
    "regconfig",
    "bit(4)",
    "varbit",
    "varbit(8)",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "int4multirange",
    "point",
    "box",
    "polygon",
    "path",
    "circle",
    "lseg",
    "line",
    "tsvector",
    "tsquery",
    "pg_lsn",
    "xid",
    "xid8",
    "tid",
    "integer[]",
    "text[]",
    "varchar(5)[]",
    "date[]",
    "timestamptz[]",
];

/// What nself says about a change that needs `using`.
struct Answer {
    message: String,
    /// The suggested expression, if there is one.
    using: Option<String>,
}

/// Returns a definition with a table `t`, whose columns `c0`, `c1` … have these types.
fn definition(kinds: impl Iterator<Item = &'static str>) -> Schema {
    let columns = kinds.enumerate().map(|(i, kind)| (format!("c{i}"), json!({ "type": kind, "nullable": true })));
    let columns: serde_json::Map<String, Value> = columns.collect();
    serde_json::from_value(json!({ "tables": { "t": { "columns": columns } } })).unwrap()
}

/// Returns the answers of nself to the change of a type to each other type that needs `using`.
fn answers(old: &'static str) -> BTreeMap<&'static str, Answer> {
    let before = definition(TYPES.iter().map(|_| old));
    let after = definition(TYPES.into_iter());
    let Err(findings) = plan(&before, &after, &FieldPath::root()) else { panic!("no type needs `using`") };
    let needs_using = findings.into_iter().filter(|finding| finding.code == Code::NeedsUsing);
    let answers = needs_using.map(|finding| {
        let segments = finding.path.to_string();
        let column = segments.split('.').find(|part| part.starts_with('c') && *part != "columns").unwrap().to_owned();
        let using = finding.hint.split_once("using = \"").map(|(_, after)| {
            let end = after.replace("\\\"", "__").find('"').unwrap();
            after[..end].replace("\\\"", "\"").replace("\\\\", "\\")
        });
        let kind = TYPES[column[1..].parse::<usize>().unwrap()];
        (kind, Answer { message: finding.message, using: using.map(|using| using.replace(&column, "x")) })
    });
    answers.collect()
}

/// Returns the error of the server for a change of a type; an empty text if there is none.
fn error_of_server(session: &mut Session, old: &str, new: &str, using: Option<&str>) -> String {
    let clause = using.map_or_else(String::new, |using| format!("USING ({using})"));
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let call = format!("SELECT error_of_change({}, {}, {});", quoted(old), quoted(new), quoted(&clause));
    session.run_or_panic(&call).trim().to_owned()
}

/// A function that returns the error of a change of a type.
const ERROR_OF_CHANGE: &str =
    "CREATE FUNCTION error_of_change(old text, new text, clause text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
      DROP TABLE IF EXISTS changed;
      EXECUTE format('CREATE TABLE changed (x %s)', old);
      EXECUTE format('ALTER TABLE changed ALTER x TYPE %s %s', new, clause);
      RETURN '';
    EXCEPTION WHEN OTHERS THEN
      RETURN SQLERRM;
    END $$; SET client_min_messages = warning;";

fn compare_with(version: Version) {
    let Some(server) = Server::start(version) else { return };
    server.database("conversions");
    let mut session = server.session("owner", "conversions");
    session.run_or_panic(ERROR_OF_CHANGE);
    let mut wrong = Vec::new();
    for old in TYPES {
        let answers = answers(old);
        for new in TYPES.into_iter().filter(|new| *new != old) {
            let error = error_of_server(&mut session, old, new, None);
            let answer = answers.get(new);
            let message = answer.map(|answer| answer.message.as_str());
            let is_right = match message {
                None => error.is_empty(),
                Some(message) => message.contains("no automatic conversion") != error.is_empty(),
            };
            if !is_right {
                wrong.push(format!("{old} to {new}: {message:?}, the server says `{error}`"));
            }
            if let Some(using) = answer.and_then(|answer| answer.using.as_deref()) {
                let error = error_of_server(&mut session, old, new, Some(using));
                if !error.is_empty() {
                    wrong.push(format!("{old} to {new}: `{using}`: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn conversions_are_those_of_the_server() {
    compare_with(Version::V15);
}

#[test]
fn conversions_are_those_of_a_newer_server() {
    compare_with(Version::V18);
}
