# shellcheck shell=bash
# shellcheck disable=SC2034
# From whatever an earlier run left to fresh databases, no topics and a new connector.

GROUP=landfall-demo
TOPICS='demo\.(public|flat\.public|outbox)\..*'
LETTERS=landfall-demo.dlq
CONNECTORS=() # their names

remove_earlier_run() {
  # Its end may have been kill -9.
  process_stop "$DEMO/landfall.pid" TERM
  rm -f "$DEMO"/*.{rows,diff,toml,log,err,txt}
  local connector
  for connector in $("$DEV/connector" list); do
    [[ $connector != landfall-demo-* ]] || delete_connector "$connector"
  done
  remove_topics &
  local topics=$!
  remove_databases
  wait "$topics" || fail "the topics of an earlier run can't be removed" "make stack-down, then make demo; or throw all data away: dev/stack down --purge"
}

# Connect answers at once, and ends the tasks a little later.
delete_connector() {
  "$DEV/connector" delete "$1"
  for _ in {1..100}; do
    "$DEV/connector" status "$1" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
}

# Unlike its topics, the group can't be deleted while it has members; they may only just have died.
remove_topics() {
  kafka topics --delete --if-exists --topic "($TOPICS|demo\.(flat\.)?message|$LETTERS)" >/dev/null
  for _ in {1..20}; do
    if "$DEV/kafka" consumer-groups --delete --group "$GROUP" >"$DEMO/kafka-tool.txt" 2>&1 ||
      grep -q GroupIdNotFound "$DEMO/kafka-tool.txt"; then return; fi
    sleep 3
  done
  cat "$DEMO/kafka-tool.txt" >&2
  return 1
}

# A task that was about to start when its connector was deleted may still make its slot anew, until its
# database is gone; and that can't go before its slots.
remove_databases() {
  local slots="pg_replication_slots WHERE database = '$SOURCE'"
  for _ in {1..100}; do
    query postgres "SELECT pg_terminate_backend(active_pid) FROM $slots AND active" >/dev/null
    if {
      query postgres "SELECT pg_drop_replication_slot(slot_name) FROM $slots" >/dev/null &&
        query postgres "DROP DATABASE IF EXISTS $SOURCE WITH (FORCE)"
    } 2>"$DEMO/databases.err"; then
      query postgres "DROP DATABASE IF EXISTS $DESTINATION WITH (FORCE)"
      return
    fi
    sleep 0.2
  done
  fail "database $SOURCE of an earlier run can't be dropped: $(<"$DEMO/databases.err")" "dev/stack down, then make demo"
}

create_databases() {
  local name counts
  for name in "$SOURCE" "$DESTINATION"; do
    query postgres "CREATE DATABASE $name"
    database "$name" --file="$DEV/demo.d/tables.sql"
  done
  database "$SOURCE" --single-transaction --file="$DEV/demo.d/source.sql" --file="$DEV/demo.d/outbox.sql" --file="$DEV/demo.d/rows.sql" >/dev/null
  database "$DESTINATION" --file="$DEV/demo.d/destination.sql"
  counts=$(count_rows "$SOURCE" | sed ':next; s/\B[0-9]\{3\}\>/,&/; t next' | paste -sd ' ')
  tell "$SOURCE has rows ($counts), $DESTINATION the same tables, empty, but for deliveries: Landfall makes it"
}

# start_connector NAME FILE…: what the files say, a later one instead of an earlier one.
start_connector() {
  local name config=$DEMO/connector-$1.json parts=("${@:2}")
  # Another one in each run: Connect would remember how far the earlier one had read.
  name=landfall-demo-$1-$(date +%s)
  if [[ $ENCODING == avro ]]; then parts+=("$DEV/demo.d/avro.json"); fi
  jq --slurp add "${parts[@]}" |
    sed "s/@PGPORT@/$LANDFALL_STACK_PGPORT/; s|@REGISTRY@|${LANDFALL_STACK_REGISTRY:-}|" >"$config"
  { "$DEV/connector" put "$name" "$config" && "$DEV/connector" wait "$name"; } 2>"$DEMO/connector.err" ||
    fail "$(<"$DEMO/connector.err")" "More in $(shown "$STATE/connect/log"); then make demo"
  CONNECTORS+=("$name")
}

start_connectors() {
  local deadline=$((SECONDS + PATIENCE))
  start_connector envelopes "$DEV/demo.d/connector.json"
  start_connector flat "$DEV/demo.d/connector.json" "$DEV/demo.d/flat.json"
  until [[ $(kafka topics --list | grep -oE '^demo\.(flat\.)?public\.' | sort -u | wc -l) == 2 ]]; do
    ((SECONDS < deadline)) || fail "the connectors run, but send nothing to Kafka" "Look at $(shown "$STATE/connect/log"); then make demo"
  done
  tell "${CONNECTORS[0]} writes its snapshot as envelopes to demo.public.…, 4 partitions each"
  tell "${CONNECTORS[1]} unwraps its rows (ExtractNewRecordState): demo.flat.public.deliveries"
}

write_configuration() {
  # Remembered, unless another program took it meanwhile.
  HTTP_PORT=$(port_choose "$DEMO/http-port")
  if port_taken "$HTTP_PORT"; then
    HTTP_PORT=$(port_free)
    echo "$HTTP_PORT" >"$DEMO/http-port"
  fi
  sed "s/@KAFKA@/$LANDFALL_STACK_KAFKA/; s/@PGPORT@/$LANDFALL_STACK_PGPORT/; s/@HTTP_PORT@/$HTTP_PORT/" \
    "$DEV/demo.d/landfall.toml" >"$DEMO/landfall.toml"
  [[ $ENCODING == json ]] ||
    sed -i "0,/^encoding/s|^encoding = .*|encoding = \"avro\"                   # in Confluent's wire format\n\n[format.registry]\nurl = \"$LANDFALL_STACK_REGISTRY/apis/ccompat/v7\"|" \
      "$DEMO/landfall.toml"
}
