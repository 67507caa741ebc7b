#!/usr/bin/env bash
# Builds local images under the names in a compose.yaml or a manifest. They replace images that cannot be pulled during the tests:
# PostgreSQL, PgBouncer, nginx, redis, busybox, Prometheus, Alertmanager and exporters are the real programs of Debian 13; rclone and
# SeaweedFS come from PyPI; VictoriaLogs and Jaeger replace Loki and Tempo. Most other images run stand_in.py, some a program of tests/monitoring.
# usage: DOCKER_HOST=… tests/images/build.sh [--known] compose.yaml...   (needs tests/tools.sh first; --known leaves out other images)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
known=
if [ "$1" = --known ]; then
  known=1
  shift
fi

"$here/base.sh" base

cp "$here/stand_in.py" "$here/grpc_health.py" "$here/postgres-entrypoint.sh" "$here"/../monitoring/{collector,traced}.py "$work/"
mkdir "$work/empty"
touch "$work/empty/.keep"
{
  cat "$tools/trixie/etc/passwd"
  printf 'pg70:x:70:70::/tmp:/bin/sh\nredis999:x:999:1000::/tmp:/bin/sh\n'
} >"$work/passwd"
printf '#!/bin/sh\nexec /stand_in.py "$@"\n' >"$work/mailpit"
chmod 755 "$work/mailpit" "$work/stand_in.py" "$work/grpc_health.py" "$work/postgres-entrypoint.sh"
mkdir -p "$work/busybox/bin" "$work/busybox/tmp"
cp "$(readlink -f "$tools/trixie/usr/bin/busybox")" "$work/busybox/bin/busybox"
for applet in $("$work/busybox/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$work/busybox/bin/$applet"
done

# image NAME DOCKERFILE-LINES [BASE]: the engine gets only the files that the lines copy.
image() {
  printf 'FROM nself-test/%s:1\n%s\n' "${3:-base}" "$2" >"$work/Dockerfile"
  sed -n 's/^\(COPY\|ADD\) \(--[^ ]* \)*\([^ ]*\) .*/\3/p' "$work/Dockerfile" |
    sort -u | tar -C "$work" -c Dockerfile -T - | docker build -q -t "$1" - >/dev/null
}

# stand_in NAME JSON [MORE-LINES]
stand_in() {
  printf '%s\n' "$2" >"$work/stand-in.json"
  image "$1" "COPY stand_in.py /stand_in.py
COPY stand-in.json /etc/stand-in.json
${3:-}
ENTRYPOINT [\"/stand_in.py\"]"
}

# debian_program IMAGE NAME ARGUMENT...: an image that starts a program which the base lacks.
debian_program() {
  local name=$1 program=$2
  shift 2
  cp "$tools/trixie/usr/bin/$program" "$work/program"
  image "$name" "COPY program /usr/bin/$program
ENTRYPOINT [\"/usr/bin/$program\"$(printf ', "%s"' "$@")]"
}

# store NAME HEALTH COMMAND: writes a program NAME that takes the arguments of the real one. `-health` requests the URL HEALTH, and
# `-config.file=…` starts COMMAND instead of the real program.
store() {
  # shellcheck disable=SC2016 # the program that it writes expands them
  printf '#!/bin/sh\ncase $1 in\n-health) exec curl -fsS -o /dev/null %s ;;\n-config.file=*) test -f "${1#*=}" && exec %s ;;\nesac\nexit 2\n' \
    "$2" "$3" >"$work/$1"
  chmod 755 "$work/$1"
}

# A health check with a tool that the real image lacks must fail here as well.
without() { printf 'RUN ["rm", "/usr/bin/%s"]' "$1"; }

# The older server of Debian 12, with libraries that have other names in Debian 13, but without its compiler.
older_server() {
  local library
  ldd /usr/lib/postgresql/15/bin/* | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    [ -e "$tools/trixie$library" ] || printf '%s\n' "${library#/}"
  done >"$work/libraries"
  tar -C / --exclude='llvmjit*' --transform 's,^lib/,usr/lib/,' -chf "$work/older.tar" \
    usr/lib/postgresql/15 usr/share/postgresql/15 -T "$work/libraries"
}

mapfile -t names < <(sed -n 's/^    image: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$@" | sort -u)
[ ${#names[@]} -gt 0 ] || { echo "no image in $*" >&2; exit 1; }
for name in "${names[@]}"; do
  if docker image inspect "$name" >/dev/null 2>&1; then continue; fi
  case $name in
    */library/postgres:*)
      major=17 more='' data=/var/lib/postgresql/data
      if [[ $name == */library/postgres:15* ]]; then
        older_server
        major=15 more="ADD older.tar /"
      elif [[ $name == */library/postgres:18* ]]; then
        # Since 18, the image has its volume one folder higher.
        tar -C "$tools/servers/native" --transform 's,^\.,usr/lib/postgresql/18,' -cf "$work/newer.tar" .
        major=18 more=$'ADD newer.tar /\nRUN ["rm", "-r", "/var/lib/postgresql"]' data=/var/lib/postgresql
      fi
      image "$name" "$more
ENV PG_MAJOR=$major PATH=/usr/lib/postgresql/$major/bin:/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"'
COPY passwd /etc/passwd
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
COPY postgres-entrypoint.sh /usr/local/bin/docker-ensure-initdb.sh
COPY --chown=70:70 empty '$data'
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
CMD ["postgres"]' ;;
    */rclone/rclone:*)
      cp "$tools/backups/bin/rclone" "$work/rclone"
      image "$name" 'COPY rclone /usr/local/bin/rclone
ENTRYPOINT ["rclone"]' ;;
    */chrislusf/seaweedfs:*)
      cp "$tools/backups/bin/weed" "$work/weed"
      printf '[leveldb2]\nenabled = true\ndir = "/data/filerldb2"\n' >"$work/filer.toml"
      # Like the published image: a folder of root in the volume, and settings that name it.
      image "$name" "COPY weed /usr/bin/weed
COPY filer.toml /etc/seaweedfs/filer.toml
COPY empty /data/filerldb2
$(without curl)
VOLUME /data
WORKDIR /data
ENTRYPOINT [\"/bin/false\"]" ;;
    */edoburu/pgbouncer:*)
      image "$name" 'COPY passwd /etc/passwd
RUN ["ln", "-s", "/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/bin/false"]' ;;
    */library/nginx:*)
      "$here/base.sh" nginx
      image "$name" 'STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]' nginx ;;
    */library/redis:*-bookworm)
      image "$name" 'COPY --chown=999:999 empty /data
