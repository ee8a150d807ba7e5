# shellcheck shell=bash
# The progress: a table that is updated in place on a terminal, elsewhere a line every few seconds.

FRAME_LINES=0 # what the next frame goes over
LAST_LINE=-10 # when the last line was printed
STARTED=0
DONE=()

show_cursor() { [[ ! -t 1 ]] || printf '\e[?25h'; }

# measure: sets AT_SOURCE, LANDED, APPLIED and LAG by table.
declare -A AT_SOURCE LANDED APPLIED LAG
measure() {
  local table number lag
  while read -r table number; do AT_SOURCE[$table]=$number; done < <(count_rows "$SOURCE")
  while read -r table number; do LANDED[$table]=$number; done < <(count_rows "$DESTINATION")
  while read -r table number lag; do APPLIED[$table]=$number LAG[$table]=$lag; done < <(metrics | by_table)
}

# by_table: metrics → lines "table applied lag".
by_table() {
  awk -v tables="${TABLES[*]}" '
    BEGIN { n = split(tables, table, " ") }
    /^#/ || !match($0, /topic="demo\.[a-z.]*"/) { next }
    { name = substr($0, RSTART, RLENGTH - 1); sub(/.*\./, "", name) }
    /^landfall_events_total{/ && /outcome="applied"/ { applied[name] += $NF }
    /^landfall_lag_events{/ { lag[name] += $NF }
    END { for (i = 1; i <= n; i++) printf "%s %d %d\n", table[i], applied[table[i]], lag[table[i]] }'
}

begin_progress() { FRAME_LINES=0 LAST_LINE=-10 STARTED=$SECONDS DONE=(); }

show_progress() {
  local now=$((SECONDS - STARTED))
  if [[ -t 1 ]]; then
    measure
    ((FRAME_LINES == 0)) || printf '\e[%dA' "$FRAME_LINES"
    printf '\e[?25l'
    frame "$now" | sed $'s/$/\e[K/'
    FRAME_LINES=$((${#TABLES[@]} + ${#DONE[@]} + 1))
  elif ((now - LAST_LINE >= 3)); then
    LAST_LINE=$now
    measure
    line "$now"
  fi
}

# progressed WHAT: something is done, which stays on the screen.
progressed() {
  DONE+=("$*, after $((SECONDS - STARTED)) s")
  LAST_LINE=-10
  show_progress
  [[ -t 1 ]] || tell "${DONE[-1]}"
  show_cursor
}

frame() {
  local table
  printf '  %-10s %12s %12s %15s %10s   %4s s\n' '' 'source rows' 'landed rows' 'events applied' lag "$1"
  for table in "${TABLES[@]}"; do
    printf '  %-10s %12s %12s %15s %10s\n' "$table" "$(grouped "${AT_SOURCE[$table]:-0}")" "$(grouped "${LANDED[$table]:-0}")" \
      "$(grouped "${APPLIED[$table]:-0}")" "$(grouped "${LAG[$table]:-0}")"
  done
  ((${#DONE[@]} == 0)) || printf '  %s\n' "${DONE[@]}"
}

line() {
  local table text='' lag=0
  for table in "${TABLES[@]}"; do
    text+="$table ${LANDED[$table]:-0} of ${AT_SOURCE[$table]:-0}, "
    lag=$((lag + ${LAG[$table]:-0}))
  done
  printf '  %3s s  %slag %s\n' "$1" "$(grouped "$text")" "$(grouped "$lag")"
}
