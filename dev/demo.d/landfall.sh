# shellcheck shell=bash
# shellcheck disable=SC2153
# Landfall itself: starting, stopping, reading everything again. Its pid is all that we signal.

LANDFALL_PID=''
CHANGES_PID=''
FETCH_PID=''

# fetch_meanwhile PART…: downloads in the background.
fetch_meanwhile() {
  "$DEV/stack" fetch "$@" >"$DEMO/fetch.log" 2>&1 {LOCK_FD}>&- &
  FETCH_PID=$!
}

# launch ARGS…: `landfall run ARGS…` in the background; its log goes on where it ended.
launch() {
  # It must not take along the lock of this demo, should it outlive it.
  "$LANDFALL_BIN" run "$@" --config "$DEMO/landfall.toml" </dev/null >>"$DEMO/landfall.log" 2>&1 {LOCK_FD}>&- &
  LANDFALL_PID=$!
  process_identity "$LANDFALL_PID" >"$DEMO/landfall.pid"
}

landfall_runs() { kill -0 "$LANDFALL_PID" 2>/dev/null; }

start_landfall() {
  local started=$EPOCHREALTIME deadline=$((SECONDS + PATIENCE)) any='' table
  for table in $(tables_of "$DESTINATION"); do any+="${any:+ OR }EXISTS (SELECT FROM $table)"; done
  launch
  until [[ $(query "$DESTINATION" "SELECT $any") == t ]]; do
    landfall_runs || fail_with_log "landfall run ended by itself, exit code $(landfall_exit_code)"
    ((SECONDS < deadline)) || fail_with_log "no row has arrived after $PATIENCE s"
    sleep 0.05
  done
  FIRST_ROW=$(seconds_since "$started")
  tell "first row in the destination after $FIRST_ROW s; log: $(shown "$DEMO/landfall.log"), metrics: http://127.0.0.1:$HTTP_PORT/metrics"
  begin_progress
}

landfall_exit_code() {
  local code=0
  wait "$LANDFALL_PID" || code=$?
  echo "$code"
}

# wait_for_end SECONDS: returns 1 if it still runs then.
wait_for_end() {
  local deadline=$((SECONDS + $1))
  while landfall_runs; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

stop_landfall() {
  local asked=$EPOCHREALTIME code=0
  kill -TERM "$LANDFALL_PID" 2>/dev/null || true
  wait_for_end 40 || fail_with_log "landfall run still runs 40 s after SIGTERM"
  wait "$LANDFALL_PID" || code=$?
  ((code == 0)) || fail_with_log "landfall run exited with $code after SIGTERM, not with 0"
  tell "landfall run ended its batch, left the group and exited with 0 after $(seconds_since "$asked") s"
}

# Everything that a write to a row would change: its version and its place.
fingerprint() {
  local table sql=''
  for table in "${TABLES[@]}"; do
    sql+="${sql:+ UNION ALL }SELECT '$table', md5(string_agg(ctid || ' ' || xmin, ',' ORDER BY ctid)) FROM $table"
  done
  # else the tables may come in any order: parallel workers read them
  query "$DESTINATION" "$sql ORDER BY 1"
}

read_everything_again() {
  local started code=0
  fingerprint >"$DEMO/before.txt"
  kafka consumer-groups --group "$GROUP" --reset-offsets --to-earliest --all-topics --execute >"$DEMO/reset.txt" ||
    fail "the group's offsets can't be reset" "If it says that the group is active: is a second landfall running with this configuration?"
  started=$EPOCHREALTIME
  launch --until-caught-up
  wait_for_end "$PATIENCE" || fail_with_log "landfall run --until-caught-up still runs after $PATIENCE s"
  wait "$LANDFALL_PID" || code=$?
  ((code == 0)) || fail_with_log "landfall run --until-caught-up exited with $code, not with 0"
  fingerprint >"$DEMO/after.txt"
  AGAIN_APPLIED=$(last_total applied) AGAIN_DUPLICATES=$(last_total duplicates)
  tell "landfall run --until-caught-up exited with 0 after $(seconds_since "$started") s:" \
    "$(grouped "$AGAIN_DUPLICATES") duplicates recognised, $(grouped "$AGAIN_APPLIED") events applied"
}

# last_total NAME: from the line that a run ends with.
last_total() {
  local line
  line=$(grep ' stopped ' "$DEMO/landfall.log" | tail -n 1) || line=''
  [[ $line =~ $1=([0-9]+) ]] || fail_with_log "the log doesn't end with a line that tells what was done"
  echo "${BASH_REMATCH[1]}"
}

interrupted() {
  trap '' INT TERM HUP
  say ""
  say "interrupted. make demo starts anew; make stack-down ends the stack."
  exit 130
}

# On every way out: what we started ends, by its pid.
clean_up() {
  trap '' INT TERM HUP
  show_cursor
  [[ -z $FETCH_PID ]] || kill "$FETCH_PID" 2>/dev/null || true
  [[ -z $CHANGES_PID ]] || kill "$CHANGES_PID" 2>/dev/null || true
  [[ -z $OUTBOX_PID ]] || kill "$OUTBOX_PID" 2>/dev/null || true
  [[ -z $LANDFALL_PID ]] || process_stop "$DEMO/landfall.pid" TERM
}
