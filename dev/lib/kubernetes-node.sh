# shellcheck shell=bash
# The node: a bridge whose other end is this machine, containerd, and the kubelet. It has no address but for its pods and us.

CONTAINERD_NAMESPACE=k8s.io # where the kubelet's part of containerd looks

# Names and addresses differ from folder to folder, that clusters may run side by side.
node_tag() { printf '%s' "$1" | cksum | cut -d ' ' -f 1; }
node_network() { echo "10.$((150 + $(node_tag "$1") % 50)).$(($(node_tag "$1") / 50 % 250))"; }
node_bridge() { echo "lk$(($(node_tag "$1") % 100000))"; }
node_address() { echo "$(node_network "$1").1"; }

node_network_up() {
  local bridge
  bridge=$(node_bridge "$1")
  ip link show "$bridge" >/dev/null 2>&1 || {
    ip link add "$bridge" type bridge
    ip addr add "$(node_address "$1")/24" dev "$bridge"
  }
  ip link set "$bridge" up
}

# Pods reach this machine and each other, and nothing else.
node_network_settings() {
  cat <<END
{ "cniVersion": "1.0.0", "name": "trial", "plugins": [
  { "type": "bridge", "bridge": "$(node_bridge "$1")", "isGateway": true, "ipMasq": false,
    "ipam": { "type": "host-local", "dataDir": "$1/addresses", "subnet": "$(node_network "$1").0/24" } } ] }
END
}

node_containerd_settings() {
  cat <<END
version = 2
root = "$1/containerd/root"
state = "$1/containerd/state"
[grpc]
address = "$1/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "$1/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
# where root may not put a process before others
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$1/containerd/networks"
END
}

node_kubelet_settings() {
  cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(node_address "$1")
port: $(kubernetes_port "$1" kubelet)
clusterDNS: ["$(node_address "$1")"]  # nobody is there: pods are told addresses
healthzPort: 0
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
containerRuntimeEndpoint: unix://$1/containerd.sock
podLogsDir: $1/logs
volumePluginDir: $1/kubelet/volume-plugins
cgroupDriver: cgroupfs
# The machine is shared, and a trial's: it may have swap, an older kind of cgroups, and little room.
failSwapOn: false
failCgroupV1: false
evictionHard: { memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1% }
imageGCHighThresholdPercent: 100
# changed secrets and configuration reach pods sooner than within a minute
syncFrequency: 5s
configMapAndSecretChangeDetectionStrategy: Watch
END
}

node_ctr() { ctr --address "$1/containerd.sock" --namespace "$CONTAINERD_NAMESPACE" "${@:2}"; }

# node_load DIR ARCHIVE
node_load() { node_ctr "$1" images import "$2" >/dev/null; }

# The image that each pod begins with, made by hand: one file.
node_load_pause() {
  local work=$1/pause layer
  mkdir -p "$work"
  tar --create --file "$work/layer.tar" --owner=0 --group=0 --directory "$KUBERNETES_HOME" pause
  layer=sha256:$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
  cat >"$work/config.json" <<END
{ "architecture": "$(go env GOARCH)", "os": "linux", "config": { "Entrypoint": ["/pause"], "User": "65535:65535" },
  "rootfs": { "type": "layers", "diff_ids": ["$layer"] } }
END
  echo '[{"Config": "config.json", "RepoTags": ["localhost/pause:1"], "Layers": ["layer.tar"]}]' >"$work/manifest.json"
  tar --create --file "$work/image.tar" --directory "$work" manifest.json config.json layer.tar
  node_load "$1" "$work/image.tar"
}

node_start() {
  local dir=$1
  mkdir -p "$dir/containerd/networks" "$dir/kubelet" "$dir/logs"
  node_network_settings "$dir" >"$dir/containerd/networks/trial.conflist"
  node_containerd_settings "$dir" >"$dir/containerd/config.toml"
  node_kubelet_settings "$dir" >"$dir/kubelet/config.yaml"
  process_alive "$dir/containerd/pid" ||
    process_start "$dir/containerd/pid" "$dir/containerd/log" containerd --config "$dir/containerd/config.toml"
  await_in 'containerd answers' node_ctr "$dir" version && node_load_pause "$dir" || return 1
  kubernetes_run "$dir" kubelet kubelet --kubeconfig "$dir/admin.conf" --config "$dir/kubelet/config.yaml" \
    --root-dir "$dir/kubelet/root" --cert-dir "$dir/kubelet/certificates" --hostname-override trial \
    --node-ip "$(node_address "$dir")"
}

runs_nothing() { [[ -z $(node_ctr "$1" tasks ls --quiet) ]]; }

# The kubelet takes a pod's network and mounts away; what it leaves is taken by force.
node_remove() {
  local dir=$1 task place
  if process_alive "$dir/kubelet/pid"; then
    # nobody is to make them anew
    process_stop "$dir/controllers/pid" TERM
    kubectl "$dir" delete pods --all --all-namespaces --now --wait=false >/dev/null 2>&1 || true
    await_in 'its containers have ended' runs_nothing "$dir" || true
    process_stop "$dir/kubelet/pid" TERM
  fi
  if process_alive "$dir/containerd/pid"; then
    for task in $(node_ctr "$dir" tasks ls --quiet); do
      node_ctr "$dir" tasks rm --force "$task" >/dev/null 2>&1 || true
    done
    process_stop "$dir/containerd/pid" TERM
  fi
  while read -r _ place _; do
    [[ $place != "$dir"/* ]] || umount --lazy "$place"
  done </proc/mounts
  ip link del "$(node_bridge "$dir")" 2>/dev/null || true
}