CMD ["redis-server"]' ;;
    */library/redis:*)
      image "$name" 'COPY passwd /etc/passwd
COPY --chown=999:1000 empty /data
CMD ["redis-server"]' ;;
    */library/busybox:*)
      tar -C "$work/busybox" -c . | docker import -c 'CMD ["sh"]' \
        -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name" >/dev/null ;;
    examples.test/*)
      [ -z "$known" ] || continue
      # The root file system that the test has created next to the stack.
      part=${name#*/}
      tar -C "$(dirname "$1")/../../images/${part%:*}" -c . |
        docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$name" >/dev/null ;;
    */oliver006/redis_exporter:*) image "$name" 'ENTRYPOINT ["/usr/bin/prometheus-redis-exporter"]' ;;
    */prometheus/prometheus:*) debian_program "$name" prometheus --rules.alert.resend-delay=1s ;;
    */prometheus/alertmanager:*) debian_program "$name" prometheus-alertmanager --log.level=warn ;;
    */prometheuscommunity/postgres-exporter:*) debian_program "$name" prometheus-postgres-exporter --log.level=warn ;;
    */grafana/loki:*)
      cp "$tools/observability/victoria-logs" "$work/program"
      store loki http://127.0.0.1:3100/health 'victoria-logs -httpListenAddr=:3100 -storageDataPath=/loki/data'
      image "$name" 'COPY program /usr/bin/victoria-logs
COPY --chown=10001:10001 empty /loki
COPY loki /usr/bin/loki
ENTRYPOINT ["/usr/bin/loki"]' ;;
    */grafana/tempo:*)
      cp "$tools/observability/jaeger" "$work/program"
      store tempo http://127.0.0.1:14269/ 'jaeger --query.http-server.host-port=:3200 --collector.otlp.http.host-port=:4318'
      image "$name" 'COPY program /usr/bin/jaeger
