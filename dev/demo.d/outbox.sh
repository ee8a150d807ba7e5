# shellcheck shell=bash
# An application's own way to Kafka: a producer that asks the outbox for what is new.

OUTBOX=demo.outbox.employees
OUTBOX_PID=''

# send_actions [PID]: what the outbox has, from its beginning, and what comes while that process runs.
send_actions() {
  actions_while_runs "${1:-}" | kafka console-producer --topic "$OUTBOX" --reader-property parse.key=true
}

# start_producer PID: in the background, as long as that process has changes to make.
start_producer() {
  send_actions "$1" >"$DEMO/outbox.log" 2>&1 {LOCK_FD}>&- &
  OUTBOX_PID=$!
}

# A line "employee<tab>action as JSON" each, in the order of their ids.
actions_while_runs() {
  local last=0 runs batch
  while :; do
    # Asked first: what it did last is still to be sent.
    runs=false
    [[ -z $1 ]] || ! kill -0 "$1" 2>/dev/null || runs=true
    # Without backslashes of its own, unlike COPY: JSON has those.
    batch=$(query "$SOURCE" "SELECT emp_id || E'\t' || row_to_json(a) FROM employee_actions a WHERE action_id > $last ORDER BY action_id")
    if [[ -n $batch ]]; then
      printf '%s\n' "$batch"
      last=$(tail -n 1 <<<"${batch##*$'\n'}" | sed 's/.*"action_id":\([0-9]*\).*/\1/')
    else
      $runs || return 0
      sleep 0.3
    fi
  done
}

# How many actions there are; Kafka has more records than that, as the second producer began anew.
count_actions() { query "$SOURCE" 'SELECT count(*) FROM employee_actions'; }

actions_sent() {
  ! kill -0 "$OUTBOX_PID" 2>/dev/null || return 1
  wait "$OUTBOX_PID" || fail "the outbox can't be sent: $(tail -n 3 "$DEMO/outbox.log")"
  OUTBOX_PID=''
}
