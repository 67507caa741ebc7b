#!/usr/bin/env bash
# A container engine of the tests' own: its socket, data and process id lie below one folder. It sets up packet
# rules and a bridge, so it starts only in a network namespace of its own (tests/suite/up.rs makes one).
# usage: tests/engine.sh start|stop DIR
set -euo pipefail
dir=$2
pid=$dir/docker.pid

answers() { docker -H "unix://$dir/docker.sock" version >/dev/null 2>&1; }

stop() {
  if [ -f "$pid" ]; then
    id=$(cat "$pid")
    kill "$id" 2>/dev/null || true
    for _ in $(seq 60); do
      kill -0 "$id" 2>/dev/null || break
      sleep 0.5
    done
    kill -9 "$id" 2>/dev/null || true
  fi
  # What a killed engine leaves mounted; the deepest first.
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r point; do
    umount -l "$point" || true
  done
}

case $1 in
  start)
    mkdir -p "$dir"
    if answers; then exit 0; fi
    if [ -n "$(ip route show default)" ]; then
      echo "engine: this network namespace leads outside; the bridges and packet rules of a machine stay untouched" >&2
      exit 1
    fi
    rm -f "$pid"
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
    dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$pid" \
      --default-address-pool base=10.213.0.0/16,size=24 --bip 10.212.0.1/24 </dev/null >"$dir/docker.log" 2>&1 &
    for _ in $(seq 120); do
      if answers; then exit 0; fi
      kill -0 $! 2>/dev/null || break
      sleep 0.5
    done
    tail -n 20 "$dir/docker.log" >&2
    stop
    exit 1 ;;
  stop) stop ;;
  *)
    echo "usage: tests/engine.sh start|stop DIR" >&2
    exit 2 ;;
esac
