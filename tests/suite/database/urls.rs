//! Servers by URL: comparison with the definition, and passwords, which never appear in arguments or messages.

use std::fs;
use std::process::Command;

use super::import::{planned, url};
use super::server::{Server, Version};
use crate::support::{nself, nself_in, run};

#[test]
fn passwords_do_not_appear_in_arguments_or_messages() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >>{0}\nprintf '%s\\n' \"$PGPASSWORD\" >>{0}.env\necho \"no: $PGPASSWORD\" >&2\nexit 1\n",
        calls.display()
    );
    for program in ["psql", "pg_dump"] {
        let path = folder.path().join(program);
        fs::write(&path, &script).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    fs::write(
        folder.path().join("stack.ncl"),
        "let nself = import \"nself/main.ncl\" in\n{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop.tables.a = { columns.id.type = \"bigint\" } } | nself.Stack\n",
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
        let output = run(nself(folder.path()).args(arguments).env("PATH", path));
        assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("cret") && !output.stdout.contains("cret"), "{arguments:?}: {}", output.stderr);
    }
    let arguments = fs::read_to_string(&calls).unwrap();
    assert!(
        arguments.contains("--dbname=postgresql://me@127.0.0.1:1/shop") && !arguments.contains("cret"),
        "{arguments}"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("calls.env")).unwrap(),
        "s3/cret\n".repeat(8),
        "each command first tests with psql whether a session can start without event triggers"
    );
}

#[test]
fn a_server_is_compared_with_the_written_migrations() {
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

    // The written SQL and the server's output have different spellings.
    let alone = diff(&["--from", &shop, "--to", "stack.ncl"]);
    assert!(
        alone.code == 2 && alone.stderr.contains("[NS716]") && alone.stderr.contains("--scratch"),
        "{}",
        alone.stderr
    );
    for pair in
        [[shop.as_str(), "stack.ncl"], ["stack.ncl", &shop], [&shop, "db/shop"], ["db/shop", &shop], [&shop, &shop]]
    {
        let output = diff(&["--from", pair[0], "--to", pair[1], "--scratch", &scratch]);
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{pair:?}: {}{}", output.stdout, output.stderr);
    }

    // A temporary database of a killed run does not block the next run, even if process ids repeat.
    let mut admin = server.session("postgres", "postgres");
    admin.run_or_panic("CREATE DATABASE nself_scratch_1;");
    let mut first = Command::new("unshare");
    first.args(["--pid", "--fork"]).arg(nself(folder.path()).get_program()).current_dir(folder.path());
    first.args(["db", "diff", "--from", &shop, "--to", "db/shop", "--scratch", &scratch]);
    let output = run(&mut first);
    assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{}", output.stderr);
    admin.run_or_panic("DROP DATABASE nself_scratch_1;");

    // A change on the server in both directions; one direction loses data, which a stack must allow.
    session.run_or_panic("ALTER TABLE orders ADD COLUMN note text; ALTER TABLE orders DROP CONSTRAINT total_check;");
    let ahead = diff(&["--from", "stack.ncl", "--to", &shop, "--scratch", &scratch]);
    assert!(ahead.code == 1 && ahead.stdout.contains("ADD COLUMN \"note\" text;"), "{}{}", ahead.stdout, ahead.stderr);
    assert!(ahead.stdout.contains("DROP CONSTRAINT \"total_check\""), "{}", ahead.stdout);
    let back = diff(&["--from", &shop, "--to", "stack.ncl", "--scratch", &scratch]);
    assert!(back.code == 2 && back.stderr.contains("[NS720]: orders.note is gone"), "{}", back.stderr);
    let json = diff(&["--from", &shop, "--to", "db/shop", "--scratch", &scratch, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &answer["status"]), (1, &"differs".into()), "{}", json.stderr);
    assert!(answer.to_string().contains("deletes_data"), "{answer}");

    // Two servers with different objects.
    server.database("other");
    server.session("owner", "other").run_or_panic("CREATE TABLE b (id int);");
    let output = diff(&["--from", &shop, "--to", &url(&server, "other")]);
    assert!(
        output.code == 1 && output.stdout.contains("DROP TABLE \"public\".\"orders\""),
        "{}{}",
        output.stdout,
        output.stderr
    );
    // Objects that the model cannot represent are refused and not ignored.
    session.run_or_panic("CREATE TABLE child () INHERITS (orders);");
    let output = diff(&["--from", &shop, "--to", "stack.ncl", "--scratch", &scratch]);
    assert!(output.code == 2 && output.stderr.contains("the inheritance of tables"), "{}", output.stderr);
    // All temporary objects are dropped.
    let remaining = server
        .session("postgres", "postgres")
        .run_or_panic("SELECT count(*) FROM pg_database WHERE datname LIKE 'nself%';");
    assert_eq!(remaining.trim(), "0");
}
