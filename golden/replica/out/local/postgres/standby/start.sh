#!/bin/sh
# Follows the server `postgres`: copies it once, then applies what it writes. Written by nself; the words of the
# command are those of the server itself, since a standby needs the same settings.
set -eu
umask 077
# In memory only. Whatever reads it takes `:` and `\` for its own.
printf '*:5432:*:replication:%s\n' "$(sed 's/[\\:]/\\&/g' /run/secrets/replication_password)" >/tmp/pgpass
primary="host=$(cat "$(dirname "$0")/primary") port=5432 user=replication passfile=/tmp/pgpass application_name=postgres_replica"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -d "$PGDATA" ]; then rmdir "$PGDATA"; fi
  # A copy that was cut off is no copy.
  rm -rf "$PGDATA.copy"
  # What the server must not throw away before it arrived here.
  pg_receivewal -w -d "$primary" -S postgres_replica --create-slot --if-not-exists
  pg_basebackup -w -d "$primary" -S postgres_replica -X stream -c fast -D "$PGDATA.copy"
  touch "$PGDATA.copy/standby.signal"
  mv "$PGDATA.copy" "$PGDATA"
fi
exec "$@" -c "primary_conninfo=$primary" -c primary_slot_name=postgres_replica
