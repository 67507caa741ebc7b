#!/usr/bin/env bash
# A container engine of the tests' own: its socket, data and bridge lie below one folder.
# usage: tests/engine.sh start|stop DIR
set -euo pipefail
dir=$2
pid=$dir/docker.pid

case $1 in
  start)
    mkdir -p "$dir"
    if [ -S "$dir/docker.sock" ] && docker -H "unix://$dir/docker.sock" version >/dev/null 2>&1; then exit 0; fi
    rm -f "$pid"
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
    dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$pid" \
      --default-address-pool base=10.213.0.0/16,size=24 --bip 10.212.0.1/24 >"$dir/docker.log" 2>&1 &
    for _ in $(seq 120); do
      if docker -H "unix://$dir/docker.sock" version >/dev/null 2>&1; then exit 0; fi
      sleep 0.5
    done
    tail -n 20 "$dir/docker.log" >&2
    exit 1 ;;
  stop)
    if [ -f "$pid" ]; then
      id=$(cat "$pid")
      kill "$id" 2>/dev/null || true
      for _ in $(seq 60); do
        kill -0 "$id" 2>/dev/null || break
        sleep 0.5
      done
    fi ;;
esac
