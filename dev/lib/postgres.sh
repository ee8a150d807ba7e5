# shellcheck shell=bash
# The stack's own Postgres: source and destination alike, each test in a database of its own.

postgres_fetch() { postgres_choose_binaries; }

postgres_address() { echo "postgres://postgres@127.0.0.1:$(cat "$STATE/postgres/port")"; }

postgres_waits_for() { echo "until the server accepts connections at $(postgres_address)"; }

postgres_ready() { server_ready "$STATE/postgres"; }

postgres_stop() { server_stop "$STATE/postgres"; }

postgres_start() {
  server_prepare "$STATE/postgres"
  echo "$PGBIN" >"$STATE/postgres/bin"
  # Slots and senders for many connectors at once; connections for many tests.
  server_start "$STATE/postgres" -c wal_level=logical -c max_replication_slots=64 -c max_wal_senders=64 \
    -c max_connections=300 -c shared_buffers=256MB -c max_wal_size=2GB
}
