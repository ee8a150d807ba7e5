# shellcheck shell=bash
# Three brokers, each at $STATE/broker-N: pid, log, data. Their network is a bridge with a namespace for each, so that a
# broker can be cut off from the others and from its clients; or they share 127.0.0.1, and a broker is stopped instead.

BROKERS=(1 2 3)

# cluster_way: namespaces or loopback, decided once for a state.
cluster_way() {
  : "${STATE:?}"
  if [[ ! -s $STATE/way ]]; then
    mkdir -p "$STATE"
    if namespaces_work; then echo namespaces; else echo loopback; fi >"$STATE/way"
  fi
  cat "$STATE/way"
}

namespaces_work() {
  local trial=lf-trial-$$
  ((EUID == 0)) && command -v ip >/dev/null && ip netns add "$trial" 2>/dev/null || return 1
  ip link add "lft$$" type bridge 2>/dev/null && ip link del "lft$$" && ip netns del "$trial" && return
  ip netns del "$trial"
  return 1
}

# Names and addresses differ from state to state, that clusters may run side by side.
cluster_tag() { printf '%s' "$STATE" | cksum | cut -d ' ' -f 1; }
network() { echo "10.$((200 + $(cluster_tag) % 50)).$(($(cluster_tag) / 50 % 250))"; }
bridge() { echo "lf$(($(cluster_tag) % 100000))"; }
namespace() { echo "$(bridge)-$1"; }
wire() { echo "$(bridge)w$1"; }

broker_host() { if [[ $(cluster_way) == namespaces ]]; then echo "$(network).$1"; else echo 127.0.0.1; fi; }
broker_port() { if [[ $(cluster_way) == namespaces ]]; then echo 9092; else port_choose "$STATE/port-$1"; fi; }
controller_port() { if [[ $(cluster_way) == namespaces ]]; then echo 9093; else port_choose "$STATE/controller-port-$1"; fi; }
cluster_address() {
  local n all=()
  for n in "${BROKERS[@]}"; do all+=("$(broker_host "$n"):$(broker_port "$n")"); done
  (IFS=, && echo "${all[*]}")
}

network_up() {
  local n
  [[ $(cluster_way) == namespaces ]] || return 0
  ip link show "$(bridge)" >/dev/null 2>&1 || {
    ip link add "$(bridge)" type bridge
    ip addr add "$(network).254/24" dev "$(bridge)"
  }
  ip link set "$(bridge)" up
  for n in "${BROKERS[@]}"; do
    [[ -e /var/run/netns/$(namespace "$n") ]] || {
      ip netns add "$(namespace "$n")"
      ip link add "$(wire "$n")" type veth peer name eth0 netns "$(namespace "$n")"
      ip -n "$(namespace "$n")" addr add "$(broker_host "$n")/24" dev eth0
      ip link set "$(wire "$n")" master "$(bridge)"
    }
    ip -n "$(namespace "$n")" link set lo up
    ip -n "$(namespace "$n")" link set eth0 up
    ip link set "$(wire "$n")" up
  done
}

network_down() {
  local n
  [[ $(cluster_way) == namespaces ]] || return 0
  for n in "${BROKERS[@]}"; do ip netns del "$(namespace "$n")" 2>/dev/null || true; done
  ip link del "$(bridge)" 2>/dev/null || true
}

broker_properties() {
  local n voters=()
  for n in "${BROKERS[@]}"; do voters+=("$n@$(broker_host "$n"):$(controller_port "$n")"); done
  cat <<END
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$(IFS=, && echo "${voters[*]}")
listeners=PLAINTEXT://$(broker_host "$1"):$(broker_port "$1"),CONTROLLER://$(broker_host "$1"):$(controller_port "$1")
controller.listener.names=CONTROLLER
log.dirs=$STATE/broker-$1/data

# Each record on three brokers, two of which must have it before it counts.
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
share.coordinator.state.topic.num.partitions=2

# Who is lost is noticed in seconds, as the tests are short.
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
controller.quorum.request.timeout.ms=2000
replica.lag.time.max.ms=4000
replica.socket.timeout.ms=3000

# Small: three of them share a machine with all else.
num.network.threads=2
num.io.threads=4
num.replica.fetchers=1
log.segment.bytes=104857600

END
  kafka_common_properties
}

