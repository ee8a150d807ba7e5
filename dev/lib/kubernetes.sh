# shellcheck shell=bash
# What decides in a cluster, in a folder of our own: DIR/{etcd,api,controllers,scheduler}/{pid,log}, DIR/admin.conf.
# All of it listens at 127.0.0.1 and is asked with one token.

# Its modules are pinned in go.mod, so that one that is built is keyed by them.
KUBERNETES_HOME=$CACHE/kubernetes-$(cksum <"$DEV/kubernetes.d/go.sum" | cut -d ' ' -f 1)

kubernetes_fetch() {
  [[ -d $KUBERNETES_HOME ]] || command -v go >/dev/null ||
    die "Kubernetes is built with Go, which isn't installed: https://go.dev/dl/, or on Debian: apt-get install golang"
  FETCH_LOCK=kubernetes.lock fetch_into "$KUBERNETES_HOME" kubernetes_build
}

# kubernetes_build FOLDER: for fetch_into. Some twenty minutes of processor time, which others needn't notice.
kubernetes_build() {
  local version says component=k8s.io/component-base/version package
  say "building Kubernetes, which takes minutes"
  cd "$DEV/kubernetes.d" || return 1
  version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes) || return 1
  # What a release says of itself: Helm asks for it.
  says="-X $component.gitVersion=$version -X $component.gitMajor=1 -X $component.gitMinor=$(cut -d . -f 2 <<<"$version")"
  for package in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
    nice go build -trimpath -ldflags="-s -w $says" -o "$1/" "k8s.io/kubernetes/cmd/$package" || return 1
  done
  nice go build -trimpath -ldflags='-s -w' -o "$1/etcd" go.etcd.io/etcd/server/v3 || return 1
  # What holds a pod's network while its containers come and go; without it there is no image to begin with.
  cc -Os -static -o "$1/pause" "$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c"
}

# kubernetes_run DIR PART PROGRAM ARG …
kubernetes_run() {
  local dir=$1/$2
  mkdir -p "$dir"
  process_alive "$dir/pid" || process_start "$dir/pid" "$dir/log" "$KUBERNETES_HOME/$3" "${@:4}"
}

kubernetes_port() { port_choose "$1/$2-port"; }

# Everybody who asks is an administrator; the key is for the tokens that pods are given.
kubernetes_keys() {
  local dir=$1
  [[ ! -e $dir/admin.conf ]] || return 0
  openssl genrsa -out "$dir/accounts.key" 2048 2>/dev/null
  (umask 077 && head -c 24 /dev/urandom | base64 | tr -d '+/=\n' >"$dir/token")
  echo "$(cat "$dir/token"),admin,admin,system:masters" >"$dir/tokens.csv"
  cat >"$dir/admin.conf" <<END
apiVersion: v1
kind: Config
current-context: trial
contexts: [{ name: trial, context: { cluster: trial, user: admin } }]
clusters:
  - name: trial
    cluster: { server: "https://127.0.0.1:$(kubernetes_port "$dir" api)", certificate-authority: "$dir/api/apiserver.crt" }
users: [{ name: admin, user: { token: "$(cat "$dir/token")" } }]
END
}

kubectl() { "$KUBERNETES_HOME/kubectl" --kubeconfig "$1/admin.conf" "${@:2}"; }

kubernetes_start_etcd() {
  local dir=$1 clients peers
  clients=http://127.0.0.1:$(kubernetes_port "$dir" etcd)
  peers=http://127.0.0.1:$(kubernetes_port "$dir" etcd-peer)
  # a trial's state need not outlive the machine
  kubernetes_run "$dir" etcd etcd --data-dir "$dir/etcd/data" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$clients" --advertise-client-urls "$clients" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers"
}

kubernetes_start_api() {
  local dir=$1
  kubernetes_run "$dir" api kube-apiserver --etcd-servers "http://127.0.0.1:$(kubernetes_port "$dir" etcd)" \
    --bind-address 127.0.0.1 --advertise-address "$(node_address "$dir")" --secure-port "$(kubernetes_port "$dir" api)" \
    --cert-dir "$dir/api" --token-auth-file "$dir/tokens.csv" --anonymous-auth=false --authorization-mode Node,RBAC \
    --service-cluster-ip-range 10.96.0.0/16 --service-account-issuer https://trial.invalid \
    --service-account-key-file "$dir/accounts.key" --service-account-signing-key-file "$dir/accounts.key" \
    --endpoint-reconciler-type none --kubelet-preferred-address-types InternalIP
}

# kubernetes_start_follower DIR PART PROGRAM ARG …: what asks the API server all the time. There is one of each.
kubernetes_start_follower() {
  kubernetes_run "$1" "$2" "$3" --kubeconfig "$1/admin.conf" --leader-elect=false --secure-port 0 "${@:4}"
}

await_in() {
  local what=$1 deadline=$((SECONDS + TIMEOUT))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || {
      say "not within $TIMEOUT s: $what"
      return 1
    }
    sleep 0.2
  done
}

kubernetes_start() {
  local dir=$1
  kubernetes_keys "$dir"
  node_network_up "$dir"
  kubernetes_start_etcd "$dir" && kubernetes_start_api "$dir" || return 1
  await_in 'the API server is ready' kubectl "$dir" get --raw /readyz || return 1
  kubernetes_start_follower "$dir" controllers kube-controller-manager --root-ca-file "$dir/api/apiserver.crt" \
    --service-account-private-key-file "$dir/accounts.key" --use-service-account-credentials=false || return 1
  kubernetes_start_follower "$dir" scheduler kube-scheduler || return 1
  node_start "$dir" || return 1
  await_in 'the node is ready' kubectl "$dir" wait node --all --for=condition=Ready --timeout=1s || return 1
  await_in 'pods have an account' kubectl "$dir" get serviceaccount default
}

kubernetes_remove() {
  local dir=$1 part
  node_remove "$dir"
  for part in scheduler controllers api etcd; do process_stop "$dir/$part/pid" TERM; done
  rm -rf "$dir"
}
