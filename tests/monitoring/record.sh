#!/bin/bash
# Records the names of the metrics that the real programs of the bundle export: one file for each, sorted. It needs root and
# the tests' root file system of Debian 13. Run it as: tests/monitoring/record.sh
set -euo pipefail
root=${NSELF_TOOLS:-$HOME/.cache/nself-tools}/trixie
into=$(realpath "$(dirname "$0")")/metrics

if [ "${1-}" != inside ]; then
  exec unshare --net --pid --mount --fork --kill-child --mount-proc "$0" inside
fi
ip link set lo up
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/var/lib/prometheus"
inside() { chroot "$root" "$@" & }

record() {
  for _ in $(seq 60); do
    if curl -fsS "http://127.0.0.1:$2/metrics" >"/tmp/$1" 2>/dev/null && grep -q "^${3-}" "/tmp/$1"; then
      grep -v '^#' "/tmp/$1" | sed 's/[{ ].*//' | LC_ALL=C sort -u >"$into/$1.txt"
      return
    fi
    sleep 0.5
  done
  echo "$1 does not answer" >&2
  return 1
}

mkdir "$root/tmp/pg"
chroot "$root" chown postgres /tmp/pg
server=/usr/lib/postgresql/17/bin
chroot "$root" su postgres -c "$server/initdb -D /tmp/pg/data >/tmp/pg/init.log"
inside su postgres -c "$server/postgres -D /tmp/pg/data -c unix_socket_directories=/tmp/pg -c listen_addresses=127.0.0.1"
until chroot "$root" pg_isready -qh 127.0.0.1; do sleep 0.2; done
chroot "$root" su postgres -c "$server/pg_basebackup -h 127.0.0.1 -D /tmp/pg/replica -R"
inside su postgres -c "$server/postgres -D /tmp/pg/replica -p 5433 -c unix_socket_directories=/tmp/pg -c listen_addresses=127.0.0.1"
inside redis-server --port 6379 --save '' --appendonly yes --dir /tmp --maxmemory 100mb
mkdir "$root/tmp/prometheus"
printf 'scrape_configs: [{ job_name: a, static_configs: [{ targets: ["127.0.0.1:9090"] }] }]\nrule_files: [r.yml]\n' >"$root/tmp/prometheus/p.yml"
printf 'groups: [{ name: a, rules: [{ record: b, expr: up }] }]\n' >"$root/tmp/prometheus/r.yml"
printf 'route: { receiver: a }\nreceivers: [{ name: a, webhook_configs: [{ url: "http://127.0.0.1:1" }] }]\n' >"$root/tmp/prometheus/a.yml"
inside prometheus --config.file=/tmp/prometheus/p.yml --storage.tsdb.path=/tmp/prometheus/data --web.listen-address=127.0.0.1:9090
inside prometheus-alertmanager --config.file=/tmp/prometheus/a.yml --storage.path=/tmp/prometheus/am --cluster.listen-address= --web.listen-address=127.0.0.1:9093
inside prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --no-collector.netdev --no-collector.netclass
inside env DATA_SOURCE_NAME="postgresql://postgres@127.0.0.1:5432/postgres?sslmode=disable" \
  prometheus-postgres-exporter --web.listen-address=127.0.0.1:9187 --collector.long_running_transactions --collector.database_wraparound
inside prometheus-redis-exporter -web.listen-address=127.0.0.1:9121 -redis.addr=redis://127.0.0.1:6379
record prometheus 9090 prometheus_rule_evaluation
record alertmanager 9093 alertmanager
chroot "$root" redis-cli set a b >/dev/null
record node-exporter 9100 node_
record postgres-exporter 9187 pg_stat_replication_pg_wal_lsn_diff
record redis-exporter 9121 redis_db_keys
