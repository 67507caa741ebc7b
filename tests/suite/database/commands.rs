//! `nself db` from the command line, with a known-bad case for each check.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, nself_in, run, stack, tree};

const ORDERS: &str = r#"{
  columns = { id = { type = "bigint" }, note = { type = "text" }, total = { type = "numeric(8,2)" } },
  primary_key = ["id"],
  checks.orders_total_check = "total >= 0",
}"#;

fn project(definition: &str) -> tempfile::TempDir {
    let folder = stack("{}");
    define(folder.path(), definition);
    folder
}

fn define(folder: &Path, definition: &str) {
    let text = format!(
        "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
         databases.shop = {{\n{definition}\n}} }} | nself.Stack\n"
    );
    fs::write(folder.join("stack.ncl"), text).unwrap();
}

fn assert_success(folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let output = nself_in(folder, arguments);
    assert_eq!(output.code, 0, "{arguments:?}: {}{}", output.stdout, output.stderr);
    output
}

fn assert_fails(folder: &Path, arguments: &[&str], code: &str, words: &str) {
    let output = nself_in(folder, arguments);
    assert!(
        output.code == 2 && output.stderr.contains(&format!("[{code}]")) && output.stderr.contains(words),
        "{arguments:?}: {}{}",
        output.stdout,
        output.stderr
    );
}

#[test]
fn changes_are_shown_and_written_once() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    let diff = nself_in(folder, ["db", "diff"]);
    assert!(diff.code == 1 && diff.stdout.contains("CREATE TABLE \"public\".\"orders\""), "{}", diff.stdout);
    assert_fails(folder, &["db", "verify"], "NS731", "stack.ncl:3:");
    assert_fails(folder, &["gen"], "NS731", "write the migration with `nself db new`");
    let new = assert_success(folder, &["db", "new"]);
    assert!(new.stdout.contains("db/shop/migrations/0001_init"), "{}", new.stdout);
    let before = tree(&folder.join("db"));
    assert!(assert_success(folder, &["db", "new"]).stderr.contains("no changes"));
    assert_eq!(before, tree(&folder.join("db")));
    for arguments in [&["db", "diff"][..], &["db", "verify"], &["db", "lint"], &["db", "status"], &["gen"]] {
        assert_success(folder, arguments);
    }
    let json = nself_in(folder, ["db", "diff", "--from", "db/shop", "--to", "empty", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    // A folder of migrations has no `allow`, so hazards are listed instead of refused.
    assert_eq!((json.code, answer["status"].as_str()), (1, Some("differs")), "{answer}");
    assert!(answer.to_string().contains("\"hazards\":[\"deletes_data\"]"), "{answer}");
    let text = nself_in(folder, ["db", "diff", "--from", "db/shop", "--to", "empty"]);
    assert!(text.stdout.contains("-- hazard: the table orders is gone: deletes_data\n"), "{}", text.stdout);
    let json = nself_in(folder, ["db", "diff", "--from", "empty", "--to", "db/shop", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, answer["status"].as_str()), (1, Some("differs")));
    let down = answer["databases"]["shop"]["migrations"][0]["down"].as_str().unwrap();
    assert!(down.contains("RAISE EXCEPTION 'orders holds rows'"), "{down}");
}

#[test]
fn an_allowance_without_an_object_is_reported() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    let dropped = ORDERS.replace(" note = { type = \"text\" },", "");
    let allowing =
        |object: &str| format!("tables.orders = {dropped},\nallow.\"{object}\".deletes_data = \"not read by anyone\",");
    // A misspelled allowance: the error names the missing one, the warning the misspelled one.
    define(folder, &allowing("orders.nte"));
    assert_fails(
        folder,
        &["db", "new"],
        "NS720",
        "warning[NS715]: `allow` names `orders.nte`, which neither the definition nor the last migration has",
    );
    assert_fails(
        folder,
        &["db", "new"],
        "NS720",
        "  --> stack.ncl:9:20 (databases.shop.allow.\"orders.nte\")\n   = help: did you mean `orders.note`?",
    );
    define(folder, &allowing("orders.note"));
    let new = assert_success(folder, &["db", "new"]);
    assert!(!new.stderr.contains("NS715"), "{}", new.stderr);
    // A remaining allowance would apply to a later column with this name.
    for command in ["diff", "new", "verify"] {
        let output = assert_success(folder, &["db", command]);
        assert!(
            output.stderr.contains("warning[NS715]") && output.stderr.contains("remove this entry"),
            "{}",
            output.stderr
        );
    }
    define(folder, &format!("tables.orders = {dropped},"));
    assert!(!assert_success(folder, &["db", "verify"]).stderr.contains("NS715"));
}

