//! Migrations that check first what exists, and tables with equal keys: the import follows what the server does.

use nself::database::model::Schema;

use super::pairs::{Change, check_all};
use super::server::Version;

fn no_hint(_: &mut Schema) {}

const CHANGES: [Change; 2] = [
    Change {
        name: "equal keys of one table",
        before: "CREATE TABLE a (id text PRIMARY KEY NOT NULL, CONSTRAINT a_id_unique UNIQUE (id)); CREATE TABLE b (id text CONSTRAINT b_key PRIMARY KEY, CONSTRAINT b_id_unique UNIQUE (id));
            CREATE TABLE c (n integer UNIQUE, CONSTRAINT z UNIQUE (n), CONSTRAINT y UNIQUE (n), m integer);",
        after: "CREATE TABLE a (id text PRIMARY KEY NOT NULL, CONSTRAINT a_id_unique UNIQUE (id), note text); CREATE TABLE b (id text CONSTRAINT b_key PRIMARY KEY, CONSTRAINT b_id_unique UNIQUE (id));
            CREATE TABLE c (n integer UNIQUE, CONSTRAINT z UNIQUE (n), CONSTRAINT y UNIQUE (n), m integer); CREATE TABLE d (id integer PRIMARY KEY UNIQUE, CONSTRAINT d_two UNIQUE (id), CONSTRAINT d_one UNIQUE (id));",
        hint: no_hint,
    },
    Change {
        name: "blocks that ask what exists",
        before: "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (id integer, a text, m mood, CONSTRAINT c CHECK (id > 0));
            DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_enum e JOIN pg_type t ON e.enumtypid = t.oid WHERE t.typname = 'mood' AND e.enumlabel = 'calm') THEN ALTER TYPE mood ADD VALUE 'calm' AFTER 'sad'; END IF; END $$;
            DO $$ BEGIN IF to_regtype('price') IS NULL THEN CREATE DOMAIN price AS numeric CHECK (VALUE >= 0); END IF; END $$;",
        after: "CREATE TYPE mood AS ENUM ('sad', 'calm', 'happy'); CREATE DOMAIN price AS numeric CHECK (VALUE >= 0); CREATE TABLE t (id integer, a text, m mood, old text, CONSTRAINT c CHECK (id > 0));
            DO $$ BEGIN IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 't' AND column_name = 'old') THEN ALTER TABLE t DROP COLUMN old; END IF; END $$;
            DO $$ BEGIN
              IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'c') THEN ALTER TABLE t DROP CONSTRAINT c; END IF;
              IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'gone') THEN ALTER TABLE t DROP CONSTRAINT gone; END IF;
              IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'd') THEN ALTER TABLE t ADD CONSTRAINT d CHECK (id > 1); END IF;
              CREATE TABLE later (id integer);
            END $$;",
        hint: no_hint,
    },
];

#[test]
fn statements_after_a_question_run_on_15() {
    check_all(Version::V15, &CHANGES);
}

#[test]
fn statements_after_a_question_run_on_18() {
    check_all(Version::V18, &CHANGES);
}
