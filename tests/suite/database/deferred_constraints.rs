//! Backfills of tables whose constraints and triggers are checked at the end of the transaction.

use nself::database::model::Schema;

use super::pairs::{Change, check_all};
use super::server::Version;

/// Gives the columns `a` and `b` of the table `child` a backfill.
fn fill_columns(schema: &mut Schema) {
    let table = schema.tables.iter_mut().find(|(name, _)| name.name() == "child").map(|(_, table)| table).unwrap();
    for (name, column) in &mut table.columns {
        if ["a", "b"].contains(&name.as_str()) {
            column.backfill = Some(serde_json::from_value("'x'".into()).unwrap());
        }
    }
}

const CHANGES: [Change; 3] = [
    Change {
        name: "new columns beside a deferred key",
        before: "CREATE TABLE parent (id integer PRIMARY KEY);
            CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO parent VALUES (1);
            INSERT INTO child VALUES (1, 1);",
        after: "CREATE TABLE parent (id integer PRIMARY KEY);
            CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED, a text NOT NULL, b text NOT NULL);",
        hint: fill_columns,
    },
    Change {
        name: "a stricter column beside a deferred trigger",
        before: "CREATE TABLE child (id integer PRIMARY KEY, a text);
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON child DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();
            INSERT INTO child VALUES (1, NULL);",
        after: "CREATE TABLE child (id integer PRIMARY KEY, a text NOT NULL);
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON child DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();",
        hint: fill_columns,
    },
    Change {
        name: "new columns while a deferred key is removed",
        before: "CREATE TABLE parent (id integer PRIMARY KEY);
            CREATE TABLE child (id integer PRIMARY KEY, parent integer, CONSTRAINT k FOREIGN KEY (parent) REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO parent VALUES (1);
            INSERT INTO child VALUES (1, 1);",
        after: "CREATE TABLE parent (id integer PRIMARY KEY);
            CREATE TABLE child (id integer PRIMARY KEY, parent integer, a text NOT NULL, b text NOT NULL);",
        hint: fill_columns,
    },
];

#[test]
fn columns_are_filled_beside_deferred_constraints_on_15() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn columns_are_filled_beside_deferred_constraints_on_18() {
    check_all(Version::V18, &CHANGES);
}