broker_format() {
  local dir=$STATE/broker-$1
  mkdir -p "$dir"
  broker_properties "$1" >"$dir/server.properties"
  [[ ! -e $dir/data/meta.properties ]] || return 0
  rm -rf "$dir/data"
  kafka_java -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --config "$dir/server.properties" \
    --cluster-id "$(cat "$STATE/cluster-id")" >"$dir/log" 2>&1
}

broker_start() {
  local dir=$STATE/broker-$1 within=()
  process_alive "$dir/pid" && return
  [[ $(cluster_way) != namespaces ]] || within=(ip netns exec "$(namespace "$1")")
  process_start "$dir/pid" "$dir/log" "${within[@]}" "${KAFKA_JAVA[@]}" -Xms64m -Xmx320m -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 kafka.Kafka "$dir/server.properties"
}

broker_ready() {
  grep -q 'Kafka Server started' "$STATE/broker-$1/log" && (: <>"/dev/tcp/$(broker_host "$1")/$(broker_port "$1")") 2>/dev/null
}

broker_signal() {
  process_alive "$STATE/broker-$2/pid" || return 0
  kill -s "$1" "$(process_pid "$STATE/broker-$2/pid")"
}

broker_kill() {
  broker_signal KILL "$1"
  while process_alive "$STATE/broker-$1/pid"; do sleep 0.05; done
}

broker_stop() { process_stop "$STATE/broker-$1/pid" TERM; }

broker_cut() {
  if [[ $(cluster_way) == namespaces ]]; then ip link set "$(wire "$1")" down; else broker_signal STOP "$1"; fi
}

broker_mend() {
  if [[ $(cluster_way) == namespaces ]]; then ip link set "$(wire "$1")" up; else broker_signal CONT "$1"; fi
}

cluster_up() {
  local n deadline=$((SECONDS + TIMEOUT))
  [[ -s $STATE/cluster-id ]] || head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d = >"$STATE/cluster-id"
  network_up
  for n in "${BROKERS[@]}"; do
    broker_mend "$n"
    broker_format "$n" || die "broker $n can't be formatted: see $STATE/broker-$n/log"
    broker_start "$n"
  done
  for n in "${BROKERS[@]}"; do
    until broker_ready "$n"; do
      if ! process_alive "$STATE/broker-$n/pid" || ((SECONDS >= deadline)); then
        tail -n 20 "$STATE/broker-$n/log" >&2
        die "broker $n did not become ready: see $STATE/broker-$n/log"
      fi
      sleep 0.2
    done
  done
}

cluster_down() {
  local n
  for n in "${BROKERS[@]}"; do
    broker_mend "$n" 2>/dev/null || true
    broker_kill "$n"
  done
  network_down
}

# The newest opinion of those that have one.
cluster_controller() {
  cat "$STATE"/broker-*/data/__cluster_metadata-0/quorum-state 2>/dev/null |
    sed -n 's/.*"leaderId":\(-\{0,1\}[0-9]*\).*"leaderEpoch":\([0-9]*\).*/\2 \1/p' | sort -n | awk '$2 > 0 { last = $2 } END { print last }'
}

cluster_status() {
  local n state
  for n in "${BROKERS[@]}"; do
    state='does not run'
    ! process_alive "$STATE/broker-$n/pid" || state="pid $(process_pid "$STATE/broker-$n/pid")"
    echo "broker $n  $(broker_host "$n"):$(broker_port "$n")  $state"
  done
  echo "controller: $(cluster_controller)"
}
