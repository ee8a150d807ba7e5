# shellcheck shell=bash
# Detached processes and their pid files. A pid file holds "pid start-time boot-id": after a crash, or
# a reboot, the bare pid may belong to somebody else's process, which must never be taken for ours.

# process_identity PID: prints nothing if there is no such process, or only its unreaped rest.
process_identity() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The name, in parentheses, may itself contain spaces and parentheses.
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} == Z ]] || echo "$1 ${fields[19]} $(cat /proc/sys/kernel/random/boot_id)"
}

process_pid() { cut -d ' ' -f 1 "$1" 2>/dev/null; }

process_alive() {
  local recorded
  recorded=$(cat "$1" 2>/dev/null) && [[ -n $recorded ]] || return 1
  [[ $(process_identity "${recorded%% *}") == "$recorded" ]]
}

# process_start PID_FILE LOG COMMAND…: the log of the run before stays as LOG.1.
process_start() {
  local pid_file=$1 log=$2
  rm -f "$pid_file"
  [[ ! -e $log ]] || mv -f "$log" "$log.1"
  setsid --fork "$DEV/lib/run-detached" "$@"
  for _ in {1..100}; do
    [[ ! -s $pid_file ]] || return 0
    sleep 0.05
  done
  return 1
}

# process_stop PID_FILE SIGNAL: asks first, and insists after 30 seconds.
process_stop() {
  local pid_file=$1 signal=$2 pid
  if process_alive "$pid_file"; then
    pid=$(process_pid "$pid_file")
    kill -s "$signal" "$pid" 2>/dev/null || true
    for _ in {1..300}; do
      process_alive "$pid_file" || break
      sleep 0.1
    done
    if process_alive "$pid_file"; then
      say "process $pid ignores SIG$signal, killing it"
      kill -s KILL "$pid" 2>/dev/null || true
      while process_alive "$pid_file"; do sleep 0.1; done
    fi
  fi
  rm -f "$pid_file"
}
