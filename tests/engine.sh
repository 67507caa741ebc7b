#!/usr/bin/env bash
# Starts or stops a container engine for one test; DIR has its socket, data and process id. With NSELF_TEST_DISK, the data
# is in a new folder there, which `stop` removes. The engine creates packet rules and a bridge, so it refuses to start in
# the machine's network namespace (tests/suite/up.rs creates another).
# usage: tests/engine.sh start|stop DIR
set -euo pipefail
dir=$2
pid=$dir/docker.pid
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}

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
  # A killed engine leaves mounts behind. Unmount the deepest first.
  awk -v dir="$dir/" -v data="$(readlink -f "$dir/data")/" 'index($2, dir) == 1 || index($2, data) == 1 { print $2 }' \
    /proc/self/mounts | sort -r | while read -r point; do
    umount -l "$point" || true
  done
  if [ -L "$dir/data" ]; then
    rm -rf "$(readlink "$dir/data")" "$dir/data"
  fi
}

case $1 in
  start)
    mkdir -p "$dir"
    if answers; then exit 0; fi
    if [ -n "$(ip route show default)" ]; then
      echo "engine.sh: this network namespace has a default route; start the engine in a separate namespace (unshare --net)" >&2
      exit 1
    fi
    rm -f "$pid"
    # The engine begins with the images that tests/tools.sh has built. The files of their layers never change, so they are
    # linked where the file system permits it.
    if [ -d "$tools/engine" ] && [ ! -e "$dir/data" ]; then
      if [ -n "${NSELF_TEST_DISK:-}" ]; then
        ln -s "$(mktemp -d -p "$NSELF_TEST_DISK")" "$dir/data"
      else
        mkdir "$dir/data"
      fi
      find "$tools/engine" -mindepth 1 -maxdepth 1 ! -name overlay2 -exec cp -a -t "$dir/data" {} +
      cp -al "$tools/engine/overlay2" "$dir/data/" 2>/dev/null || cp -a "$tools/engine/overlay2" "$dir/data/"
    fi
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
