//! Runs exported migrations with Atlas, refinery and golang-migrate.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::project::{FIRST, Project, SECOND};
use super::server::{OWNER, Server, Version};
use crate::support::{ProcessOutput, nself_in, run, tool};

/// Forwards a port of this machine to the server's socket, for programs that do not support sockets.
fn by_port(server: &Server) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = server.folder().join(".s.PGSQL.5432");
    // The thread ends with the process of the tests.
    thread::spawn(move || {
        for outside in listener.incoming().map_while(Result::ok) {
            let Ok(inside) = UnixStream::connect(&socket) else { return };
            let (mut from, mut to) = (outside.try_clone().unwrap(), inside.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let (mut from, mut to) = (inside, outside);
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

fn without(text: &str, words: &str) -> String {
    text.lines().filter(|line| !line.contains(words)).collect::<Vec<_>>().join("\n")
}

#[test]
fn atlas_accepts_the_sum_and_runs_the_migrations() {
    let (Some(atlas), Some(server)) = (tool("bin/atlas-read"), Server::start(Version::V15)) else { return };
    for database in ["orders", "exported"] {
        server.database_for_migrations(database);
    }
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    project.nself(&["db", "export", "--format", "atlas", "--out", "atlas"]);
    let folder = project.folder.path().join("atlas");
    let read = |folder: &Path| run(Command::new(&atlas).arg(folder));
    let output = read(&folder);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(output.stdout, "0001 init file\n0002 next file\n0003 next_2 none\n0004 next_3 file\n");
    let url = format!("postgres://127.0.0.1:{}/exported?user=orders_migrations&sslmode=disable", by_port(&server));
    let output = run(Command::new(&atlas).arg(&folder).arg(url));
    assert_eq!(output.code, 0, "{}", output.stderr);
    let catalog = |database: &str| server.session(OWNER, database).catalog();
    assert_eq!(catalog("exported"), catalog("orders"));
    // Known-bad controls: an edited file, a missing file, a sum in a different order.
    let file = folder.join("0002_next.sql");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n")).unwrap();
    assert!(read(&folder).stderr.contains("checksum mismatch"));
    fs::remove_file(&file).unwrap();
    assert!(read(&folder).stderr.contains("checksum mismatch"));
    fs::write(&file, text).unwrap();
    assert_eq!(read(&folder).code, 0);
    let sum = fs::read_to_string(folder.join("atlas.sum")).unwrap();
    let mut lines: Vec<&str> = sum.lines().collect();
    lines.swap(1, 2);
    fs::write(folder.join("atlas.sum"), lines.join("\n") + "\n").unwrap();
    assert!(read(&folder).code != 0);
}

#[test]
fn refinery_creates_the_same_database() {
    let (Some(refinery), Some(server)) = (tool("refinery/bin/refinery"), Server::start(Version::V15)) else { return };
    for database in ["orders", "exported"] {
        server.database_for_migrations(database);
    }
    let project = Project::new(FIRST);
    project.add_migration(&format!("{FIRST}, views.notes.query = \"SELECT note FROM orders\""));
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let export = |out: &str| nself_in(project.folder.path(), ["db", "export", "--format", "refinery", "--out", out]);
    assert_eq!(export("refinery").code, 0);
    let url = format!("postgres://orders_migrations@127.0.0.1:{}/exported", by_port(&server));
    let ask = || -> ProcessOutput {
        let mut command = Command::new(&refinery);
        command.args(["migrate", "-e", "DATABASE_URL", "-p"]).arg(project.folder.path().join("refinery"));
        run(command.env("DATABASE_URL", &url))
    };
    let output = ask();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let catalog = |database: &str| server.session(OWNER, database).catalog();
    let ours = |database: &str| without(&catalog(database), "refinery_schema_history");
    assert_eq!(ours("exported"), ours("orders"));
    // refinery identifies migrations by number and name, so a second run applies nothing.
    let history = "SELECT string_agg(version || ' ' || name, ', ' ORDER BY version) FROM refinery_schema_history;";
    assert_eq!(ask().code, 0);
    assert_eq!(server.session(OWNER, "exported").run_or_panic(history).trim(), "1 init, 2 next");
    // refinery always uses one transaction for each file.
    project.add_migration(SECOND);
    let output = export("other");
    assert!(
        output.code == 2
            && output.stderr.contains("NS701")
            && output.stderr.contains("refinery runs every file in one"),
        "{}",
        output.stderr
    );
    assert!(!project.folder.path().join("other").exists());
}

/// golang-migrate applies and reverts exported migrations.
#[test]
fn golang_migrate_creates_the_same_database() {
    let (Some(migrate), Some(server)) = (tool("bin/migrate"), Server::start(Version::V15)) else { return };
    for database in ["orders", "exported"] {
        server.database_for_migrations(database);
    }
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    assert_eq!(project.migrate(&server, "orders").code, 0);
    let folder = project.folder.path().join("exported");
    project.nself(&["db", "export", "--format", "golang-migrate", "--out", "exported"]);
    let url = format!("postgres://orders_migrations@/exported?host={}&sslmode=disable", server.folder().display());
    let ask = |words: &[&str]| {
        let mut command = Command::new(&migrate);
        command.arg("-path").arg(&folder).args(["-database", &url]).args(words);
        run(&mut command)
    };
    let up = ask(&["up"]);
    assert_eq!(up.code, 0, "{}{}", up.stdout, up.stderr);
    let catalog = |database: &str| {
        let text = server.session(OWNER, database).catalog();
        text.lines().filter(|line| !line.contains("schema_migrations")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(catalog("exported"), catalog("orders"));
    let down = ask(&["down", "-all"]);
    assert_eq!(down.code, 0, "{}{}", down.stdout, down.stderr);
    assert!(!catalog("exported").contains("orders"), "{}", catalog("exported"));
}

#[test]
fn each_format_marks_migrations_that_run_outside_a_transaction() {
    let project = Project::new(FIRST);
    project.add_migration(SECOND);
    let export = |format: &str| {
        let out = format!("out-{format}");
        let output = nself_in(project.folder.path(), ["db", "export", "--format", format, "--out", &out]);
        let folder = project.folder.path().join(out);
        let files = if folder.exists() { crate::support::tree(&folder) } else { Default::default() };
        (output, files)
    };
    // The second migration adds a column, the third builds an index, the fourth turns it into a constraint.
    let text = |files: &std::collections::BTreeMap<String, Vec<u8>>, name: &str| {
        String::from_utf8(files[name].clone()).unwrap()
    };
    let (_, dbmate) = export("dbmate");
    assert!(text(&dbmate, "0003_next_2.sql").starts_with("-- migrate:up transaction:false\n"));
    assert!(text(&dbmate, "0002_next.sql").starts_with("-- migrate:up\n"));
    let (_, sqlx) = export("sqlx");
    assert!(text(&sqlx, "0003_next_2.up.sql").starts_with("-- no-transaction\n"));
    assert!(!text(&sqlx, "0001_init.up.sql").contains("no-transaction"));
    let (_, flyway) = export("flyway");
    assert_eq!(text(&flyway, "V0003__next_2.sql.conf"), "executeInTransaction=false\n");
    assert_eq!(flyway.len(), 5);
    // Hasura always uses a transaction, so the export is refused and nothing is written.
    let (output, hasura) = export("hasura");
    assert!(
        output.code == 2 && output.stderr.contains("NS701") && output.stderr.contains("0003_next_2"),
        "{}",
        output.stderr
    );
    assert!(hasura.is_empty());
}
