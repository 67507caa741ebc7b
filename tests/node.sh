#!/usr/bin/env bash
# Starts or stops the programs of a Kubernetes node for one test: containerd, kubelet, kube-proxy, and kube-router for
# network policies; CoreDNS runs in a pod. DIR has their data and the file `config` for kubectl. The node has the
# address 10.214.0.2, on which the API server listens at port 6443; the network namespace `outside` has clients of the cluster. The programs change the packet filter,
# so the script refuses to start in the machine's network namespace (tests/suite/node creates another).
# usage: tests/node.sh network | start DIR | import DIR ARCHIVE | stop DIR   (`network` first, then an API server)
set -euo pipefail
address=10.214.0.2
dir=${2:-}
dir=${dir%/}
tools=${NSELF_TOOLS:-$HOME/.cache/nself-tools}
export KUBECONFIG=$dir/config

kubectl() { "$tools/kubernetes/kubectl" "$@"; }
ctr() { command ctr -a "$dir/containerd.sock" -n k8s.io "$@"; }

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  until "${@:2}" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      echo "node.sh: not reached in $1 s: ${*:2}" >&2
      tail -n 15 "$dir"/*.log >&2
      exit 1
    fi
    sleep 0.3
  done
}

# program NAME COMMAND...: starts a program in the background.
program() {
  "${@:2}" </dev/null >"$dir/$1.log" 2>&1 &
  echo $! >"$dir/$1.pid"
}

network() {
  if [ -n "$(ip route show default)" ]; then
    echo "node.sh: this network namespace has a default route; start the node in a separate namespace (unshare --net)" >&2
    exit 1
  fi
  # The programs write to these folders, whatever their settings are.
  local folder
  for folder in /run /var/lib/cni /var/lib/kubelet /var/log/containers; do
    mkdir -p "$folder"
    mount -t tmpfs none "$folder"
  done
  ip link set lo up
  ip netns add outside
  ip link add node0 type veth peer name client0 netns outside
  ip address add $address/24 dev node0
  ip link set node0 up
  ip -n outside address add 10.214.0.1/24 dev client0
  ip -n outside link set client0 up
  ip -n outside link set lo up
  ip route add default via 10.214.0.1
  sysctl -qw net.ipv4.ip_forward=1
  modprobe -q br_netfilter 2>/dev/null || true
  sysctl -qw net.bridge.bridge-nf-call-iptables=1
}

# The network of pods, and a container runtime, which has only imported images.
containers() {
  mkdir -p "$dir/cni"
  cat >"$dir/cni/10-bridge.conflist" <<END
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [
  { "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.215.0.0/24" }]], "routes": [{ "dst": "0.0.0.0/0" }],
      "dataDir": "$dir/addresses" } },
  { "type": "portmap", "capabilities": { "portMappings": true } }
] }
END
  cat >"$dir/containerd.toml" <<END
version = 2
root = "$dir/containerd"
state = "$dir/state"
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "nself.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
END
  program containerd containerd --config "$dir/containerd.toml"
  until_true 30 ctr version
}

# archive IMAGE COMMAND ROOT: prints an archive of an image with one layer.
archive() {
  local work digest
  work=$(mktemp -d -p "$dir")
  tar -C "$3" --sort=name --owner=0 --group=0 -cf "$work/layer.tar" .
  digest=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$2" "$digest" >"$work/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$1" >"$work/manifest.json"
  tar -C "$work" -c .
  rm -rf "$work"
}

# Images of the node itself: pause, whose container holds the namespaces of a pod, busybox, and CoreDNS, the cluster's name server.
images() {
  local root=$dir/image applet busybox
  mkdir -p "$root/bin" "$root/tmp"
  busybox=$(readlink -f "$tools/trixie/usr/bin/busybox")
  cp "$busybox" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  archive nself.test/pause:1 '["sleep","infinity"]' "$root" | ctr images import - >/dev/null
  archive docker.io/library/busybox:1.37.0 '["sh"]' "$root" | ctr images import - >/dev/null
  rm -rf "$root"
  mkdir -p "$root/bin"
  cp "$tools/node/coredns" "$root/bin/"
  archive nself.test/coredns:1 '["coredns"]' "$root" | ctr images import - >/dev/null
  rm -rf "$root"
}

kubelet() {
  cat >"$dir/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: "$dir/kubelet-client.crt" } }
authorization: { mode: Webhook, webhook: { cacheAuthorizedTTL: 1s } }
cgroupDriver: cgroupfs
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$dir/containerd.sock
enforceNodeAllocatable: []
evictionHard: { memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%" }
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
oomScoreAdj: 0
podLogsDir: $dir/logs
resolvConf: $dir/resolv.conf
volumePluginDir: $dir/plugins
END
  : >"$dir/resolv.conf"
  mkdir -p "$dir/logs"
  # Without this address, the kubelet's figures about containers lack the names of their pods.
  program kubelet "$tools/node/kubelet" --containerd="$dir/containerd.sock" \
    --config="$dir/kubelet.yaml" --kubeconfig="$KUBECONFIG" --root-dir="$dir/kubelet" \
    --cert-dir="$dir/kubelet-certificates" --node-ip=$address --hostname-override=node
  until_true 60 kubectl get node node
  # Without measurements of its file system, the kubelet does not report the size of ephemeral storage, and pods that request some would stay pending.
  kubectl patch node node --subresource=status --type=merge -p '{"status": {"capacity": {"ephemeral-storage": "50Gi"}}}' >/dev/null
  kubectl wait --for=condition=Ready node/node --timeout=60s >/dev/null
}

services() {
  cat >"$dir/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: { kubeconfig: "$KUBECONFIG" }
hostnameOverride: node
mode: iptables
clusterCIDR: 10.215.0.0/24
conntrack: { maxPerCore: 0 }
END
  program kube-proxy "$tools/node/kube-proxy" --config="$dir/kube-proxy.yaml"
  program kube-router "$tools/node/kube-router" --kubeconfig="$KUBECONFIG" --hostname-override=node \
    --run-firewall=true --run-router=false --run-service-proxy=false --service-cluster-ip-range=10.96.0.0/16
}

name_server() {
  kubectl create secret generic coredns -n kube-system --from-file=config="$KUBECONFIG" >/dev/null
  kubectl apply --server-side -f - >/dev/null <<'END'
apiVersion: v1
kind: ConfigMap
metadata: { name: coredns, namespace: kube-system }
data:
  Corefile: |
    .:53 {
      errors
      ready :8181
      kubernetes cluster.local {
        kubeconfig /etc/coredns/config
      }
    }
---
apiVersion: v1
kind: Service
metadata: { name: kube-dns, namespace: kube-system }
spec:
  clusterIP: 10.96.0.10
  selector: { k8s-app: kube-dns }
  ports:
    - { name: dns, port: 53, targetPort: 53, protocol: UDP }
    - { name: dns-tcp, port: 53, targetPort: 53, protocol: TCP }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: coredns, namespace: kube-system }
spec:
  selector: { matchLabels: { k8s-app: kube-dns } }
  template:
    metadata: { labels: { k8s-app: kube-dns } }
    spec:
      automountServiceAccountToken: false
      dnsPolicy: Default
      containers:
        - name: coredns
          image: nself.test/coredns:1
          args: [coredns, -conf, /etc/coredns/Corefile]
          readinessProbe: { httpGet: { path: /ready, port: 8181 }, periodSeconds: 1 }
          volumeMounts: [{ name: files, mountPath: /etc/coredns }]
      volumes:
        - name: files
          projected: { sources: [{ configMap: { name: coredns } }, { secret: { name: coredns } }] }
END
  kubectl rollout status -n kube-system deployment/coredns --timeout=90s >/dev/null
}

# Ends the pods before the runtime: without it their processes would stay.
stop() {
  local name task cgroup
  for name in kubelet kube-proxy kube-router; do
    kill "$(cat "$dir/$name.pid")" 2>/dev/null || true
  done
  for task in $(ctr tasks ls -q 2>/dev/null); do
    ctr tasks kill -s KILL "$task" >/dev/null 2>&1 &
  done
  wait
  until_true 20 no_container_runs
  kill "$(cat "$dir/containerd.pid")" 2>/dev/null || true
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r point; do
    umount -l "$point" || true
  done
  for cgroup in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

no_container_runs() { ! ctr tasks ls | grep -q RUNNING; }

case ${1:-} in
  network) network ;;
  start) containers; images; kubelet; services; name_server ;;
  import) ctr images import "$3" >/dev/null ;;
  stop) stop ;;
  *)
    echo "usage: tests/node.sh network | start DIR | import DIR ARCHIVE | stop DIR" >&2
    exit 2 ;;
esac
