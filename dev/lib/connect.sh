# shellcheck shell=bash
# One Kafka Connect worker, distributed, so that connectors are kept in Kafka and set over REST.

# Debezium's connectors to offer, and further folders with plugins.
CONNECTORS=${LANDFALL_STACK_DEBEZIUM:-postgres mariadb}
MORE_PLUGINS=${LANDFALL_STACK_PLUGIN_PATH:-}

connect_fetch() {
  local connector
  fetch_kafka && fetch_avro_converter || return 1
  for connector in $CONNECTORS; do fetch_debezium "$connector" || return 1; done
}

connect_address() { echo "http://127.0.0.1:$(cat "$STATE/connect/port")"; }

connect_waits_for() { echo "until $(connect_address) has joined its group"; }

connect_ready() { http_ok "$(connect_address)/health"; }

connect_stop() { process_stop "$STATE/connect/pid" TERM; }

connect_start() {
  local dir=$STATE/connect
  connect_properties >"$dir/worker.properties"
  process_start "$dir/pid" "$dir/log" "${KAFKA_JAVA[@]}" -Xms256m -Xmx1g -XX:+UseParallelGC \
    org.apache.kafka.connect.cli.ConnectDistributed "$dir/worker.properties"
}

connect_plugin_path() {
  local connector path=$AVRO_CONVERTER_HOME
  for connector in $CONNECTORS; do path=$path,$(debezium_home "$connector"); done
  echo "$path${MORE_PLUGINS:+,$MORE_PLUGINS}"
}

connect_properties() {
  cat <<END
bootstrap.servers=$(kafka_address)
listeners=$(connect_address)
rest.advertised.host.name=127.0.0.1
plugin.path=$(connect_plugin_path)
# Plugins without service entries are not found, see copy_avro_converter in fetch.sh.
plugin.discovery=service_load

group.id=landfall-connect
config.storage.topic=landfall-connect-configs
offset.storage.topic=landfall-connect-offsets
status.storage.topic=landfall-connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1

key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true

# A connector may set anything for its own producer and consumer.
connector.client.config.override.policy=All
producer.max.request.size=10485760
consumer.max.partition.fetch.bytes=10485760
offset.flush.interval.ms=1000
# The only worker there is need not wait for one that left.
scheduled.rebalance.max.delay.ms=0
END
}
