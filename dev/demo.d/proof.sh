# shellcheck shell=bash
# shellcheck disable=SC2153
# Source and destination compared row by row, and every event accounted for.

PROBLEMS=()

prove() {
  REFUSED=$(<"$DEMO/refused.txt")
  compare_tables
  compare_made_table
  account_for_events
  account_for_letters
  account_for_reading_again
  where_to_look
  if ((${#PROBLEMS[@]})); then
    printf '  - %s\n' "${PROBLEMS[@]}" >&2
    fail "${#PROBLEMS[@]} of the above don't hold" "What differs: $(shown "$DEMO")/TABLE.diff (< source, > destination); why: $(shown "$DEMO/landfall.log")"
  fi
  printf '\n%sdemo passed: every row arrived, each event once; %s s, first row %s s after the start of landfall%s\n' "$GREEN" "$SECONDS" "$FIRST_ROW" "$PLAIN"
}

# rows_of DATABASE TABLE: each row as text, by key.
rows_of() { query "$1" "COPY (SELECT * FROM $2 ORDER BY ${KEY[$2]}) TO STDOUT"; }

compare_tables() {
  local table source destination differing note
  printf '  %-10s %15s %20s %11s\n' '' 'rows at source' 'rows at destination' differing
  for table in "${TABLES[@]}"; do
    rows_of "$SOURCE" "$table" >"$DEMO/source.rows"
    rows_of "$DESTINATION" "$table" >"$DEMO/destination.rows"
    diff "$DEMO/source.rows" "$DEMO/destination.rows" >"$DEMO/$table.diff" || true
    source=$(wc -l <"$DEMO/source.rows") destination=$(wc -l <"$DEMO/destination.rows")
    # A row that differs is a line on both sides.
    differing=$(sed -n 's/^[<>] //p' "$DEMO/$table.diff" | key_of_row "$table" | sort -u | wc -l)
    note=${CAME_AS[$table]:-envelopes}
    if [[ $table == orders ]]; then
      note+=$(only_the_refused_row) || PROBLEMS+=("orders: only order $REFUSED may be missing, see $(shown "$DEMO/orders.diff")")
    elif ((differing)); then
      PROBLEMS+=("$table: $differing rows differ, see $(shown "$DEMO/$table.diff")")
    fi
    printf '  %-10s %15s %20s %11s   %s\n' "$table" "$(grouped "$source")" "$(grouped "$destination")" "$(grouped "$differing")" "$note" | sed 's/ *$//'
  done
  rm -f "$DEMO"/{source,destination}.rows
}

# describe_table DATABASE TABLE: a line for each column, and the key's columns.
describe_table() {
  query "$1" "SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
      FROM pg_attribute WHERE attrelid = '$2'::regclass AND attnum > 0 ORDER BY attnum"
  query "$1" "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '$2'::regclass AND contype = 'p'"
}

compare_made_table() {
  if diff <(describe_table "$SOURCE" deliveries) <(describe_table "$DESTINATION" deliveries) >"$DEMO/deliveries-made.diff"; then
    tell "deliveries was made by Landfall from its events' schemas: columns, types, NOT NULL and key are the source's"
  else
    PROBLEMS+=("deliveries was made otherwise than it is at the source, see $(shown "$DEMO/deliveries-made.diff")")
  fi
}

key_of_row() { if [[ $1 == tickets ]]; then cut -f 1,2; else cut -f 1; fi; }

only_the_refused_row() {
  local lines
  lines=$(grep '^[<>]' "$DEMO/orders.diff") || return 1
  [[ $lines == "< $REFUSED"$'\t'* && $(wc -l <<<"$lines") == 1 ]] && echo ", without order $REFUSED, which the destination must refuse"
}

# save_outcomes: what became of the events, once the counters account for every record that Kafka holds.
save_outcomes() {
  for _ in {1..50}; do
    metrics | awk '/^landfall_events_total{/ && match($0, /outcome="[a-z_]*"/) { n[substr($0, RSTART + 9, RLENGTH - 10)] += $NF }
      END { for (outcome in n) print outcome, n[outcome] }' >"$DEMO/outcomes.txt"
    [[ $(awk '{ n += $2 } END { print n + 0 }' "$DEMO/outcomes.txt") != "$(records_in_kafka)" ]] || return 0
    sleep 0.1
  done
}

# records_in_kafka [TOPIC]: of all topics that carry rows, else of one.
records_in_kafka() {
  awk -F : -v topic="${1:-}" '/^demo\./ && (topic == "" || $1 == topic) { n += $3 } END { print n + 0 }' "$DEMO/log-ends.txt"
}

outcome() { awk -v outcome="$1" '$1 == outcome { n = $2 } END { print n + 0 }' "$DEMO/outcomes.txt"; }

account_for_events() {
  local records applied duplicates skipped letters ids again
  again=$(($(records_in_kafka "$OUTBOX") - $(count_actions)))
  records=$(records_in_kafka) applied=$(outcome applied) duplicates=$(outcome duplicate) skipped=$(outcome skipped) letters=$(outcome dead_lettered)
  ids=$(query "$DESTINATION" 'SELECT count(*) FROM landfall.processed_events')
  step "Events"
  tell "$(grouped "$records") records in Kafka: $(grouped "$applied") applied, $(grouped "$duplicates") recognised as already applied," \
    "$(grouped "$skipped") tombstones and other records without a row, $letters dead letter"
  tell "$(grouped "$again") actions of the outbox were sent twice, and known by their action_id"
  tell "$(grouped "$ids") event ids in landfall.processed_events, written in the transactions that wrote the rows"
  ((applied + duplicates + skipped + letters == records)) || PROBLEMS+=("the outcomes don't add up to the $records records in Kafka")
  ((duplicates >= again)) || PROBLEMS+=("$again actions were sent twice, but $duplicates events were recognised as applied already")
  ((ids == applied)) || PROBLEMS+=("$applied events were applied, but $ids ids are recorded")
}

account_for_letters() {
  local count
  count=$(count_letters)
  step "Dead letters"
  ((count == 1)) || PROBLEMS+=("topic $LETTERS holds $count letters, not 1")
  ((count)) || return 0
  fetch_letters "$count" || PROBLEMS+=("topic $LETTERS can't be read")
  tell "$count in topic $LETTERS: offset $(header __connect.errors.offset) of $(header __connect.errors.topic)-$(header __connect.errors.partition)," \
    "$(header landfall.reason), SQLSTATE $(header landfall.sqlstate)"
  tell "$(header __connect.errors.exception.message)"
  [[ $(header landfall.sqlstate) == 23514 ]] || PROBLEMS+=("the dead letter's SQLSTATE is '$(header landfall.sqlstate)', not 23514 (a CHECK)")
}

account_for_reading_again() {
  step "Everything read a second time"
  tell "$(grouped "$AGAIN_DUPLICATES") events recognised as duplicates, $(grouped "$AGAIN_APPLIED") applied; row versions in the destination are $(
    cmp -s "$DEMO/before.txt" "$DEMO/after.txt" && echo unchanged || echo CHANGED)"
  cmp -s "$DEMO/before.txt" "$DEMO/after.txt" || PROBLEMS+=("reading everything again changed rows: compare $(shown "$DEMO")/before.txt and after.txt")
  ((AGAIN_APPLIED == 0)) || PROBLEMS+=("$AGAIN_APPLIED events were applied a second time")
  ((AGAIN_DUPLICATES == $(records_in_kafka))) || PROBLEMS+=("$(records_in_kafka) duplicates were to be recognised, $AGAIN_DUPLICATES were")
}

where_to_look() {
  local server=postgres://postgres@127.0.0.1:$LANDFALL_STACK_PGPORT
  step "To look around, everything is still there"
  tell "configuration   $(shown "$DEMO/landfall.toml")"
  tell "log             $(shown "$DEMO/landfall.log")"
  tell "source          psql $server/$SOURCE"
  tell "destination     psql $server/$DESTINATION"
  tell "dead letters    $(shown "$DEMO/dead-letters.txt")"
  tell "go on           $(shown "$LANDFALL_BIN") run -c $(shown "$DEMO/landfall.toml")   (Debezium still follows the source)"
  tell "stop            make stack-down"
}
