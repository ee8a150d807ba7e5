# shellcheck shell=bash
# shellcheck disable=SC2034
# The way to the stack's parts and to Landfall's metrics.

SOURCE=demo_source
DESTINATION=demo_destination

find_stack() {
  local line
  while read -r line; do
    case $line in
    LANDFALL_STACK_KAFKA=* | LANDFALL_STACK_REGISTRY=* | LANDFALL_STACK_PGPORT=* | LANDFALL_STACK_PGBIN=*) declare -g "$line" ;;
    esac
  done <"$STATE/env"
  # The embedded Postgres of the stack comes without psql; any psql will do.
  PSQL=$LANDFALL_STACK_PGBIN/psql
  [[ -x $PSQL ]] || PSQL=psql
}

# database NAME ARGS…: psql, the same settings for everybody, whatever the user's own are.
database() {
  local name=$1
  shift
  PGOPTIONS='-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c client_min_messages=warning' PGCLIENTENCODING=UTF8 \
    "$PSQL" --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 \
    --host=127.0.0.1 --port="$LANDFALL_STACK_PGPORT" --username=postgres --dbname="$name" "$@"
}

query() { database "$1" --command="$2"; }

# tables_of DATABASE: those that are there; Landfall makes one of the destination's.
tables_of() { query "$1" "SELECT name FROM string_to_table('${TABLES[*]}', ' ') name WHERE to_regclass(name) IS NOT NULL"; }

# count_rows DATABASE: a line "table count" for each table.
count_rows() {
  local table sql=''
  for table in $(tables_of "$1"); do sql+="${sql:+ UNION ALL }SELECT '$table ' || count(*) FROM $table"; done
  query "$1" "$sql ORDER BY 1"
}

# Nothing, if Landfall doesn't answer.
metrics() { curl --noproxy '*' --silent --max-time 2 "http://127.0.0.1:$HTTP_PORT/metrics" || true; }

# kafka TOOL ARGS…: its complaints are shown only if it fails.
kafka() {
  "$DEV/kafka" "$@" 2>"$DEMO/kafka-tool.err" || {
    cat "$DEMO/kafka-tool.err" >&2
    return 1
  }
}
