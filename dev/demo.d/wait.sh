# shellcheck shell=bash
# What the demo waits for, and how: until it is true, not for a time.

# wait_until CONDITION WHAT: shows the progress meanwhile.
wait_until() {
  local condition=$1 what=$2 started=$SECONDS
  until "$condition"; do
    landfall_runs || fail_with_log "landfall run ended by itself, exit code $(landfall_exit_code)"
    connectors_run || fail "Debezium's connector $FAILED failed" "Its reason: dev/connector status $FAILED | jq -r .tasks[].trace; then make demo"
    ((SECONDS - started < PATIENCE)) ||
      fail_with_log "after $PATIENCE s, it is still not so that $what (LANDFALL_DEMO_PATIENCE=600 waits longer)"
    show_progress
    sleep 0.8
  done
  progressed "$what"
}

connectors_run() {
  for FAILED in "${CONNECTORS[@]}"; do
    [[ $("$DEV/connector" status "$FAILED" 2>/dev/null) != *FAILED* ]] || return 1
  done
}

snapshot_landed() { [[ $(count_rows "$SOURCE") == "$(count_rows "$DESTINATION")" ]]; }

start_changes() {
  begin_progress
  make_changes >"$DEMO/changes.log" 2>&1 {LOCK_FD}>&- &
  CHANGES_PID=$!
  # As after a crash that took its position: the producer begins anew.
  start_producer "$CHANGES_PID"
}

# The refused row comes in the middle: what follows it must arrive.
make_changes() {
  local round
  for ((round = 1; round <= ROUNDS; round++)); do
    kill -0 $$ # a demo that was killed has no more changes to make
    database "$SOURCE" --set="round=$round" --file="$DEV/demo.d/changes.sql"
    ((round != (ROUNDS + 1) / 2)) || database "$SOURCE" --file="$DEV/demo.d/refused.sql" >"$DEMO/refused.txt"
    sleep 0.7
  done
  # What Debezium must have sent when it says that it is done.
  query "$SOURCE" 'SELECT pg_current_wal_lsn()' >"$DEMO/changes-end.txt"
}

changes_made() {
  ! kill -0 "$CHANGES_PID" 2>/dev/null || return 1
  wait "$CHANGES_PID" || fail "the changes can't be made: $(tail -n 3 "$DEMO/changes.log")"
  CHANGES_PID=''
}

# Debezium confirms what Kafka has taken, always without the last event: so it gets one more, a message
# that is no row.
debezium_sent_everything() {
  query "$SOURCE" "SELECT pg_logical_emit_message(false, 'landfall-demo', 'are you there?')" >/dev/null
  [[ $(query "$SOURCE" "SELECT bool_and(confirmed_flush_lsn >= '$(<"$DEMO/changes-end.txt")') FROM pg_replication_slots
      WHERE database = '$SOURCE'") == t ]]
}

# read_log_ends: a line "topic:partition:end" each, of the tables' topics and of the dead letters'.
read_log_ends() {
  kafka get-offsets --topic "($TOPICS|$LETTERS)" >"$DEMO/log-ends.txt" || fail "Kafka doesn't tell how long its topics are" "dev/stack status; then make demo"
}

# Postgres knows how far it is: a watermark for each partition, written with the rows.
everything_applied() {
  local ends
  ends=$(grep '^demo\.' "$DEMO/log-ends.txt" | sed "s/\(.*\):\(.*\):\(.*\)/('\1', \2, \3)/" | paste -sd ,)
  [[ $(query "$DESTINATION" "SELECT coalesce(bool_and(coalesce(p.next_offset, 0) >= e.log_end), false)
      FROM (VALUES $ends) AS e(topic, partition, log_end) LEFT JOIN landfall.partitions p USING (topic, partition)") == t ]]
}
