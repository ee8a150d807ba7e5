# shellcheck shell=bash
# A MariaDB of our own in a folder: DIR/{data,port,pid,log}, with row-based binary logs, as Debezium reads them.

# mariadb_choose_binaries: sets MARIADBD, MARIADB_INSTALL and MARIADB.
mariadb_choose_binaries() {
  PATH=$PATH:/usr/sbin:/usr/local/sbin
  MARIADBD=$(command -v mariadbd || true)
  MARIADB_INSTALL=$(command -v mariadb-install-db || true)
  MARIADB=$(command -v mariadb || true)
  [[ -n $MARIADBD && -n $MARIADB_INSTALL && -n $MARIADB ]] ||
    die "there is no MariaDB on this machine; on Debian: apt-get install --no-install-recommends mariadb-server"
}

# Like Postgres', its data lie where its user may reach them: MariaDB runs as root only if told so.
mariadb_user() { if ((EUID != 0)); then id -un; elif id mysql >/dev/null 2>&1; then echo mysql; else echo nobody; fi; }

mariadb_as_user_command() {
  ((EUID != 0)) || printf '%s\n' setpriv "--reuid=$(mariadb_user)" "--regid=$(id -g "$(mariadb_user)")" --init-groups --
}

# mariadb_prepare DIR: makes DIR/data, a link to where they are.
mariadb_prepare() {
  local dir=$1 data as_user
  [[ ! -e $dir/data ]] || return 0
  mapfile -t as_user < <(mariadb_as_user_command)
  data=$(mktemp -d /var/tmp/landfall-mariadb.XXXXXX)
  chown "$(mariadb_user)" "$data"
  (cd / && "${as_user[@]}" "$MARIADB_INSTALL" --no-defaults --datadir="$data" --auth-root-authentication-method=normal \
    --skip-test-db) >"$dir/log" 2>&1 || {
    tail -n 30 "$dir/log" >&2
    die "mariadb-install-db failed in $data"
  }
  ln -s "$data" "$dir/data"
}

mariadb_launch() {
  local dir=$1 data as_user
  mapfile -t as_user < <(mariadb_as_user_command)
  data=$(readlink --canonicalize "$dir/data")
  process_start "$dir/pid" "$dir/log" "${as_user[@]}" "$MARIADBD" --no-defaults --datadir="$data" \
    --socket="$data/socket" --pid-file="$data/pid" --bind-address=127.0.0.1 --port="$(cat "$dir/port")" \
    --server-id=4711 --log-bin=binlog --binlog-format=ROW --binlog-row-image=FULL --innodb-buffer-pool-size=32M \
    --innodb-flush-log-at-trx-commit=0 --character-set-server=utf8mb4 --default-time-zone=+00:00
}

# mariadb_sql DIR: runs what stands on the standard input.
mariadb_sql() {
  local data
  data=$(readlink --canonicalize "$1/data")
  "$MARIADB" --no-defaults --socket="$data/socket" --user=root --batch --skip-column-names
}

# mariadb_start DIR: returns once the server answers. A user debezium may read its log.
mariadb_start() {
  local dir=$1 deadline=$((SECONDS + TIMEOUT))
  port_choose "$dir/port" >/dev/null
  process_alive "$dir/pid" || mariadb_launch "$dir" || return 1
  until mariadb_sql "$dir" <<<'SELECT 1' >/dev/null 2>&1; do
    process_alive "$dir/pid" && ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
  mariadb_sql "$dir" <<'END'
CREATE USER IF NOT EXISTS debezium@'127.0.0.1' IDENTIFIED BY 'debezium';
GRANT ALL PRIVILEGES ON *.* TO debezium@'127.0.0.1';
END
}

mariadb_remove() {
  process_stop "$1/pid" KILL
  [[ ! -L $1/data ]] || rm -rf "$(readlink "$1/data")"
  rm -rf "$1"
}
