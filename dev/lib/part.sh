# shellcheck shell=bash
# What is the same for every part: its folder $STATE/PART with port, pid and log, and the way up and down.
# What differs are the functions PART_fetch, _address, _waits_for, _start, _ready and _stop.

http_ok() { curl --noproxy '*' --fail --silent --output /dev/null --max-time 5 "$1"; }

part_line() { printf '%-9s %s\n' "$1" "${*:2}"; }

part_say() { part_line "$@" >&2; }

part_alive() { process_alive "$STATE/$1/pid"; }

part_ready() { part_alive "$1" && "$1_ready"; }

# part_choose_port PART: a running part keeps the port it has.
part_choose_port() {
  local wanted=LANDFALL_STACK_${1^^}_PORT
  part_alive "$1" || port_choose "$STATE/$1/port" "${!wanted:-}" >/dev/null
}

part_up() {
  local part=$1 started=$SECONDS
  if part_ready "$part"; then
    part_say "$part" "ready, was running: $("${part}_address")"
    return
  fi
  if ! part_alive "$part" && port_taken "$(cat "$STATE/$part/port")"; then
    part_say "$part" "port $(cat "$STATE/$part/port") is taken by another program: set LANDFALL_STACK_${part^^}_PORT"
    return 1
  fi
  part_say "$part" "waiting $("${part}_waits_for")"
  part_start_and_wait "$part" || {
    part_say "$part" "is not ready after $((SECONDS - started)) s; the end of $STATE/$part/log:"
    tail -n 30 "$STATE/$part/log" >&2
    return 1
  }
  part_say "$part" "ready after $((SECONDS - started)) s"
}

part_start_and_wait() {
  local deadline=$((SECONDS + TIMEOUT))
  part_alive "$1" || "$1_start" || return 1
  until "$1_ready"; do
    part_alive "$1" && ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

part_down() {
  local was=ended
  part_alive "$1" || was='did not run'
  "$1_stop"
  part_say "$1" "$was"
}

part_remove() {
  # Postgres' data may lie elsewhere; for the others this is a plain removal.
  server_remove "${STATE:?}/$1"
  part_say "$1" "data deleted"
}

part_status() {
  if part_ready "$1"; then
    part_line "$1" "ready     pid $(process_pid "$STATE/$1/pid") at $("$1_address")"
  elif part_alive "$1"; then
    part_line "$1" "not ready pid $(process_pid "$STATE/$1/pid"), see $STATE/$1/log"
    return 1
  else
    part_line "$1" "down"
    return 1
  fi
}
