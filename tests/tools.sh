#!/usr/bin/env bash
# Installs what the tests run: container engine, a Debian 13 root file system with the real servers, and
# judges of the generated files. Every step runs once; a stamp with the step's own text remembers it.
# usage: tests/tools.sh   (root on Debian 12; prints progress on stderr only)
set -euo pipefail
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}
mkdir -p "$tools/stamps" "$tools/bin"
exec 9>"$tools/lock"
flock 9
export DEBIAN_FRONTEND=noninteractive

# step NAME FUNCTION: runs the function unless it ran before with the same text.
step() {
  local stamp="$tools/stamps/$1" text
  text=$(declare -f "$2" | sha256sum)
  [ "$(cat "$stamp" 2>/dev/null)" = "$text" ] && return
  echo "tools: $1" >&2
  # Nothing that a step starts inherits the lock.
  "$2" >"$tools/$1.log" 2>&1 9>&- || { tail -n 30 "$tools/$1.log" >&2; echo "tools: $1 failed" >&2; exit 1; }
  echo "$text" >"$stamp"
}

packages() {
  apt-get -q update
  # Nothing that is installed here starts by itself: the tests start what they need.
  RUNLEVEL=1 apt-get -qy install --no-install-recommends ca-certificates curl debootstrap docker.io docker-compose iproute2 iptables openssl \
    postgresql-15 python3 python3-venv shellcheck
}

# A registry, and judges of images.
images() {
  apt-get -q update
  RUNLEVEL=1 apt-get -qy install --no-install-recommends apache2-utils docker-registry runc skopeo umoci
}

# The mirror that this machine already uses.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' | head -n 1
}

trixie() {
  rm -rf "$tools/trixie"
  debootstrap --variant=minbase --include=ca-certificates trixie "$tools/trixie" "$(mirror)" /usr/share/debootstrap/scripts/bookworm
  printf '#!/bin/sh\nexit 101\n' >"$tools/trixie/usr/sbin/policy-rc.d"
  chmod +x "$tools/trixie/usr/sbin/policy-rc.d"
  chroot "$tools/trixie" apt-get -qy install --no-install-recommends \
    busybox-static curl docker-compose nginx-light openssl postgresql-17 procps python3-minimal libpython3-stdlib redis-server wget
  chroot "$tools/trixie" apt-get clean
  cp "$tools/trixie/usr/bin/docker-compose" "$tools/bin/docker-compose-2" 2>/dev/null ||
    cp "$(find "$tools/trixie/usr" -name docker-compose -type f | head -n 1)" "$tools/bin/docker-compose-2"
}

judges() {
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" -q install 'gixy-ng==0.2.59' 'crossplane==0.5.8' 'yamllint==1.38.0' 'check-jsonschema==0.39.0' PyYAML
}

# Key order of Compose files. It needs Node.js 20, which is newer than Debian 12's.
linter() {
  local major
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  if [ "${major:-0}" -lt 20 ] || ! command -v npm >/dev/null; then
    echo "Node.js 20 or newer with npm must be on the PATH"
    return 1
  fi
  rm -rf "$tools/npm"
  mkdir -p "$tools/npm"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/npm" dclint@3.1.0
}

step packages packages
step images images
step judges judges
step trixie trixie
step linter linter