#[test]
fn losing_data_needs_a_review_and_a_rename_needs_a_hint() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    let orders = |from: &str, to: &str| format!("tables.orders = {},", ORDERS.replace(from, to));
    let new = &["db", "new"][..];
    // A removed column, with and without a similar new one.
    define(folder, &orders(" note = { type = \"text\" },", ""));
    assert_fails(folder, new, "NS720", "allow.\"orders.note\".deletes_data");
    define(folder, &orders("note =", "remark ="));
    assert_fails(folder, new, "NS721", "renamed_from = \"note\"");
    // A misspelled `renamed_from`, also of a column with a different type.
    define(folder, &orders("note = { type = \"text\" }", "remark = { type = \"uuid\", renamed_from = \"noet\" }"));
    assert_fails(folder, new, "NS721", "`renamed_from` names `noet`, which there is not: did you mean `note`?");
    let renamed = ORDERS.replace("id =", "key =").replace("[\"id\"]", "[\"key\"], renamed_from = \"order\"");
    define(folder, &format!("tables.purchases = {renamed},"));
    assert_fails(folder, new, "NS721", "`renamed_from` names `order`, which there is not: did you mean `orders`?");
    // Dropped NOT NULL, a dropped condition, an incompatible type, rows without a value.
    define(folder, &orders("note = { type = \"text\" }", "note = { type = \"text\", nullable = true }"));
    assert_fails(folder, new, "NS720", "allow.\"orders.note\".drops_constraint");
    define(folder, &orders("checks.orders_total_check = \"total >= 0\",", ""));
    assert_fails(folder, new, "NS720", "drops_constraint");
    define(folder, &orders("numeric(8,2)", "boolean"));
    assert_fails(folder, new, "NS724", "to boolean");
    define(folder, &orders("primary_key", "columns.state = { type = \"text\" }, primary_key"));
    assert_fails(folder, new, "NS723", "`backfill");
    define(
        folder,
        &format!(
            "tables.orders = {ORDERS}, tables.orders_b = {}",
            ORDERS.replace("primary_key", "renamed_from = \"orders\", primary_key")
        ),
    );
    assert_fails(folder, new, "NS722", "both exist");
    // A cycle of dependencies.
    define(
        folder,
        "tables.orders = { columns.id = { type = \"bigint\", default = \"f()\" } },\n\
         functions.f = { language = 'sql, returns = \"bigint\", body = \"SELECT count(*) FROM orders\" },",
    );
    assert_fails(folder, new, "NS713", "these objects depend on each other");
    // An allowed hazard is written; its reason is in the stack.
    define(
        folder,
        &format!(
            "{}\nallow.\"orders.note\".deletes_data = \"moved to remarks\",",
            orders(" note = { type = \"text\" },", "")
        ),
    );
    let output = assert_success(folder, new);
    assert!(
        output.stdout.contains("[deletes_data]") && output.stdout.contains("cannot be reverted"),
        "{}",
        output.stdout
    );
    let down = folder.join("db/shop/migrations/0002_change/down.sql");
    assert!(!down.exists(), "a way back would pretend that the notes come back");
    let lint = assert_success(folder, &["db", "lint"]);
    assert!(lint.stdout.contains("deletes_data"), "{}", lint.stdout);
}

