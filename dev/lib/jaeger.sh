# shellcheck shell=bash
# A Jaeger of our own in a folder: DIR/{otlp-port,query-port,pid,log}. It keeps what it is sent in memory. The one in a single
# program, of version 1: its successor of the same release takes half as long again to compile, and asks for a file.

# Its modules are pinned in go.mod, so that one that is built is keyed by them.
JAEGER_HOME=$CACHE/jaeger-$(cksum <"$DEV/jaeger.d/go.sum" | cut -d ' ' -f 1)

jaeger_fetch() {
  [[ -d $JAEGER_HOME ]] || command -v go >/dev/null ||
    die "Jaeger is built with Go, which isn't installed: https://go.dev/dl/, or on Debian: apt-get install golang"
  fetch_into "$JAEGER_HOME" jaeger_build
}

# jaeger_build FOLDER: for fetch_into. Some four minutes of processor time, which others needn't notice.
jaeger_build() {
  say "building jaeger, which takes minutes"
  (cd "$DEV/jaeger.d" && nice go build -trimpath -ldflags='-s -w' -o "$1/jaeger" \
    github.com/jaegertracing/jaeger/cmd/all-in-one)
}

jaeger_launch() {
  local dir=$1 any=127.0.0.1:0
  process_start "$dir/pid" "$dir/log" "$JAEGER_HOME/jaeger" --memory.max-traces=10000 --log-level=warn \
    "--collector.otlp.http.host-port=127.0.0.1:$(cat "$dir/otlp-port")" \
    "--query.http-server.host-port=127.0.0.1:$(cat "$dir/query-port")" \
    --collector.otlp.grpc.host-port=$any --query.grpc-server.host-port=$any --admin.http.host-port=$any \
    --collector.grpc-server.host-port=$any --collector.http-server.host-port=$any
}

# jaeger_start DIR: returns once it can be sent spans and asked for them.
jaeger_start() {
  local dir=$1 deadline=$((SECONDS + TIMEOUT)) otlp query
  otlp=$(port_choose "$dir/otlp-port")
  query=$(port_choose "$dir/query-port")
  process_alive "$dir/pid" || jaeger_launch "$dir" || return 1
  until port_taken "$otlp" && port_taken "$query"; do
    process_alive "$dir/pid" && ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

jaeger_remove() {
  process_stop "$1/pid" TERM
  rm -rf "$1"
}
