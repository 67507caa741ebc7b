CREATE SCHEMA IF NOT EXISTS nself;
CREATE TABLE IF NOT EXISTS nself.ledger (
  number integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  sum text NOT NULL,
  chain text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'done')),
  at timestamptz NOT NULL DEFAULT now()
);
-- Whoever waits for the migrations asks for the last one by a role of its own.
GRANT USAGE ON SCHEMA nself TO PUBLIC;
GRANT SELECT ON nself.ledger TO PUBLIC;
CREATE TABLE IF NOT EXISTS nself.catalog (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), digest text NOT NULL);
-- What a server of another major version printed is no sign of a change: each has a way of its own.
DELETE FROM nself.catalog WHERE split_part(digest, ':', 1) <> (current_setting('server_version_num')::int / 10000)::text;