/// A string with the name of an object is not a dependency, unless the server reads it as a name.
#[test]
fn a_string_in_sql_is_not_a_dependency() {
    let report = "views.report.query = \"SELECT kind FROM orders\",";
    let orders = |default: &str| {
        format!("tables.orders.columns.kind = {{ type = \"text\", default = \"{default}\" }}, {report}")
    };
    let case = project(&orders("'report'"));
    assert_success(case.path(), &["db", "new"]);
    define(case.path(), &orders("'report'::regclass::text"));
    assert_fails(case.path(), &["db", "diff"], "NS713", "these objects depend on each other");
}

#[test]
fn history_that_changed_is_refused() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    define(folder, &format!("tables.orders = {ORDERS}, tables.b = {{ columns.id.type = \"bigint\" }},"));
    assert_success(folder, &["db", "new", "--name", "b"]);
    let file = |path: &str| folder.join("db/shop").join(path);
    let verify = &["db", "verify"][..];
    let check_tampering = |path: &str, change: &dyn Fn(&str) -> String, code: &str, words: &str| {
        let good = fs::read_to_string(file(path)).unwrap();
        fs::write(file(path), change(&good)).unwrap();
        assert_fails(folder, verify, code, words);
        assert_fails(folder, &["gen"], code, words);
        fs::write(file(path), good).unwrap();
        assert_success(folder, verify);
    };
    check_tampering(
        "migrations/0001_init/up.sql",
        &|text| text.replace("NOT NULL", ""),
        "NS730",
        "0001_init was edited after it was recorded",
    );
    check_tampering("migrations/0001_init/down.sql", &|text| text.replace("RAISE", "-- RAISE"), "NS730", "0001_init");
    check_tampering("migrations/0002_b/plan.json", &|text| text.replace("is new", "is old"), "NS730", "0002_b");
    check_tampering(
        "schema/tables/b.json",
        &|text| text.replace("bigint", "text"),
        "NS730",
        "schema/tables/b.json does not match the migrations",
    );
    let swapped = |text: &str| text.lines().rev().fold(String::new(), |all, line| all + line + "\n");
    check_tampering(
        "nself.sum",
        &swapped,
        "NS730",
        "the order of migrations changed: nself.sum lists 0002_b in the place of 0001_init",
    );
    check_tampering("nself.sum", &|text| text.replace("up:", "<<<<<<< up:"), "NS732", "nself db rebase");
    check_tampering("migrations/0002_b/plan.json", &|_| "{".into(), "NS732", "plan.json");
    // Converted line endings are not a change.
    let up = file("migrations/0001_init/up.sql");
    let text = fs::read_to_string(&up).unwrap();
    fs::write(&up, text.replace('\n', "\r\n")).unwrap();
    assert_success(folder, verify);
    fs::write(&up, text).unwrap();
    // A missing migration, and a migration that is not in nself.sum.
    fs::rename(file("migrations/0002_b"), folder.join("away")).unwrap();
    assert_fails(folder, verify, "NS730", "0002_b is missing, but nself.sum lists it");
    fs::rename(folder.join("away"), file("migrations/0002_b")).unwrap();
    assert_success(folder, &["db", "new", "--by-hand", "--name", "own"]);
    fs::write(file("migrations/0003_own/up.sql"), "UPDATE orders SET note = 'x';\n").unwrap();
    assert_fails(folder, verify, "NS730", "0003_own");
    assert_success(folder, &["db", "sum"]);
    assert_success(folder, verify);
    fs::write(file("migrations/0001_init/up.sql"), "SELECT 1;\n").unwrap();
    assert_fails(folder, &["db", "sum"], "NS730", "0001_init");
    // Neither a malformed line nor a missing one makes `db sum` accept the change.
    let sum = fs::read_to_string(file("nself.sum")).unwrap();
    fs::write(file("nself.sum"), format!("{sum}garbage\n")).unwrap();
    assert_fails(folder, &["db", "sum"], "NS732", "a line is malformed");
    fs::write(file("nself.sum"), "").unwrap();
    assert_fails(folder, &["db", "sum"], "NS730", "0001_init is missing from nself.sum");
}

fn git(folder: &Path, arguments: &[&str]) -> ProcessOutput {
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
    run(Command::new("git").args(who).args(arguments).current_dir(folder))
}

