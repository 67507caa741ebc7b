//! Tests of the order of files and of the part of a file that applies the migration.

use super::{FolderContent, is_read, read};

/// Returns a folder with files, each given by its name and text.
fn folder(files: &[(&str, &str)]) -> FolderContent {
    let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
    let texts = files.iter().filter(|(name, _)| is_read(name));
    FolderContent { names, texts: texts.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect() }
}

fn paths(files: &[(&str, &str)]) -> Vec<String> {
    read(&folder(files)).unwrap().into_iter().map(|file| file.path).collect()
}

/// Returns the fault of a folder as one text: `<path>:<line>: <what>`.
fn fault(files: &[(&str, &str)]) -> String {
    let fault = read(&folder(files)).unwrap_err();
    assert!(!fault.hint.is_empty());
    let place = fault.place.map_or(String::new(), |(path, line)| format!("{path}:{line}: "));
    format!("{place}{}", fault.what)
}

#[test]
fn files_have_the_order_of_their_tool() {
    // golang-migrate, Flyway (twice), Prisma, Hasura, Diesel, and files with numbers only.
    for (files, expected) in [
        (
            vec!["2_b.up.sql", "10_a.up.sql", "10_a.down.sql", "1_c.up.sql"],
            vec!["1_c.up.sql", "2_b.up.sql", "10_a.up.sql"],
        ),
        (
            vec!["V1_10__a.sql", "V1.2__b.sql", "R__z.sql", "R__a.sql", "V1__c.sql", "U1__c.sql"],
            vec!["V1__c.sql", "V1.2__b.sql", "V1_10__a.sql", "R__a.sql", "R__z.sql"],
        ),
        (vec!["sub/V2__a.sql", "V3__b.sql"], vec!["sub/V2__a.sql", "V3__b.sql"]),
        (
            vec!["migrations/20_b/migration.sql", "migrations/19_a/migration.sql"],
            vec!["migrations/19_a/migration.sql", "migrations/20_b/migration.sql"],
        ),
        (
            vec!["default/9_a/up.sql", "default/9_a/down.sql", "default/10_b/up.sql"],
            vec!["default/9_a/up.sql", "default/10_b/up.sql"],
        ),
        (
            vec!["2024-02-01-000000_b/up.sql", "2024-01-31-000000_z/up.sql", "2024-01-31-000000_z/down.sql"],
            vec!["2024-01-31-000000_z/up.sql", "2024-02-01-000000_b/up.sql"],
        ),
        (vec!["003_a.sql", "20_b.sql"], vec!["003_a.sql", "20_b.sql"]),
    ] {
        let files: Vec<(&str, &str)> = files.into_iter().map(|name| (name, "")).collect();
        assert_eq!(paths(&files), expected);
    }
    let journal = r#"{"version": "7", "entries": [{"idx": 1, "tag": "0001_a"}, {"idx": 0, "tag": "0000_z"}]}"#;
    let files = [("meta/_journal.json", journal), ("0000_z.sql", ""), ("0001_a.sql", "A;--> statement-breakpoint\nB")];
    assert_eq!(paths(&files), ["0000_z.sql", "0001_a.sql"]);
    // A `;` replaces the breakpoint, padded to its 24 characters.
    assert_eq!(read(&folder(&files)).unwrap()[1].sql, format!("A;{:<24}\nB", ";"));
}

#[test]
fn only_the_part_that_applies_the_migration_is_read_and_lines_keep_their_numbers() {
    let goose = "-- +goose Up\nA;\n-- +goose StatementBegin\nB\n-- +goose StatementEnd\n-- +goose Down\nC;\n";
    assert_eq!(read(&folder(&[("1_a.sql", goose)])).unwrap()[0].sql, "\nA;\n\nB\n;\n\n\n");
    let dbmate = "-- note\n-- migrate:up transaction:false\nA;\n-- migrate:down\nB;";
    assert_eq!(read(&folder(&[("1_a.sql", dbmate)])).unwrap()[0].sql, "\n\nA;\n\n");
    assert_eq!(read(&folder(&[("1_a.sql", "\u{feff}A;")])).unwrap()[0].sql, "A;");
}

#[test]
fn a_folder_without_a_clear_order_is_refused() {
    for (files, expected) in [
        (vec![], "the folder has no .sql files"),
        (vec![("schema.sql", "")], "the folder has SQL that belongs to no known tool (schema.sql)"),
        (
            vec![("V1__a.sql", ""), ("1_a.up.sql", "")],
            "migrations of Flyway (V1__a.sql) and migrations of golang-migrate or sqlx (1_a.up.sql)",
        ),
        (
            vec![("1_a.sql", "-- +goose Up"), ("2_b.sql", "-- migrate:up")],
            "migrations of dbmate (2_b.sql) and migrations of goose (1_a.sql)",
        ),
        (vec![("a/1_x/up.sql", ""), ("b/1_x/up.sql", "")], "several folders: `a/`, `b/`"),
        (vec![("1_a.up.sql", ""), ("01_b.up.sql", "")], "01_b.up.sql and 1_a.up.sql have the same number"),
        (vec![("V1__a.sql", ""), ("V1.0__b.sql", "")], "have the same number"),
        (vec![("a.up.sql", "")], "the name of a.up.sql does not begin with a number"),
        (vec![("V1__a.sql", ""), ("V2__b.java", "")], "V2__b.java is a program, not SQL"),
        (vec![("0001_initial.py", "")], "0001_initial.py is a program, not SQL"),
        (vec![("versions/ab12_x.py", "")], "versions/ab12_x.py is a program, not SQL"),
        (vec![("B2__a.sql", "")], "B2__a.sql is a baseline"),
        (vec![("V1__a.sql", "A;\nB ${x};")], "V1__a.sql:2: the file contains a placeholder"),
        (vec![("1_a.sql", "A;\n-- +goose Up")], "1_a.sql:1: this line is before"),
        (vec![("1_a.sql", "-- +goose Down\nA;")], "1_a.sql:1: the file has no line `-- +goose Up`"),
        (vec![("1_a.sql", "-- +goose ENVSUB ON\n-- +goose Up")], "1_a.sql:1: `+goose ENVSUB ON`"),
        (
            vec![("migration_lock.toml", "# x\nprovider = \"mysql\""), ("1/migration.sql", "")],
            "migration_lock.toml:2: the migrations are for a database other",
        ),
        (vec![("meta/_journal.json", "{"), ("0_a.sql", "")], "meta/_journal.json:1: it is not a journal"),
        (vec![("meta/_journal.json", r#"{"entries": []}"#), ("0_a.sql", "")], "it does not list 0_a.sql"),
        (
            vec![("meta/_journal.json", r#"{"entries": [{"idx": 0, "tag": "b"}]}"#), ("0_a.sql", "")],
            "it lists b.sql, which does not exist",
        ),
    ] {
        let message = fault(&files);
        assert!(message.contains(expected), "{message}\n{expected}");
    }
}
