//! Prints the time to plan migrations between two schemas of 1,000 and 10,000 tables with 17 columns each, without the
//! evaluation of Nickel. `--write FOLDER` also writes the smaller pair, as `db/old` and `db/new` and as SQL, for
//! benchmarks of other programs.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "it prints what it measured in its own files")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use nself::database::history::History;
use nself::database::migrate::plan;
use nself::database::model::Schema;
use nself::database::snapshot;
use nself::diagnostic::FieldPath;
use serde_json::{Map, Value, json};

/// The same allocator as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns a schema. In the second one, every tenth table has an additional column, and every hundredth is new.
fn tables(count: usize, changed: bool) -> Schema {
    let mut tables = Map::new();
    for i in 0..count + if changed { count / 100 } else { 0 } {
        let mut columns = Map::new();
        columns.insert("id".into(), json!({ "type": "bigint", "identity": "always" }));
        for c in 1..17 {
            let kind = ["text", "integer", "timestamptz", "numeric(12,2)"][c % 4];
            columns.insert(format!("c{c}"), json!({ "type": kind, "nullable": c % 3 == 0 }));
        }
        if changed && i % 10 == 0 {
            columns.insert("added".into(), json!({ "type": "text", "default": "''" }));
        }
        let mut table = json!({
            "columns": columns, "primary_key": ["id"],
            "checks": { format!("t{i}_check"): "c1 >= 0" },
            "indexes": { format!("t{i}_idx"): { "columns": [{ "column": "c2" }] } },
        });
        if i > 0 {
            table["columns"]["parent"] = json!({ "type": "bigint", "nullable": true });
            table["foreign_keys"] = json!({ format!("t{i}_fkey"):
                { "columns": ["parent"], "references": { "table": format!("t{}", i / 2), "columns": ["id"] } } });
        }
        tables.insert(format!("t{i}"), table);
    }
    let schema: Schema = serde_json::from_value(json!({ "tables": tables })).unwrap_or_default();
    assert_eq!(schema.tables.len(), tables.len());
    schema
}

fn milliseconds(from: Instant) -> f64 {
    from.elapsed().as_secs_f64() * 1000.0
}

/// Writes a schema as a history of migrations, and as SQL.
fn write(folder: &Path, name: &str, schema: &Schema) -> std::io::Result<()> {
    let groups = plan(&Schema::default(), schema, &FieldPath::root()).unwrap_or_default();
    let mut history = History::default();
    let _ = history.extend("init", &groups, schema);
    for (path, bytes) in history.files() {
        let path = folder.join("db").join(name).join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, bytes)?;
    }
    let steps: Vec<&str> = groups.iter().flatten().map(|step| step.up.as_str()).collect();
    fs::write(folder.join(format!("{name}.sql")), steps.join("\n"))
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--write");
    if let (Some(_), Some(folder)) = (arguments.next(), arguments.next()) {
        write(Path::new(&folder), "old", &tables(1_000, false))?;
        write(Path::new(&folder), "new", &tables(1_000, true))?;
    }
    for count in [1_000, 10_000] {
        let (old, new) = (tables(count, false), tables(count, true));
        let empty = Schema::default();
        let text = |value: &Value| value.to_string().len();
        let objects = snapshot::objects(&old);
        let size: usize = objects.values().map(text).sum();
        for (what, from, to) in
            [("all new", &empty, &old), ("a tenth changed", &old, &new), ("nothing changed", &new, &new)]
        {
            let mut best = (f64::MAX, f64::MAX, 0);
            for _ in 0..5 {
                let mut history = History { snapshot: snapshot::objects(from), ..History::default() };
                let start = Instant::now();
                let groups = plan(from, to, &FieldPath::root()).unwrap_or_default();
                let planned = milliseconds(start);
                let _ = history.extend("bench", &groups, to);
                let bytes: usize = history.migrations.iter().map(|one| one.up.len()).sum();
                if planned < best.0 {
                    best = (planned, milliseconds(start), bytes);
                }
            }
            println!(
                "{count:>6} tables, snapshot {:>4.1} MB, {what:<16} diff and plan {:>7.1} ms, with files {:>7.1} ms, {} KB of SQL",
                size as f64 / 1e6,
                best.0,
                best.1,
                best.2 / 1000
            );
        }
        let start = Instant::now();
        let read = snapshot::schema(&objects, &nself::source::JsonDecoder).unwrap_or_default();
        println!("{count:>6} tables, reading the snapshot {:.1} ms", milliseconds(start));
        assert_eq!(read, old);
    }
    Ok(())
}