COPY --chown=10001:10001 empty /var/tempo
COPY tempo /tempo
ENTRYPOINT ["/tempo"]' ;;
    */grafana/alloy:*) image "$name" $'COPY collector.py /collector.py\nENTRYPOINT ["/collector.py"]' ;;
    */acme/traced:*)
      cp -R "$tools/observability/packages" "$work/packages"
      image "$name" $'COPY packages /packages\nCOPY traced.py /traced.py\nENV PYTHONPATH=/packages\nENTRYPOINT ["/traced.py"]' ;;
    */acme/measured:*)
      debian_program "$name" prometheus-node-exporter --web.listen-address=:8001 --web.telemetry-path=/internal/metrics \
        --collector.disable-defaults --collector.loadavg ;;
    */hasura/graphql-engine:*.cli-migrations-v3)
      stand_in "$name" '{"name": "hasura", "ports": [8080], "needs": ["HASURA_GRAPHQL_ADMIN_SECRET", "TICKETS_URL"],
        "databases": ["HASURA_GRAPHQL_DATABASE_URL", "HASURA_GRAPHQL_METADATA_DATABASE_URL", "TICKETS_URL"],
        "files": ["/hasura-metadata/version.yaml", "/hasura-metadata/databases/databases.yaml"],
        "health": ["/healthz"], "writable": ["/tmp"]}' "$(without wget)" ;;
    */hasura/graphql-engine:*)
      stand_in "$name" '{"name": "hasura", "ports": [8080], "needs": ["HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_DATABASE_URL",
        "HASURA_GRAPHQL_METADATA_DATABASE_URL", "HASURA_GRAPHQL_JWT_SECRET"], "min_length": {"HASURA_GRAPHQL_ADMIN_SECRET": 32},
        "json": ["HASURA_GRAPHQL_JWT_SECRET"], "databases": ["HASURA_GRAPHQL_DATABASE_URL", "HASURA_GRAPHQL_METADATA_DATABASE_URL"],
        "health": ["/healthz"], "writable": ["/tmp"]}' "$(without wget)" ;;
    */nhost/hasura-auth:*)
      stand_in "$name" '{"name": "auth", "ports": [4000], "needs": ["HASURA_GRAPHQL_JWT_SECRET", "HASURA_GRAPHQL_DATABASE_URL",
        "HASURA_GRAPHQL_GRAPHQL_URL", "HASURA_GRAPHQL_ADMIN_SECRET"], "json": ["HASURA_GRAPHQL_JWT_SECRET"],
        "databases": ["HASURA_GRAPHQL_DATABASE_URL"], "command": ["serve"], "writable": ["/tmp"], "port_variable": "AUTH_PORT",
        "health": ["/healthz"]}' "$(without curl)" ;;
    */minio/minio:*)
      stand_in "$name" '{"name": "minio", "ports": [9000, 9001], "min_length": {"MINIO_ROOT_USER": 3, "MINIO_ROOT_PASSWORD": 8},
        "command": ["server", "--console-address"], "writable": ["/data", "/tmp"],
        "health": ["/minio/health/live", "/minio/health/ready"]}' "$(without wget)" ;;
    */nhost/functions:*)
      stand_in "$name" '{"name": "functions", "ports": [3000], "read_only": false, "files": ["/opt/project/package-lock.json"],
        "health": ["/healthz"]}' "$(without curl)" ;;
    */axllent/mailpit:*) stand_in "$name" '{"name": "mail", "ports": [8025], "smtp": [1025], "health": ["/livez", "/readyz"]}' "COPY mailpit /mailpit
$(without curl)" ;;
    */getmeili/meilisearch:*)
      stand_in "$name" '{"name": "meilisearch", "ports": [7700], "min_length": {"MEILI_MASTER_KEY": 16}, "writable": ["/meili_data"],
        "health": ["/health"]}' ;;
    */nself/nself-admin:*) stand_in "$name" '{"name": "admin", "ports": [3021], "read_only": false, "health": ["/api/health"]}' ;;
    */nself/ping-api:*)
      stand_in "$name" '{"name": "ping-api", "ports": [8001], "needs": ["DATABASE_URL", "REDIS_URL", "HASURA_GRAPHQL_JWT_SECRET"],
        "databases": ["DATABASE_URL"], "port_variable": "PORT", "health": ["/healthz"]}' ;;
    */acme/catalogue:*)
      stand_in "$name" '{"name": "catalogue", "ports": [8001], "needs": ["DATABASE_URL", "REDIS_HOST"], "databases": ["DATABASE_URL"],
        "health": ["/healthz"]}' ;;
    */acme/exports:*) stand_in "$name" '{"name": "exports", "ports": [8003], "writable": ["/var/lib/exports"], "health": []}' ;;
    */acme/prices:*)
      cp -R "$tools"/hypercorn/lib/python3*/site-packages/{h2,hpack,hyperframe} "$work/"
      image "$name" 'COPY h2 /packages/h2
COPY hpack /packages/hpack
COPY hyperframe /packages/hyperframe
COPY grpc_health.py /grpc_health.py
ENV PYTHONPATH=/packages
ENTRYPOINT ["/grpc_health.py", "8002"]' ;;
    */acme/nightly:*)
      image "$name" 'ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["pg_isready", "-h", "postgres", "-U", "nightly"]' ;;
    */acme/tickets:* | */acme/reports:*)
      stand_in "$name" '{"name": "custom", "ports": [8001, 8002], "needs": ["DATABASE_URL"], "databases": ["DATABASE_URL"],
        "health": ["/healthz"]}' ;;
    */acme/files:*) stand_in "$name" '{"name": "custom", "ports": [8001], "health": ["/healthz"]}' ;;
    */grafana/grafana:*)
      stand_in "$name" '{"name": "monitor", "ports": [3000], "min_length": {"GF_SECURITY_ADMIN_PASSWORD": 16}, "writable": ["/var/lib/grafana"],
        "health": ["/api/health"]}' \
        'COPY --chown=472:0 empty /var/lib/grafana' ;;
    *)
      [ -z "$known" ] || continue
      echo "no stand-in for $name" >&2
      exit 1 ;;
  esac
done
