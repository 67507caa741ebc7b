#!/bin/sh
# Brings one database to the state of these files, once, whoever else tries at the same time.
# Written by nself; needs psql, base64 and tr. The connection comes from libpq's variables.
set -eu
NSELF_MIGRATIONS=$(cd "$(dirname "$0")" && pwd)
export NSELF_MIGRATIONS
if [ -n "${PGPASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$PGPASSWORD_FILE")
  export PGPASSWORD
fi
# What the server has of a session from its start and a pooler does not hand on: it gives a connection to another
# client after each transaction, with the lock on it.
PGOPTIONS="${PGOPTIONS:+$PGOPTIONS }-c nself.session=$$"
export PGOPTIONS
exec psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=terse -f "$NSELF_MIGRATIONS/run.sql"
