# shellcheck shell=bash
# From whatever an earlier run left to fresh databases, no topics and a new connector.

GROUP=landfall-demo
TOPICS='demo\.public\..*'
LETTERS=landfall-demo.dlq
SLOT=landfall_demo

remove_earlier_run() {
  # Its end may have been kill -9.
  process_stop "$DEMO/landfall.pid" TERM
  rm -f "$DEMO"/*.{rows,diff,toml,log,err,txt}
  local connector
  for connector in $("$DEV/connector" list); do
    [[ $connector != landfall-demo-* ]] || "$DEV/connector" delete "$connector"
  done
  remove_topics &
  local topics=$!
  remove_databases
  wait "$topics" || fail "the topics of an earlier run can't be removed" "make stack-down, then make demo; or throw all data away: dev/stack down --purge"
}

# Unlike its topics, the group can't be deleted while it has members; they may only just have died.
remove_topics() {
  kafka topics --delete --if-exists --topic "($TOPICS|$LETTERS)" >/dev/null
  for _ in {1..20}; do
    if "$DEV/kafka" consumer-groups --delete --group "$GROUP" >"$DEMO/kafka-tool.txt" 2>&1 ||
      grep -q GroupIdNotFound "$DEMO/kafka-tool.txt"; then return; fi
    sleep 3
  done
  cat "$DEMO/kafka-tool.txt" >&2
  return 1
}

# A slot can be dropped once its connector has let go of it.
remove_databases() {
  local slot="pg_replication_slots WHERE slot_name = '$SLOT'"
  for _ in {1..100}; do
    query postgres "SELECT pg_terminate_backend(active_pid) FROM $slot AND active" >/dev/null
    query postgres "SELECT pg_drop_replication_slot(slot_name) FROM $slot" >/dev/null 2>"$DEMO/slot.err" && break
    sleep 0.2
  done
  [[ -z $(query postgres "SELECT 1 FROM $slot") ]] ||
    fail "the replication slot $SLOT of an earlier run can't be dropped: $(cat "$DEMO/slot.err")" "dev/stack down, then make demo"
  query postgres "DROP DATABASE IF EXISTS $SOURCE WITH (FORCE)"
  query postgres "DROP DATABASE IF EXISTS $DESTINATION WITH (FORCE)"
}

create_databases() {
  local name counts
  for name in "$SOURCE" "$DESTINATION"; do
    query postgres "CREATE DATABASE $name"
    database "$name" --file="$DEV/demo.d/tables.sql"
  done
  database "$SOURCE" --single-transaction --file="$DEV/demo.d/source.sql" --file="$DEV/demo.d/rows.sql" >/dev/null
  database "$DESTINATION" --file="$DEV/demo.d/destination.sql"
  counts=$(count_rows "$SOURCE" | sed ':next; s/\B[0-9]\{3\}\>/,&/; t next' | paste -sd ' ')
  tell "$SOURCE has rows ($counts), $DESTINATION the same tables, empty"
}

# A name of its own for each run: Connect would remember how far the earlier one had read.
start_connector() {
  CONNECTOR=landfall-demo-$(date +%s)
  sed "s/@PGPORT@/$LANDFALL_STACK_PGPORT/" "$DEV/demo.d/connector.json" >"$DEMO/connector.json"
  { "$DEV/connector" put "$CONNECTOR" "$DEMO/connector.json" && "$DEV/connector" wait "$CONNECTOR"; } 2>"$DEMO/connector.err" ||
    fail "$(<"$DEMO/connector.err")" "More in $(shown "$STATE/connect/log"); then make demo"
  local deadline=$((SECONDS + PATIENCE))
  until kafka topics --list | grep -q '^demo\.public\.'; do
    ((SECONDS < deadline)) || fail "the connector runs, but sends nothing to Kafka" "Look at $(shown "$STATE/connect/log"); then make demo"
  done
  tell "connector $CONNECTOR writes its snapshot to topics demo.public.…, 4 partitions each"
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
}
