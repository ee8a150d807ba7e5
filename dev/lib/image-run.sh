# shellcheck shell=bash
# The image, run as a container engine would run it: its own entry point and command as its own user, on the real stack. In a
# folder of its own ($TRIAL), with a topic, a table and a group of its own ($NAME).

RECORDS=300000
PATIENCE=180 # seconds that anything awaited may take

fail() {
  say "$*"
  [[ ! -s $TRIAL/log ]] || tail -n 20 "$TRIAL/log" >&2
  exit 1
}

# await WHAT CONDITION …
await() {
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "after $PATIENCE s, still not: $what"
    sleep 0.05
  done
}

seconds_since() { awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $1 }"; }

sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$POSTGRES/$1" --command "$2"; }
landed() { sql "$NAME" "SELECT count(*) FROM landed"; }
has_landed() { (($(landed) >= $1)); }

kafka_tool() { kafka_java "org.apache.kafka.tools.$1" --bootstrap-server "$BROKER" "${@:2}"; }

prepare_trial() {
  local port
  "$DEV/stack" up kafka postgres
  BROKER=$(stack_address kafka) POSTGRES=$(stack_address postgres)
  NAME=image_$$_$RANDOM
  TRIAL=$(mktemp -d)
  trap end_trial EXIT
  port=$(port_choose "$TRIAL/port")
  sql postgres "CREATE DATABASE $NAME"
  # without a key: what is written twice is there twice
  sql "$NAME" "CREATE TABLE landed (id bigint NOT NULL)"
  kafka_tool TopicCommand --create --topic "$NAME" --partitions 4 >"$TRIAL/kafka.log" 2>&1
  # By a name, which has to be looked up. And small batches, so that the end comes in the middle.
  cat >"$TRIAL/landfall.toml" <<TOML
[kafka]
brokers = "${BROKER/127.0.0.1/localhost}"
group = "$NAME"
topics = ["$NAME"]

[format]
envelope = "flat"

[postgres]
url = "${POSTGRES/127.0.0.1/localhost}/$NAME"

[[route]]
topic = "$NAME"
table = "public.landed"
write = "append"

[apply]
batch_rows = 200

[http]
listen = "0.0.0.0:$port"
TOML
  chmod 755 "$TRIAL"
  CONTAINER=$("${BUILDAH[@]}" from --pull-never localhost/landfall)
  MOUNTED=$("${BUILDAH[@]}" mount "$CONTAINER")
}

end_trial() {
  local code=$?
  [[ -z $WORKER ]] || kill -KILL "$WORKER" 2>/dev/null || true
  [[ -z ${CONTAINER:-} ]] || "${BUILDAH[@]}" rm "$CONTAINER" >/dev/null || true
  sql postgres "DROP DATABASE IF EXISTS $NAME WITH (FORCE)" || true
  kafka_tool TopicCommand --delete --topic "$NAME" >/dev/null 2>&1 || true
  rm -rf "$TRIAL"
  exit "$code"
}

# of_image FIELD: a list of the image's configuration, a word a line
of_image() { "${BUILDAH[@]}" inspect --type image landfall | jq --raw-output ".Docker.config.$1[]"; }

# in_container COMMAND …
in_container() {
  "${BUILDAH[@]}" run --isolation chroot --network host --user 65532 \
    --volume "$TRIAL/landfall.toml:/etc/landfall/landfall.toml:ro" "$CONTAINER" -- "$@"
}

# The same where nobody can write anything, as with `docker run --read-only`, which buildah has no word for: in the container that
# it has run once, whose places for mounts are there.
in_read_only_container() {
  local environment
  mapfile -t environment < <(of_image Env)
  export MOUNTED TRIAL
  # shellcheck disable=SC2016
  exec unshare --mount --propagation private bash -euc '
    mount --bind "$MOUNTED" "$MOUNTED"
    mount --bind /etc/hosts "$MOUNTED/etc/hosts"
    mount --bind "$TRIAL/landfall.toml" "$MOUNTED/etc/landfall/landfall.toml"
    mount --rbind /proc "$MOUNTED/proc"
    mount --options remount,bind,ro "$MOUNTED"
    ! touch "$MOUNTED/written" 2>/dev/null
    exec env --ignore-environment "$@"' - "${environment[@]}" /usr/sbin/chroot --userspec 65532:65532 "$MOUNTED" "$@"
}

