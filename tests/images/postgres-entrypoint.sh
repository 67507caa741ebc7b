#!/bin/sh
# Replaces two programs of the official PostgreSQL image. Both initialise an empty PGDATA and run the scripts of
# /docker-entrypoint-initdb.d against a server that listens on its socket only; docker-ensure-initdb.sh then ends, and
# docker-entrypoint.sh becomes the server.
# As in the official image, a failed first start is not repeated, since the folder is no longer empty.
set -eu
export PATH="/usr/lib/postgresql/$PG_MAJOR/bin:$PATH"

# setting NAME DEFAULT: the variable, or the content of the file that NAME_FILE names; never both.
setting() {
  eval "value=\${$1:-} file=\${$1_FILE:-}"
  if [ -n "$value" ] && [ -n "$file" ]; then
    echo "$1 and $1_FILE are both set" >&2
    exit 1
  fi
  if [ -n "$file" ]; then value=$(cat "$file"); fi
  printf '%s' "${value:-$2}"
}

run_sql() {
  psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password -U "$user" -d "$database" "$@"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=$(setting POSTGRES_USER postgres)
  database=$(setting POSTGRES_DB "$user")
  password=$(setting POSTGRES_PASSWORD '')
  if [ -z "$password" ]; then
    echo "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is missing" >&2
    exit 1
  fi
  # The password is in a file, since all users can read command lines.
  umask 077
  printf '%s\n' "$password" >/tmp/first-password
  initdb -D "$PGDATA" -U "$user" --pwfile=/tmp/first-password --auth-host=scram-sha-256 --auth-local=trust >/dev/null
  rm /tmp/first-password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  # In the file, so that an option of the command overrides it.
  printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n" >>"$PGDATA/postgresql.conf"
  # As in the official image, this server has the arguments of the later one.
  (
    if [ "${1:-}" = postgres ]; then shift; fi
    pg_ctl -D "$PGDATA" -o "$* -c listen_addresses=''" -w start >/dev/null
  )
  if [ "$database" != postgres ]; then
    psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$user" -d postgres -c "CREATE DATABASE \"$database\""
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sql) run_sql -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | run_sql ;;
      *.sh)
        # shellcheck disable=SC1090 # as the image documents it: files that are not executable are sourced
        if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *) [ ! -e "$file" ] || echo "ignoring $file" >&2 ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
case $0 in
  *docker-ensure-initdb.sh) ;;
  *) exec "$@" ;;
esac