#[test]
fn branches_that_both_add_a_migration_are_put_in_order() {
    let case = project("tables.a = { columns.id.type = \"bigint\" },");
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    fs::write(folder.join(".gitignore"), ".nself\n").unwrap();
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "one"], &["branch", "other"]] {
        assert_eq!(git(folder, arguments).code, 0, "{arguments:?}");
    }
    let table = |name: &str| format!("tables.{name} = {{ columns.id.type = \"bigint\" }},\n");
    define(folder, &(table("a") + &table("theirs")));
    assert_success(folder, &["db", "new", "--name", "theirs"]);
    git(folder, &["add", "-A"]);
    assert_eq!(git(folder, &["commit", "-qm", "theirs"]).code, 0);
    assert_eq!(git(folder, &["checkout", "-q", "other"]).code, 0);
    define(folder, &(table("a") + &table("ours")));
    assert_success(folder, &["db", "new", "--name", "ours"]);
    assert_success(folder, &["db", "new", "--by-hand", "--name", "by_hand"]);
    fs::write(folder.join("db/shop/migrations/0003_by_hand/up.sql"), "INSERT INTO ours VALUES (1);\n").unwrap();
    assert_success(folder, &["db", "sum"]);
    assert_success(folder, &["db", "verify", "--base", "HEAD"]);
    git(folder, &["add", "-A"]);
    assert_eq!(git(folder, &["commit", "-qm", "ours"]).code, 0);
    assert_fails(
        folder,
        &["db", "verify", "--base", "main"],
        "NS730",
        "0002_ours is where the base revision has 0002_theirs",
    );
    // The merge has a conflict in the sum file, as intended.
    let merge = git(folder, &["merge", "main"]);
    assert!(merge.code != 0 && merge.stdout.contains("nself.sum"), "{}{}", merge.stdout, merge.stderr);
    define(folder, &(table("a") + &table("ours") + &table("theirs")));
    let output = assert_success(folder, &["db", "rebase", "--base", "main"]);
    assert!(output.stdout.contains("0003_ours") && output.stdout.contains("0004_by_hand"), "{}", output.stdout);
    assert_success(folder, &["db", "verify", "--base", "main"]);
    let names: Vec<String> = fs::read_dir(folder.join("db/shop/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let text_by_hand = fs::read_to_string(folder.join("db/shop/migrations/0004_by_hand/up.sql")).unwrap();
    assert_eq!(text_by_hand, "INSERT INTO ours VALUES (1);\n");
    let up = fs::read_to_string(folder.join("db/shop/migrations/0003_ours/up.sql")).unwrap();
    assert!(up.contains("ours") && !up.contains("theirs"), "{up}");
    // A base that is not a revision is an error.
    assert_fails(folder, &["db", "verify", "--base", "nowhere"], "NS804", "set --base to a revision");
}

#[test]
fn a_base_needs_a_git_repository() {
    let case = project("tables.a = { columns.id.type = \"bigint\" },");
    assert_success(case.path(), &["db", "new"]);
    assert_fails(
        case.path(),
        &["db", "verify", "--base", "main"],
        "NS804",
        "run the command in a clone of the repository",
    );
}

/// A definition with a new name is a new database. The migrations of the old one, and those of other tools, stay.
#[test]
fn migrations_of_a_database_without_a_definition_are_a_warning() {
    let case = project("tables.a = { columns.id.type = \"bigint\" },");
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    assert!(!assert_success(folder, &["gen"]).stderr.contains("NS325"));
    fs::create_dir_all(folder.join("db/migrations/0001_other_tool")).unwrap();
    let moved = fs::read_to_string(folder.join("stack.ncl")).unwrap().replace("databases.shop", "databases.orders");
    fs::write(
        folder.join("stack.ncl"),
        moved.replace(
            "databases.orders =",
            "services.own = { image = \"a/b:1\", databases.main.name = \"orders\" }, databases.orders =",
        ),
    )
    .unwrap();
    assert_success(folder, &["db", "new"]);
    let warned = assert_success(folder, &["gen"]).stderr;
    let warning = "warning[NS325]: `db/shop` has migrations, but no environment defines the database `shop`";
    assert_eq!(warned.matches("NS325").count(), 1, "{warned}");
    assert!(warned.contains(warning), "{warned}");
    // The next run sees that the folder is gone, and that the migrations of the other tool became those of nself.
    fs::rename(folder.join("db/shop/nself.sum"), folder.join("db/migrations/nself.sum")).unwrap();
    fs::remove_dir_all(folder.join("db/shop")).unwrap();
    let warned = assert_success(folder, &["gen"]).stderr;
    assert!(warned.contains("`db/migrations` has migrations") && !warned.contains("db/shop"), "{warned}");
    fs::remove_file(folder.join("db/migrations/nself.sum")).unwrap();
    assert!(!assert_success(folder, &["gen"]).stderr.contains("NS325"));
    fs::copy(folder.join("db/orders/nself.sum"), folder.join("db/migrations/nself.sum")).unwrap();
    assert!(assert_success(folder, &["gen"]).stderr.contains("`db/migrations` has migrations"));
}

#[test]
fn a_url_needs_exactly_one_database() {
    let status = ["db", "status", "--url", "postgres://owner@localhost/shop"];
    let without = stack("{ project = \"shop\", domain = \"shop.example.com\" }");
    assert_fails(without.path(), &status, "NS305", "the stack defines no database");
    let two = project(
        "tables.a = { columns.id.type = \"bigint\" },\n}, databases.orders = {},\n\
         services.own = { image = \"a/b:1\", databases.main.name = \"orders\" }, databases.shop = {",
    );
    assert_fails(two.path(), &status, "NS305", "several databases are selected");
}

/// Environments may differ only in data.
#[test]
fn tables_must_be_the_same_in_all_environments() {
    let case = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop.tables.a = { columns.id.type = \"bigint\" },\n\
           environments.prod.databases.shop.tables.a.columns.id.type = \"text\" }",
    );
    assert_fails(case.path(), &["db", "diff"], "NS710", "differs between environments");
    let with_rows = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", databases.shop.tables.a = { columns.id.type = \"bigint\" },\n\
           environments.prod.databases.shop.seeds.prod = [\"INSERT INTO a VALUES (1);\"] }",
    );
    assert_success(with_rows.path(), &["db", "new"]);
    assert_success(with_rows.path(), &["db", "verify"]);
}

