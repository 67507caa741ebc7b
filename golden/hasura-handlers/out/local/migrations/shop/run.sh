#!/bin/sh
# Brings one database to the state of these files, once, whoever else tries at the same time.
# Written by nself; needs psql, base64 and tr. The connection comes from libpq's variables.
set -eu
NSELF_MIGRATIONS=$(cd "$(dirname "$0")" && pwd)
export NSELF_MIGRATIONS

# Becomes psql with a file. Each session has its own process and its own password.
session() {
  file=$1
  shift
  PGOPTIONS="${PGOPTIONS:+$PGOPTIONS }-c search_path=pg_catalog,pg_temp $*"
  export PGOPTIONS
  exec psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=terse -v ask="${ask:-false}" -v part="${part:-false}" \
    -v compared="${compared:-false}" -f "$NSELF_MIGRATIONS/$file"
}

# As the role that owns the database: all SQL of the project.
owner() {
  unset NSELF_SUPERUSER NSELF_SUPERUSER_PASSWORD_FILE
  if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
  fi
  # What the server has of a session from its start and a pooler does not hand on: it gives a connection to another
  # client after each transaction, with the lock on it.
  session run.sql -c nself.session=$$
}

# As the superuser: statements of nself's own, about extensions.
superuser() {
  PGUSER=${NSELF_SUPERUSER:-postgres}
  unset PGPASSWORD
  export PGUSER
  if [ -n "${NSELF_SUPERUSER_PASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$NSELF_SUPERUSER_PASSWORD_FILE")
    export PGPASSWORD
  fi
  # Triggers of logins and changes are code of others. Servers before 17 do not know the setting, and no such triggers of logins.
  quiet="-c event_triggers=off"
  if ! PGOPTIONS="$quiet" psql -X -q -c "SELECT" >/dev/null 2>&1; then quiet=; fi
  session "$1" "$quiet"
}

set -- "$NSELF_MIGRATIONS"/extensions-*.sql
if [ -e "$1" ]; then
  before=
  while due=$(ask=true && owner) && [ -n "$due" ] && [ "$due" != "$before" ]; do
    before=$due
    # What changes from here on is this runner's work.
    compared=true
    case $due in
      first) (part=true && owner) ;;
      *[!0-9]*) echo "nself: an answer of another form" >&2 && exit 1 ;;
      *) (superuser "extensions-$due.sql") ;;
    esac
  done
  compared=true
fi
owner
