# shellcheck shell=bash
# The schema registry: Confluent's API under /apis/ccompat/v7, its own under /apis/registry/v2.
# Unlike Confluent's, its global compatibility level starts at NONE.

registry_fetch() { fetch_registry; }

registry_address() { echo "http://127.0.0.1:$(cat "$STATE/registry/port")"; }

registry_waits_for() { echo "until $(registry_address)/apis/ccompat/v7 answers"; }

registry_ready() { http_ok "$(registry_address)/apis/ccompat/v7/subjects"; }

registry_stop() { process_stop "$STATE/registry/pid" TERM; }

registry_start() {
  local dir=$STATE/registry
  # A file, because ids that change with a restart would be worse than none.
  process_start "$dir/pid" "$dir/log" env \
    QUARKUS_HTTP_HOST=127.0.0.1 "QUARKUS_HTTP_PORT=$(cat "$dir/port")" QUARKUS_LOG_LEVEL=WARN \
    "REGISTRY_DATASOURCE_URL=jdbc:h2:file:$dir/data/registry" \
    "$JAVA" -Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -jar "$REGISTRY_HOME/apicurio-registry-app-$APICURIO_VERSION-runner.jar"
}
