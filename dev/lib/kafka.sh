# shellcheck shell=bash
# One broker that is its own controller (KRaft).

kafka_fetch() { fetch_kafka; }

kafka_address() { echo "127.0.0.1:$(cat "$STATE/kafka/port")"; }

kafka_waits_for() { echo "until the broker serves $(kafka_address)"; }

kafka_ready() { grep -q 'Kafka Server started' "$STATE/kafka/log" && port_taken "$(cat "$STATE/kafka/port")"; }

kafka_stop() { process_stop "$STATE/kafka/pid" TERM; }

kafka_start() {
  local dir=$STATE/kafka
  port_choose "$dir/controller-port" >/dev/null
  kafka_properties >"$dir/server.properties"
  if [[ ! -e $dir/data/meta.properties ]]; then
    # Half formatted, by a start that was interrupted, counts as not formatted.
    rm -rf "$dir/data"
    kafka_java -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --config "$dir/server.properties" \
      --cluster-id "$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d =)" >"$dir/log" 2>&1 || return 1
  fi
  local options=(-Xms256m -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=50)
  # What a test wants of a broker of its own.
  [[ ! -e $dir/java.options ]] || read -ra options <"$dir/java.options"
  process_start "$dir/pid" "$dir/log" "${KAFKA_JAVA[@]}" "${options[@]}" kafka.Kafka "$dir/server.properties"
}

KAFKA_JAVA=("$JAVA" "-Dlog4j2.configurationFile=$DEV/lib/log4j2.properties" -Djava.awt.headless=true
  -cp "$KAFKA_HOME/kafka/*")
kafka_java() { "${KAFKA_JAVA[@]}" "$@"; }

kafka_properties() {
  local controller
  controller=127.0.0.1:$(cat "$STATE/kafka/controller-port")
  cat <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$(kafka_address),CONTROLLER://$controller
controller.listener.names=CONTROLLER
log.dirs=$STATE/kafka/data

# One broker: everything has one replica, and few partitions make starts and stops quick.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=2

END
  kafka_common_properties
  # What a test wants of a broker of its own.
  [[ ! -e $STATE/kafka/extra.properties ]] || cat "$STATE/kafka/extra.properties"
}

# What holds for every broker, also of a cluster.
kafka_common_properties() {
  cat <<'END'
auto.create.topics.enable=true
delete.topic.enable=true
num.partitions=1
message.max.bytes=10485760
replica.fetch.max.bytes=10485760
# Events with old timestamps must not vanish under a test.
log.retention.ms=-1

# After a kill -9, the controller refuses the broker until the session of its former self is over.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000

# Tests start, kill and restart consumers all the time.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
END
}
