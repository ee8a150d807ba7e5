# shellcheck shell=bash
# .stack/env: where everything is, as plain KEY=value lines that a shell can source and a test can split.

write_environment() {
  mkdir -p "$STATE"
  environment >"$STATE/env.new"
  mv -f "$STATE/env.new" "$STATE/env"
}

# A part that has never been started has no address, and no line.
environment() {
  local part
  for part in kafka connect registry postgres; do
    [[ -s $STATE/$part/port ]] || continue
    echo "LANDFALL_STACK_${part^^}=$("${part}_address")"
  done
  [[ ! -s $STATE/postgres/port ]] || echo "LANDFALL_STACK_PGPORT=$(cat "$STATE/postgres/port")"
  [[ ! -s $STATE/postgres/bin ]] || echo "LANDFALL_STACK_PGBIN=$(cat "$STATE/postgres/bin")"
  echo "LANDFALL_STACK_KAFKA_CLASSPATH=$KAFKA_HOME/kafka/*"
  echo "LANDFALL_STACK_CONNECT_PLUGINS=$(connect_plugin_path)"
  echo "LANDFALL_STACK_STATE=$STATE"
}

print_exports() {
  [[ -s $STATE/env ]] || die "nothing was started yet: dev/stack up"
  echo "# $STATE/env"
  sed "s/=\(.*\)/='\1'/; s/^/export /" "$STATE/env"
}

# stack_address PART: for the scripts that talk to a running stack.
stack_address() {
  local key=LANDFALL_STACK_${1^^} line
  line=$(grep "^$key=" "$STATE/env" 2>/dev/null) || die "$1 was not started yet: dev/stack up $1"
  echo "${line#*=}"
}