/// All hazards of one change are one finding, and its hint allows them together.
#[test]
fn one_change_has_one_finding() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    assert_success(folder, &["db", "new"]);
    let changed = ORDERS.replace("type = \"text\"", "type = \"text\", using = \"note\"");
    let narrower = changed.replace("numeric(8,2)\"", "boolean\"");
    define(folder, &format!("tables.orders = {narrower},"));
    let allowance = "allow.\"orders.total\" = { converts_data = \"why\", rewrite = \"why\" }";
    assert_fails(folder, &["db", "new"], "NS724", allowance);
    let converted = narrower.replace("\"boolean\"", "\"boolean\", using = \"total > 0\"");
    define(folder, &format!("tables.orders = {converted},"));
    let output = nself_in(folder, ["db", "new"]);
    assert!(output.stderr.contains(allowance) && output.stderr.contains("\n1 error\n"), "{}", output.stderr);
}

/// Commands that only read the plan work while a migration is unwritten, and commands without a database say so.
#[test]
fn commands_without_migrations_work() {
    let case = project(&format!("tables.orders = {ORDERS},"));
    let folder = case.path();
    assert_fails(folder, &["gen"], "NS731", "nself db new");
    for arguments in [&["env", "show", "prod"][..], &["graph"], &["graph", "--of", "derivations"]] {
        assert_success(folder, arguments);
    }
    let empty = stack("{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\" }");
    for command in ["new", "status", "diff"] {
        let output = assert_success(empty.path(), &["db", command]);
        assert!(output.stderr.contains("the stack defines no database"), "{command}: {}", output.stderr);
    }
}
