# shellcheck shell=bash
# Downloads, through Maven, into folders of the cache that are named for their versions. A folder is
# filled under another name and then renamed, so one that exists is whole, and nothing is fetched twice.

# Jars that the pom selects are keyed by the pom too: a dependency may change while the version stays.
POM_KEY=$(cksum <"$DEV/pom.xml" | cut -d ' ' -f 1)
KAFKA_HOME=$CACHE/kafka-$KAFKA_VERSION-$POM_KEY
AVRO_CONVERTER_HOME=$CACHE/avro-converter-$APICURIO_VERSION-$POM_KEY
REGISTRY_HOME=$CACHE/registry-$APICURIO_VERSION
EMBEDDED_POSTGRES_HOME=$CACHE/postgres-$EMBEDDED_POSTGRES_VERSION
debezium_home() { echo "$CACHE/debezium-$1-$(debezium_version "$1")"; }

debezium_version() {
  local own=DEBEZIUM_${1^^}_VERSION
  echo "${!own:-$DEBEZIUM_VERSION}"
}

fetch_kafka() {
  fetch_into "$KAFKA_HOME" copy_dependencies kafka -Dkafka.version="$KAFKA_VERSION" \
    -Dscala.binary.version="$SCALA_BINARY_VERSION" -Dlog4j.version="$LOG4J_VERSION"
}

# Needs fetch_kafka first.
fetch_avro_converter() {
  fetch_into "$AVRO_CONVERTER_HOME" copy_avro_converter -Dapicurio.version="$APICURIO_VERSION"
}

# It lacks the service entries by which Connect finds plugins fast: 4 s instead of 10 to 20 for a scan of
# all classes. Kafka has a tool that adds them, as one more jar.
copy_avro_converter() {
  copy_dependencies "$1" avro-converter "${@:2}" &&
    "$JAVA" "-Dlog4j2.configurationFile=$DEV/lib/log4j2.properties" -cp "$KAFKA_HOME/kafka/*" \
      org.apache.kafka.tools.ConnectPluginPath sync-manifests --plugin-location "$1/avro-converter" >/dev/null
}

fetch_registry() {
  fetch_into "$REGISTRY_HOME" unpack_archive "io.apicurio:apicurio-registry-app:$APICURIO_VERSION:tar.gz:all"
}

# fetch_debezium CONNECTOR: postgres, jdbc, mysql …
fetch_debezium() {
  fetch_into "$(debezium_home "$1")" unpack_archive \
    "io.debezium:debezium-connector-$1:$(debezium_version "$1"):tar.gz:plugin"
}

fetch_embedded_postgres() {
  local arch=amd64
  [[ $(uname -m) != aarch64 ]] || arch=arm64v8
  fetch_into "$EMBEDDED_POSTGRES_HOME" unpack_postgres \
    "io.zonky.test.postgres:embedded-postgres-binaries-linux-$arch:$EMBEDDED_POSTGRES_VERSION"
}

# fetch_into FOLDER HOW ARGS…: calls `HOW EMPTY_FOLDER ARGS…` unless FOLDER is there already.
# A subshell, so that the lock ends with it.
fetch_into() (
  folder=$1 how=$2
  shift 2
  [[ ! -d $folder ]] || exit 0
  # One download at a time: Maven's local repository does not expect two writers. Who needs no Maven has a lock of its own.
  hold_lock "$CACHE/${FETCH_LOCK:-lock}" "downloads to $CACHE"
  [[ ! -d $folder ]] || exit 0
  started=$SECONDS
  partial=$(mktemp -d "$CACHE/.partial.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  "$how" "$partial" "$@" || exit 1
  chmod 755 "$partial"
  mv "$partial" "$folder"
  say "fetched ${folder##*/}: $(du -sh "$folder" | cut -f 1) in $((SECONDS - started)) s"
)

# What does the fetching.
DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN_VERSION

copy_dependencies() {
  local to=$1 profile=$2
  shift 2
  maven "$profile" -f "$DEV/pom.xml" "$DEPENDENCY_PLUGIN:copy-dependencies" -P "$profile" -DincludeScope=runtime \
    "-DoutputDirectory=$to/$profile" "$@"
}

unpack_archive() {
  local to=$1 archive=$2
  maven "$archive" -f "$DEV/pom.xml" "$DEPENDENCY_PLUGIN:unpack" -Dartifact="$archive" "-DoutputDirectory=$to"
}

# Inside the jar is nothing but another archive.
unpack_postgres() {
  unpack_archive "$@" || return 1
  tar -xJf "$1"/*.txz -C "$1" --no-same-owner && rm "$1"/*.txz
}

# maven WHAT GOALS AND OPTIONS…: one line every few seconds, its whole talk only if it fails.
maven() {
  local what=$1 build pid files told=$SECONDS
  shift
  # In its build folder Maven notes what it has unpacked, to skip it the next time: a new one each time.
  build=$(mktemp -d)
  say "fetching $what"
  mvn --batch-mode "-Dbuild.folder=$build" "$@" >"$build/log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    ((SECONDS - told >= 5)) || continue
    told=$SECONDS files=$(grep -c '^\(\[INFO\] \)\?Downloaded ' "$build/log" || true)
    say "fetching $what: $files files downloaded so far"
  done
  if wait "$pid"; then
    rm -r "$build"
  else
    say "mvn could not fetch $what:"
    tail -n 30 "$build/log" >&2
    rm -r "$build"
    return 1
  fi
}
