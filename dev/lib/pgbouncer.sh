# shellcheck shell=bash
# A PgBouncer of our own in a folder: DIR/{data,port,pid,log}. It pools transactions, before a Postgres on this machine.

PGBOUNCER_PACKAGES=(pgbouncer libc-ares2)

# pgbouncer_choose_binary: sets PGBOUNCER, and PGBOUNCER_LIBRARIES if these aren't the machine's. Where the package isn't
# installed, Debian's is unpacked in the cache, for which nobody has to be root.
pgbouncer_choose_binary() {
  local home=$CACHE/pgbouncer reachable library
  PATH=$PATH:/usr/sbin
  PGBOUNCER=$(command -v pgbouncer || true)
  PGBOUNCER_LIBRARIES=
  [[ -z $PGBOUNCER ]] || return 0
  fetch_into "$home" pgbouncer_unpack ||
    die "there is no PgBouncer on this machine; on Debian: apt-get install --no-install-recommends pgbouncer"
  # The cache of root lies in /root, where nobody else may look.
  if ! postgres_as_user test -x "$home/usr/sbin/pgbouncer"; then
    reachable=/var/tmp/landfall-pgbouncer-cache
    [[ -d $reachable ]] || {
      cp -r "$home" "$reachable.$$"
      mv -T "$reachable.$$" "$reachable" 2>/dev/null || rm -rf "$reachable.$$"
    }
    home=$reachable
  fi
  PGBOUNCER=$home/usr/sbin/pgbouncer
  library=$(find "$home" -name 'libcares.so.2' | head -n 1)
  PGBOUNCER_LIBRARIES=${library%/*}
}

# pgbouncer_unpack FOLDER: for fetch_into.
pgbouncer_unpack() (
  cd "$1" && apt-get download -qq "${PGBOUNCER_PACKAGES[@]}" >/dev/null 2>&1 || {
    apt-get update -qq >&2 && apt-get download -qq "${PGBOUNCER_PACKAGES[@]}" >/dev/null 2>&1
  } || exit 1
  for package in *.deb; do dpkg-deb --extract "$package" . || exit 1; done
  rm -f ./*.deb
)

# pgbouncer_prepare DIR PORT_OF_POSTGRES POOL_SIZE: writes its configuration, where its user may read it.
pgbouncer_prepare() {
  local dir=$1 data
  [[ -e $dir/data ]] || {
    data=$(mktemp -d /var/tmp/landfall-pgbouncer.XXXXXX)
    ln -s "$data" "$dir/data"
  }
  data=$(readlink --canonicalize "$dir/data")
  echo '"postgres" ""' >"$data/users"
  cat >"$data/pgbouncer.ini" <<END
[databases]
* = host=127.0.0.1 port=$2

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $(cat "$dir/port")
unix_socket_dir =
auth_type = trust
auth_file = $data/users
pool_mode = transaction
default_pool_size = $3
max_client_conn = 200
END
  ((EUID != 0)) || chown -R "$(postgres_user)" "$data"
}

pgbouncer_launch() {
  local dir=$1 as_user
  mapfile -t as_user < <(postgres_as_user_command)
  process_start "$dir/pid" "$dir/log" "${as_user[@]}" env "LD_LIBRARY_PATH=$PGBOUNCER_LIBRARIES" "$PGBOUNCER" \
    "$(readlink --canonicalize "$dir/data")/pgbouncer.ini"
}

# pgbouncer_start DIR PORT_OF_POSTGRES POOL_SIZE: returns once it listens.
pgbouncer_start() {
  local dir=$1 deadline=$((SECONDS + TIMEOUT)) port
  port=$(port_choose "$dir/port")
  pgbouncer_prepare "$@"
  process_alive "$dir/pid" || pgbouncer_launch "$dir" || return 1
  until port_taken "$port"; do
    process_alive "$dir/pid" && ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

pgbouncer_remove() {
  process_stop "$1/pid" KILL
  [[ ! -L $1/data ]] || rm -rf "$(readlink "$1/data")"
  rm -rf "$1"
}