# What the image says is to be run, in the background, in the way of $1; the process is $WORKER, and the one which has its exit
# code, $RUN.
start_worker() {
  local command
  mapfile -t command < <(of_image Entrypoint && of_image Cmd)
  STARTED=$EPOCHREALTIME
  "$1" "${command[@]}" >>"$TRIAL/log" 2>&1 &
  RUN=$!
  await "the entry point runs" find_worker
}

WORKER='' RUN=''
find_worker() {
  WORKER=$(processes_below "$RUN" | while read -r pid; do
    [[ $(readlink "/proc/$pid/exe") != *"/usr/local/bin/landfall" ]] || echo "$pid"
  done | head -n 1)
  [[ -n $WORKER ]]
}

processes_below() {
  local child
  echo "$1"
  for child in $(pgrep --parent "$1"); do processes_below "$child"; done
}

is_ready() { http_ok "http://127.0.0.1:$(cat "$TRIAL/port")/readyz"; }

# The way that an engine ends it, and checks how it went.
stop_worker() {
  local asked=$EPOCHREALTIME code=0
  kill -TERM "$WORKER"
  wait "$RUN" || code=$?
  WORKER=
  ((code == 0)) || fail "after SIGTERM it exited with $code, not with 0"
  say "exited with 0, $(seconds_since "$asked") s after SIGTERM"
}

# As the image's own health check has it.
health() {
  local command
  mapfile -t command < <(of_image Healthcheck.Test)
  [[ ${command[0]} == CMD ]] || fail "the image has no health check"
  in_container "${command[@]:1}"
}

# Nowhere in the image may its user write.
check_user() {
  local status=/proc/$WORKER/status writable
  [[ $(awk '/^[UG]id:/ { print $2, $3, $4, $5 }' "$status" | sort -u) == "65532 65532 65532 65532" ]] || fail "it runs as another user than 65532"
  writable=$(find "$MOUNTED" -xdev \( -uid 65532 -o -gid 65532 -o -perm /o=w \) ! -type l ! -type c ! -path '*/dev/*')
  [[ -z $writable ]] || fail "its user may write to $writable"
}

run_image() {
  local before producer
  prepare_trial
  start_worker in_container
  await "it is ready" is_ready
  say "ready $(seconds_since "$STARTED") s after the start; at rest it holds $(awk '/^VmRSS/ { printf "%.1f MB", $2 / 1000 }' "/proc/$WORKER/status") of memory"
  check_user
  [[ $(health) == alive ]] || fail "its health check doesn't find it alive"

  seq --format '{"id":%.0f}' 1 "$RECORDS" | kafka_tool ConsoleProducer --topic "$NAME" >>"$TRIAL/kafka.log" 2>&1 &
  producer=$!
  await "the first rows are there" has_landed 1
  stop_worker
  before=$(landed)
  ((before < RECORDS)) || fail "all rows had landed before it was told to end"
  ! health 2>/dev/null || fail "its health check finds it alive after its end"

  wait "$producer" || fail "the records could not be sent"
  start_worker in_read_only_container
  await "it is ready on a read-only root" is_ready
  check_user
  await "the other rows are there" has_landed "$RECORDS"
  stop_worker
  [[ $(sql "$NAME" "SELECT count(*), count(DISTINCT id) FROM landed") == "$RECORDS|$RECORDS" ]] ||
    fail "rows are lost or doubled: $(landed) of $RECORDS"
  say "$before rows landed before SIGTERM, all $RECORDS after the second start, each once"
}
