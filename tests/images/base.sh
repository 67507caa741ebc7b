#!/usr/bin/env bash
# Imports the root file systems that all images of tests/images/build.sh copy, unless the engine has them.
# usage: DOCKER_HOST=… tests/images/base.sh NAME...   (base, nginx; needs tests/tools.sh first)
set -euo pipefail
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}

# import NAME FOLDER PATH...: imports a folder without these paths, which no container uses.
import() {
  local name=nself-test/$1:1 folder=$2
  shift 2
  docker image inspect "$name" >/dev/null 2>&1 ||
    tar -C "$folder" "${@/#/--exclude=}" -c . | docker import - "$name" >/dev/null
}

common=('./proc/*' './sys/*' './dev/*' './tmp/*' ./var/cache/apt ./var/lib/apt/lists ./usr/share/doc ./usr/share/locale ./usr/share/man)
for name in "$@"; do
  case $name in
    base)
      import base "$tools/trixie" "${common[@]}" ./run/secrets ./etc/nself ./var/lib/postgresql/17 \
        ./usr/libexec/docker ./usr/bin/docker-compose ./usr/bin/{prometheus,promtool,amtool} \
        ./usr/bin/prometheus-{alertmanager,node-exporter,postgres-exporter} \
        './usr/lib/x86_64-linux-gnu/libLLVM*' './usr/lib/postgresql/17/lib/llvmjit*' ./usr/lib/postgresql/17/lib/bitcode ;;
    nginx)
      import nginx "$tools/forky" "${common[@]}" ./usr/lib/postgresql ./usr/share/postgresql ./usr/share/perl ./usr/share/perl5 \
        ./var/lib/postgresql './usr/lib/x86_64-linux-gnu/libLLVM*' './usr/lib/x86_64-linux-gnu/perl*' './usr/lib/x86_64-linux-gnu/libperl*' ;;
    *)
      echo "base.sh: no root file system has the name $name" >&2
      exit 2 ;;
  esac
done
