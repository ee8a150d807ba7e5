# shellcheck shell=bash
# A Postgres of our own in a folder: DIR/{data,port,pid,log}. Used by dev/postgres for the throw-away
# servers of tests and by dev/stack for its own.

# postgres_choose_binaries: sets PGBIN. LANDFALL_STACK_POSTGRES_BIN names a folder, or "embedded", or "embedded-17.6.0".
postgres_choose_binaries() {
  local wanted=${LANDFALL_STACK_POSTGRES_BIN:-} candidate
  case $wanted in
  embedded | embedded-*)
    postgres_embedded_binaries "${wanted#embedded}"
    return
    ;;
  esac
  # pg_config alone proves nothing: it comes with the client library.
  for candidate in ${wanted:-"$(pg_config --bindir 2>/dev/null)" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse)}; do
    [[ -x $candidate/initdb && -x $candidate/postgres ]] || continue
    PGBIN=$candidate
    return
  done
  [[ -z $wanted ]] || die "there is no initdb in LANDFALL_STACK_POSTGRES_BIN=$wanted"
  postgres_embedded_binaries
}

# postgres_embedded_binaries [-VERSION]: of the pinned one, or of another.
postgres_embedded_binaries() {
  local reachable
  if [[ -n ${1:-} ]]; then
    # shellcheck disable=SC2034 # fetch_embedded_postgres has it
    EMBEDDED_POSTGRES_VERSION=${1#-}
    EMBEDDED_POSTGRES_HOME=$CACHE/postgres$1
  fi
  fetch_embedded_postgres || die "no Postgres is installed, and fetching one failed"
  PGBIN=$EMBEDDED_POSTGRES_HOME/bin
  ! postgres_as_user test -x "$PGBIN/postgres" || return 0
  # The cache of root lies in /root, where nobody else may look.
  reachable=/var/tmp/landfall-${EMBEDDED_POSTGRES_HOME##*/}
  if [[ ! -d $reachable ]]; then
    cp -r "$EMBEDDED_POSTGRES_HOME" "$reachable.$$"
    mv -T "$reachable.$$" "$reachable" 2>/dev/null || rm -rf "$reachable.$$"
  fi
  PGBIN=$reachable/bin
}

# Postgres refuses to run as root.
postgres_user() {
  if ((EUID != 0)); then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

postgres_as_user_command() {
  ((EUID != 0)) || printf '%s\n' setpriv "--reuid=$(postgres_user)" "--regid=$(id -g "$(postgres_user)")" --init-groups --
}

postgres_as_user() (
  mapfile -t as_user < <(postgres_as_user_command)
  cd / && exec "${as_user[@]}" "$@"
)

# Where the data really are: the user may reach them only there.
server_data() { readlink --canonicalize "$1/data"; }

# server_prepare DIR: makes DIR/data, owned by the user that Postgres runs as.
server_prepare() {
  local dir=$1
  mkdir -p "$dir"
  # An initdb that was interrupted is done again.
  if [[ -e $dir/unfinished ]]; then rm -rf "$(server_data "$dir")" "$dir/data"; fi
  [[ ! -e $dir/data ]] || return 0
  touch "$dir/unfinished"
  if ((EUID == 0)); then server_give_away "$dir"; fi
  server_initdb "$dir"
  rm "$dir/unfinished"
}

server_give_away() {
  local dir=$1 elsewhere
  chown "$(postgres_user)" "$dir"
  ! postgres_as_user test -w "$dir" || return 0
  # Somewhere above DIR is a folder closed to that user, such as /root.
  elsewhere=/var/tmp/landfall-$(printf '%s' "$dir" | sha256sum | cut -c 1-12)
  say "postgres as user $(postgres_user) cannot reach $dir, its data go to $elsewhere"
  rm -rf "$elsewhere"
  mkdir -m 700 "$elsewhere" || die "cannot make $elsewhere"
  chown "$(postgres_user)" "$elsewhere"
  ln -sfn "$elsewhere" "$dir/data"
}

server_initdb() {
  local dir=$1 sync=()
  [[ ${LANDFALL_STACK_PG_FSYNC:-on} != off ]] || sync=(--no-sync)
  # Locale C: it exists everywhere, and sorts the same everywhere.
  postgres_as_user "$PGBIN/initdb" --pgdata="$(server_data "$dir")" --username=postgres --auth=trust \
    --encoding=UTF8 --locale=C "${sync[@]}" >"$dir/log" 2>&1 || {
    tail -n 30 "$dir/log" >&2
    die "initdb failed in $dir"
  }
}

# The server's own word: pg_isready is not among the embedded binaries. A killed server leaves its word
# behind, hence the look at whose it is.
server_ready() {
  local said
  process_alive "$1/pid" && mapfile -t said < <(cat "$1/data/postmaster.pid" 2>/dev/null) &&
    [[ ${said[0]:-} == "$(process_pid "$1/pid")" && ${said[7]:-} == ready* ]]
}

# server_launch DIR OPTIONS…: starts it, on the port in DIR/port, without waiting.
server_launch() {
  local dir=$1 as_user
  shift
  mapfile -t as_user < <(postgres_as_user_command)
  process_start "$dir/pid" "$dir/log" "${as_user[@]}" "$PGBIN/postgres" -D "$(server_data "$dir")" -p "$(cat "$dir/port")" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c "fsync=${LANDFALL_STACK_PG_FSYNC:-on}" \
    -c timezone=UTC -c log_timezone=UTC "$@"
}

# server_start DIR OPTIONS…: returns once the server is ready, 1 if it will not be.
server_start() {
  local dir=$1 deadline=$((SECONDS + TIMEOUT)) retries=0 new_port=false
  [[ -s $dir/port ]] || new_port=true
  port_choose "$dir/port" >/dev/null
  process_alive "$dir/pid" || server_launch "$@" || return 1
  until server_ready "$dir"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
    process_alive "$dir/pid" && continue
    if ((retries++ < 20)) && grep -qE 'pre-existing shared memory|"postmaster.pid" already exists' "$dir/log"; then
      # It was killed, and the last of it is not gone yet.
      sleep 0.5
    elif $new_port && grep -q 'Address already in use' "$dir/log"; then
      port_free >"$dir/port"
    else
      return 1
    fi
    server_launch "$@" || return 1
  done
}

# server_stop DIR [fast|immediate|smart]
server_stop() {
  local signal
  case ${2:-fast} in
  fast) signal=INT ;;
  immediate) signal=QUIT ;;
  smart) signal=TERM ;;
  *) die "stop mode '$2' is none of fast, immediate, smart" ;;
  esac
  process_stop "$1/pid" "$signal"
}

# server_remove DIR: with the data, wherever they are.
server_remove() {
  [[ ! -L $1/data ]] || rm -rf "$(readlink "$1/data")"
  rm -rf "$1"
}
